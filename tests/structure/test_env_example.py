"""deploy/env.example lists exactly the settings that app/config.py reads, with the same defaults, each explained."""

import ast
from pathlib import Path

import pytest

from app.config import BadSettings, load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy/env.example"
UNSET_IS_ANOTHER = {"MODELS_DIR"}  # its default follows DATA_DIR; the example shows what that comes to


def _read_by_config() -> set[str]:
    tree = ast.parse((ROOT / "app/config.py").read_text())
    return {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "env"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def _pairs() -> list[tuple[str, str]]:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return [tuple(line.split("=", 1)) for line in lines]


def test_the_example_lists_exactly_what_config_reads():
    names = [name for name, _ in _pairs()]
    assert sorted(names) == sorted(set(names)), "a setting stands twice"
    assert set(names) == _read_by_config()


def test_every_setting_is_explained_above_it():
    block_has_comment = False
    for line in EXAMPLE.read_text().splitlines():
        if not line:
            continue
        if line.startswith("#"):
            block_has_comment = True
        else:
            assert block_has_comment, line


def test_the_example_is_harmless_and_says_the_defaults():
    assert load({k: v for k, v in _pairs() if v}) == load({})


def test_a_short_key_and_an_unknown_environment_are_refused():
    with pytest.raises(BadSettings):
        load({"BOOTSTRAP_API_KEY": "short"})
    with pytest.raises(BadSettings):
        load({"APP_ENV": "production"})
