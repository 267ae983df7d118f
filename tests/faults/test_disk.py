"""A full disk and a used-up budget: a clean 507, nothing half-written that anybody can see, and work again after."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kits import kit_wavs
from tests.live import KEY, Live

pytestmark = pytest.mark.faults

SMALL_MB = 48


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB; needs the right to mount."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_MB}m", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(folder: Path) -> Path:
    """Use up the file system but for a few hundred kB."""
    path = folder / "filler"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    path.write_bytes(b"\0" * max(0, free - 300_000))
    return path


def test_a_full_disk_refuses_uploads_and_results_cleanly(small_disk: Path) -> None:
    live = Live(small_disk, MIN_FREE_GB="0", MAX_DATA_GB="1", WEB_WORKERS="1", WORKERS="1").ready()
    try:
        made = live.beat(kit_wavs(), bars=2)
        assert made.status_code == 200, made.text
        filler = fill(small_disk)
        big = kit_wavs(7)["rain.wav"] * 8
        refused = live.post("/v1/assets", files={"audio": ("big.wav", big, "audio/wav")})
        assert (refused.status_code, refused.json()["code"]) == (507, "disk_full"), refused.text
        file = live.get(made.json()["links"]["stems.zip"])
        assert (file.status_code, file.json()["code"]) == (507, "disk_full"), file.text
        assert live.get("/health").status_code == 200
        filler.unlink()
        assert live.beat(kit_wavs(8), bars=1).status_code == 200
        assert live.get(made.json()["links"]["stems.zip"]).status_code == 200
        assert [p.name for p in (live.data / "blobs").rglob("upload-*")] == []
    finally:
        live.stop()


def test_the_budget_is_a_507_before_the_disk_is_full(tmp_path: Path) -> None:
    live = Live(tmp_path, MAX_DATA_GB="0.002", WEB_WORKERS="1", WORKERS="1").ready()
    try:
        first = live.beat(kit_wavs(), bars=1)
        assert first.status_code in (200, 507)
        answers = [
            live.post("/v1/assets", files={"audio": ("r.wav", kit_wavs(100 + i)["rain.wav"] * 3, "audio/wav")})
            for i in range(8)
        ]
        refused = answers[-1]
        assert (refused.status_code, refused.headers["Content-Type"]) == (507, "application/problem+json")
        assert refused.json()["code"] == "disk_full"
        ready = live.get("/ready")
        assert "warning" in ready.json()["checks"]["disk"]
        assert live.http.headers["X-API-Key"] == KEY
        assert live.get("/v1/beats").status_code == 200
    finally:
        live.stop()
