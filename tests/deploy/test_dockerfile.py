"""The image without a Docker engine: what it copies exists, what it runs resolves, and it is not root who runs it."""

import ast
import importlib.util
import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _instructions():
    """(instruction, arguments) in order, continued lines joined, comments gone."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def _all(name):
    return [rest for instruction, rest in _instructions() if instruction == name]


def _copied():
    return [source for rest in _all("COPY") for source in shlex.split(rest)[:-1]]


def test_every_copied_source_exists_and_is_not_ignored():
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    allowed = {p[1:] for p in patterns if p.startswith("!")}
    for source in _copied():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, f"{source} never reaches the builder"


@pytest.mark.parametrize("secret", ["var/run/secret", ".env", ".git/config", "demo/beat.wav"])
def test_nothing_private_reaches_the_builder(secret):
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert patterns[0] == "*"
    assert not any(fnmatch(secret, p[1:]) or secret.startswith(p[1:] + "/") for p in patterns if p.startswith("!"))


def test_the_command_is_one_that_the_command_line_has():
    command = json.loads(_all("CMD")[-1])
    assert command[:3] == ["python", "-m", "app"]
    spec = importlib.util.find_spec(f"{command[2]}.__main__")
    assert spec is not None
    tree = ast.parse((ROOT / "app/cli.py").read_text())
    assert command[3] in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_it_runs_as_somebody_who_is_not_root():
    users = _all("USER")
    assert users
    assert users[-1] not in ("root", "0")
    assert f" {users[-1]} " in " ".join(_all("RUN")) + " "
    order = [name for name, _ in _instructions()]
    assert order.index("USER") < order.index("CMD")
    assert not any(rest.startswith("pip") or "apt-get" in rest for rest in _after("USER", "RUN"))


def _after(marker, name):
    rows = _instructions()
    start = [i for i, (instruction, _) in enumerate(rows) if instruction == marker][-1]
    return [rest for instruction, rest in rows[start:] if instruction == name]


def test_data_lies_in_the_volume_and_the_port_is_the_seeds():
    environment = dict(pair.split("=", 1) for rest in _all("ENV") for pair in shlex.split(rest))
    assert environment["DATA_DIR"] in _all("VOLUME")
    assert environment["APP_ENV"] == "prod"
    assert _all("EXPOSE") == ["8000"]
    assert "BOOTSTRAP_API_KEY" not in environment


def test_the_health_check_asks_health():
    check = _all("HEALTHCHECK")[0]
    words = json.loads(check[check.index("[") :])
    ast.parse(words[2])
    assert words[0] == "python"
    assert "/health" in words[2]


def test_the_base_and_every_dependency_are_pinned():
    assert re.fullmatch(r"python:3\.11-slim(-[a-z]+)?", _all("FROM")[0])
    installs = [rest for rest in _all("RUN") if "pip install" in rest]
    assert installs
    for rest in installs:
        assert rest.rsplit(maxsplit=1)[-1] == "deploy/requirements/core.txt"


def test_compose_names_only_settings_that_exist():
    text = (ROOT / "deploy/compose.yaml").read_text()
    known = {
        line.split("=")[0]
        for line in (ROOT / "deploy/env.example").read_text().splitlines()
        if "=" in line and line[0] != "#"
    }
    block = re.search(r"environment:\n(.*?)\n    volumes:", text, re.DOTALL)[1]
    used = set(re.findall(r"^      ([A-Z_]+):", block, re.MULTILINE))
    assert used
    assert used <= known
    assert re.findall(r"image: (\S+)", text)
    assert not [
        image
        for image in re.findall(r"image: (\S+)", text)
        if image.endswith(":latest") and "soundroutine" not in image
    ]
