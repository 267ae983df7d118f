"""The command line says what is wrong in a sentence and a status, never in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.notation.bsm import beat_bsm
from tests.live import ROOT
from tests.services.notation.grooves import groove


def app(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "DATA_DIR": str(folder), "APP_ENV": "test", **settings}
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("APP_ENV", "production"),
        ("PORT", "abc"),
        ("PORT", "0"),
        ("BOOTSTRAP_API_KEY", "short"),
        ("MAX_DATA_GB", "-1"),
        ("WORKERS", "0"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, setting: str, value: str) -> None:
    done = app(tmp_path, "up", **{setting: value})
    assert (done.returncode, setting in done.stderr, "Traceback" in done.stderr) == (2, True, False)


@pytest.mark.parametrize("command", ["up", "worker", "sweeper", "redis"])
def test_a_folder_that_cannot_be_written_is_named(command: str) -> None:
    done = app(Path("/proc/nowhere"), command)
    assert (done.returncode, "DATA_DIR" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    made = app(tmp_path, "keys", "create", "phone", "--scope", "beats:read", "--days", "7")
    key = made.stdout.split()[0]
    listed = app(tmp_path, "keys", "list").stdout
    assert key not in listed
    row = next(line for line in listed.splitlines() if "phone" in line)
    assert "valid" in row
    assert app(tmp_path, "keys", "revoke", row.split()[0]).returncode == 0
    assert "revoked" in app(tmp_path, "keys", "list").stdout
    assert app(tmp_path, "keys", "revoke", "nobody").returncode == 1
    assert not any(key.encode() in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and not p.is_socket())


def test_doctor_finds_the_embedded_defaults_good_and_says_so(tmp_path: Path) -> None:
    done = app(tmp_path, "doctor")
    assert done.returncode == 0, done.stdout
    assert "SQLite in DATA_DIR" in done.stdout
    assert "decoder sandbox" in done.stdout
    assert app(Path("/proc/nowhere"), "doctor").returncode == 1


def test_models_are_listed_with_licences_and_verified(tmp_path: Path) -> None:
    listed = app(tmp_path, "models", "list").stdout
    assert "Apache-2.0" in listed
    assert app(tmp_path, "models", "verify").returncode == 0


def test_the_client_says_that_no_server_answers(tmp_path: Path) -> None:
    sound = next((ROOT / "deploy" / "sounds").glob("*.flac"))
    done = app(tmp_path, "beat", str(sound), "--bpm", "96", "--key", "k" * 32, "--url", "http://127.0.0.1:9")
    assert (done.returncode, "No server answers" in done.stderr) == (1, True)
    missing = app(tmp_path, "beat", str(tmp_path / "none.wav"), "--bpm", "96", "--key", "k" * 32)
    assert (missing.returncode, "no file" in missing.stderr) == (2, True)


def test_a_map_is_checked(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.bsm", tmp_path / "broken.bsm"
    whole.write_bytes(beat_bsm(groove("7/8", bars=2)))
    broken.write_bytes(whole.read_bytes().replace(b'"velocity":0.5', b'"velocity":"loud"'))
    done = app(tmp_path, "check-bsm", str(whole))
    assert (done.returncode, "2 bars of 7/8 at 112 bpm" in done.stdout) == (0, True)
    done = app(tmp_path, "check-bsm", str(broken))
    assert (done.returncode, "velocity is a number" in done.stderr) == (1, True)
    assert app(tmp_path, "check-bsm", str(tmp_path / "none.bsm")).returncode == 1
