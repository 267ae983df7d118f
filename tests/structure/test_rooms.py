"""One room name in four places, and a process list that serves every kind of job."""

import importlib
import importlib.util
import re

import pytest

from tests.structure.tree import ROOT

PROCFILE = ROOT / "deploy/Procfile"
FLAT = {"errors", "clock", "canonical", "version"}  # single values of the house, tested where they are used


def _rooms() -> list[str]:
    return sorted(
        p.name
        for p in (ROOT / "services").iterdir()
        if p.is_dir() and any(f.stem != "__init__" for f in p.glob("*.py"))
    )


@pytest.mark.parametrize("room", _rooms())
def test_a_room_has_tests_under_the_same_name(room):
    assert list((ROOT / "tests/services" / room).rglob("test_*.py")), f"tests/services/{room} holds no tests"


def test_no_room_is_empty():
    rooms = {p for p in (ROOT / "services").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert not [p.name for p in rooms if not any(f.stem != "__init__" for f in p.glob("*.py"))]


def test_services_has_no_stray_modules():
    assert {p.stem for p in (ROOT / "services").glob("*.py")} - {"__init__"} <= FLAT


def _procfile() -> dict[str, str]:
    lines = [line for line in PROCFILE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return dict(re.fullmatch(r"([a-z0-9_-]+):\s*(.+)", line).groups() for line in lines)


@pytest.mark.skipif(not PROCFILE.exists(), reason="deploy/Procfile does not exist yet")
def test_the_procfile_names_the_processes_of_the_design():
    assert {"web", "worker", "sweeper"} <= set(_procfile())


@pytest.mark.skipif(
    not PROCFILE.exists() or importlib.util.find_spec("app.kinds") is None, reason="app/kinds.py does not exist yet"
)
def test_every_kind_resolves_and_its_queue_is_listened_to():
    kinds = importlib.import_module("app.kinds").KINDS
    assert kinds
    commands = " ".join(_procfile().values())
    for name, kind in kinds.items():
        assert kind.queue in commands.replace("=", " ").split(), (
            f"no process of deploy/Procfile listens to {kind.queue!r} ({name})"
        )
        assert kind.run is not None, name
