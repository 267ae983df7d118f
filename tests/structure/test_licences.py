"""Every pinned requirement, vendored file set and bundled sound has a licence that permits a paid service."""

import csv
import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GROUPS = sorted(path.stem for path in (ROOT / "deploy/requirements").glob("*.txt"))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements(group: str) -> list[str]:
    lines = (ROOT / f"deploy/requirements/{group}.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.strip() and not line.startswith(("#", "-r"))]


def _entries() -> dict[tuple[str, str], dict[str, str]]:
    with (ROOT / "deploy/licences.csv").open(newline="") as file:
        return {(row["group"], _normal(row["name"])): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("group", GROUPS)
def test_every_requirement_is_pinned_and_has_an_entry(group):
    entries = _entries()
    for requirement in _requirements(group):
        assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][A-Za-z0-9.+]*", requirement), (
            f"{requirement} is not pinned"
        )
        name = _normal(re.split(r"[=\[]", requirement)[0])
        assert (group, name) in entries, f"{name} is missing in deploy/licences.csv"


@pytest.mark.parametrize("group", GROUPS)
def test_no_entry_is_left_over(group):
    wanted = {_normal(re.split(r"[=\[]", r)[0]) for r in _requirements(group)}
    assert {name for g, name in _entries() if g == group} == wanted


def test_every_entry_names_a_licence_that_permits_a_paid_service():
    for row in _entries().values():
        assert row["licence"], row
        assert row["commercial_use"] == "yes", row
        assert row["source"].startswith("https://"), row


def test_every_bundled_sound_is_in_the_licence_file_with_its_hash():
    text = (ROOT / "deploy/sounds/LICENSE.md").read_text()
    sounds = sorted((ROOT / "deploy/sounds").glob("*.flac"))
    assert sounds
    assert sum(path.stat().st_size for path in sounds) < 3_000_000
    for path in sounds:
        row = next(line for line in text.splitlines() if line.startswith(f"| `{path.name}`"))
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:16] in row


def test_the_kitchen_holds_every_sound_and_is_the_same_twice():
    from deploy.make_kitchen import RATE_HZ, make_kitchen

    first, second = make_kitchen(), make_kitchen()
    assert first.shape == (40 * RATE_HZ,)
    assert (first == second).all()
    assert 0.2 < abs(first).max() < 1.0
    assert abs(first[: RATE_HZ // 4]).max() < 0.01, "the room must be quiet before the first sound"


def test_a_kitchen_without_sounds_is_refused(tmp_path):
    from deploy.make_kitchen import make_kitchen

    with pytest.raises(FileNotFoundError):
        make_kitchen(tmp_path)
