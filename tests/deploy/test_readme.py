"""README says what is so: its tour runs as it is printed, and what it names exists."""

import os
import re
import subprocess
from pathlib import Path

from services.beats.styles import STYLES
from tests.live import KEY

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text()


def test_the_tour_runs_as_printed(live, tmp_path):
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    script = re.search(r"```bash\n(.*?)```", TEXT, re.DOTALL)[1]
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "URL": live.url, "KEY": KEY},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr + run.stdout
    assert "event: snapshot" in run.stdout
    state, counts, third = run.stdout.splitlines()[-3:]
    assert (state, third) == ("succeeded", "4")
    assert "'CORE': 1" in counts
    starts = {"beat.wav": b"RIFF", "loop.wav": b"RIFF", "beat.mid": b"MThd", "stems.zip": b"PK", "second.wav": b"RIFF"}
    for name, start in starts.items():
        assert (tmp_path / name).read_bytes().startswith(start), name
    assert (tmp_path / "second.wav").read_bytes() != (tmp_path / "beat.wav").read_bytes()


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert not [link for link in links if not link.startswith("https://") and not (ROOT / link).exists()]


def test_the_room_table_lists_exactly_the_rooms():
    named = set(re.findall(r"\| `services/([a-z_]+)/` \|", TEXT))
    assert named == {p.name for p in (ROOT / "services").iterdir() if p.is_dir() and p.name != "__pycache__"}


def test_the_files_that_it_names_exist():
    named = set(re.findall(r"(?:services|deploy|app|db|tests)/[\w./-]+\.\w+", TEXT))
    assert not {name for name in named if not (ROOT / name).exists()}


def test_the_settings_that_it_names_exist():
    known = (ROOT / "deploy/env.example").read_text()
    rows = re.search(r"\| Setting \|.*?\n\n", TEXT, re.DOTALL)[0]
    for name in re.findall(r"`([A-Z][A-Z_]+)`", rows):
        assert f"\n{name}=" in known, name


def test_the_number_of_styles_is_right():
    assert f"one of {len(STYLES)} styles" in TEXT


def test_the_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^)make ([a-z-]+)", TEXT, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
