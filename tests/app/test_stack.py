"""The supervisor and this instance's own Redis."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from app.config import load
from app.stack import PROCFILE, CannotStart, child_environ, programs, redis_command, redis_socket
from app.supervisor import Program, Supervisor
from tests.job_engine import ROOT, eventually

UP = """
import sys
from pathlib import Path
from app import config, stack
stack.PROCFILE = Path(sys.argv[1])
sys.exit(stack.up(config.load()))
"""
SLEEPER = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


class Up:
    """A running supervisor over a Procfile of the test's own."""

    def __init__(self, folder: Path, procfile: str, **environ: str) -> None:
        self.out = folder / "out.log"
        (folder / "Procfile").write_text(procfile)
        self.environ = {**os.environ, "DATA_DIR": str(folder / "data"), "PORT": "8123", "WORKERS": "2", **environ}
        with self.out.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", UP, str(folder / "Procfile")], cwd=ROOT, env=self.environ, stdout=out, stderr=out
            )

    def said(self, start: str) -> list[str]:
        lines = self.out.read_text().splitlines() if self.out.exists() else []
        return [line.removeprefix(start).strip() for line in lines if line.startswith(start)]

    def pids(self, name: str) -> list[int]:
        return [int(line.split()[1]) for line in self.said(f"{name} | ") if line.startswith("pid")]


@pytest.fixture
def up(tmp_path) -> Iterator:
    started: list[Up] = []

    def start(procfile: str, **environ: str) -> Up:
        started.append(Up(tmp_path, procfile, **environ))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait(10)


def line(name: str, code: str) -> str:
    return f'{name}: python -c "{code}"\n'


def gone(*pids: int) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def test_programs_start_expand_and_speak_behind_their_names(up):
    one = up(
        "# a comment\n" + line("first", SLEEPER) + line("worker", SLEEPER) + "says: python -c \"print('port $PORT')\"\n"
    )
    eventually(lambda: one.pids("first") != [] and one.pids("worker.1") != [] and one.pids("worker.2") != [], 10)
    eventually(lambda: one.said("says | ")[:1] == ["port 8123"], 5)
    one.process.terminate()
    assert one.process.wait(10) == 0
    assert gone(*one.pids("first"), *one.pids("worker.1"), *one.pids("worker.2"))


def test_a_dead_program_starts_again_ever_more_slowly(up):
    one = up(
        line("first", SLEEPER)
        + line("short", "import os, time; print('at', time.monotonic(), flush=True); os._exit(3)")
    )
    eventually(lambda: len(one.said("short | ")) >= 4, 15)
    at = [float(said.split()[1]) for said in one.said("short | ")][:4]
    pauses = [b - a for a, b in pairwise(at)]
    assert [pause >= least for pause, least in zip(pauses, (0.2, 0.4, 0.8), strict=True)] == [True] * 3
    assert pauses[0] < 2.0
    assert any("short ended with status 3" in said for said in one.said("up | "))
    (pid,) = one.pids("first")
    os.kill(pid, signal.SIGKILL)
    start = time.monotonic()
    eventually(lambda: len(one.pids("first")) == 2, 5)
    assert time.monotonic() - start < 3


LEAVES = """
import signal, sys, time
def leave(*_):
    time.sleep(float(sys.argv[1]))
    print("left", time.monotonic(), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("pid 1", flush=True)
time.sleep(600)
"""


def test_the_first_stops_when_all_the_others_have(up, tmp_path):
    script = tmp_path / "leaves.py"
    script.write_text(LEAVES)
    one = up(f"base: python {script} 0\nb: python {script} 0.7\nc: python {script} 0\n")
    eventually(lambda: all(one.pids(name) for name in ("base", "b", "c")), 10)
    one.process.terminate()
    assert one.process.wait(10) == 0
    at = {name: float(one.said(f"{name} | left")[0].split()[0]) for name in ("base", "b", "c")}
    assert at["c"] < at["b"] < at["base"]


def test_a_stubborn_program_is_killed_in_the_end_or_by_a_second_signal(up):
    one = up(line("first", SLEEPER) + line("worker", STUBBORN))
    eventually(lambda: bool(one.pids("worker.1") and one.pids("worker.2") and one.pids("first")), 10)
    one.process.terminate()
    time.sleep(0.5)
    assert one.process.poll() is None
    one.process.terminate()
    assert one.process.wait(5) == 1
    assert gone(*one.pids("worker.1"), *one.pids("worker.2"), *one.pids("first"))


def test_programs_die_with_a_supervisor_that_is_killed(up):
    one = up(line("first", STUBBORN) + line("worker", STUBBORN))
    eventually(lambda: bool(one.pids("worker.1") and one.pids("worker.2") and one.pids("first")), 10)
    one.process.kill()
    one.process.wait(5)
    eventually(lambda: gone(*one.pids("worker.1"), *one.pids("worker.2"), *one.pids("first")), 3)


def test_a_data_directory_has_one_supervisor(up):
    one = up(line("first", SLEEPER))
    eventually(lambda: bool(one.pids("first")), 10)
    second = up(line("first", SLEEPER))
    assert second.process.wait(10) == 2
    assert "Another instance is running" in second.out.read_text()
    one.process.kill()
    one.process.wait(5)
    third = up(line("first", SLEEPER))
    eventually(lambda: len(third.pids("first")) == 2, 10)
    third.process.terminate()
    assert third.process.wait(10) == 0


def test_a_program_that_cannot_be_started_says_so(up):
    one = up(line("first", SLEEPER) + "web: no-such-program --at-all\n")
    eventually(lambda: any("web cannot be started" in said for said in one.said("up | ")), 10)
    one.process.terminate()
    assert one.process.wait(10) == 0


def test_the_real_procfile_becomes_the_programs_of_the_design(tmp_path):
    settings = load({"DATA_DIR": str(tmp_path), "WORKERS": "3"})
    found = programs(settings, PROCFILE.read_text(), child_environ(settings), 9)
    assert [one.name for one in found] == ["redis", "sweeper", "worker.1", "worker.2", "worker.3", "web"]
    assert found[0].inherits == (9,)
    assert found[2].command == ("python", "-m", "app", "worker", "cpu")
    elsewhere = load({"DATA_DIR": str(tmp_path), "REDIS_URL": "redis://example"})
    assert "redis" not in [one.name for one in programs(elsewhere, PROCFILE.read_text(), {}, 9)]


def test_children_find_this_python_and_use_one_thread_each(tmp_path):
    environ = child_environ(load({"DATA_DIR": str(tmp_path), "PORT": "8001"}))
    assert environ["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert (environ["OMP_NUM_THREADS"], environ["PORT"], environ["DATA_DIR"]) == ("1", "8001", str(tmp_path))


def test_a_supervisor_holds_nothing_when_nothing_is_to_run(tmp_path):
    assert Supervisor([], tmp_path, {})._stop() == 0
    assert Program("a", ("b",)).inherits == ()


def test_a_long_path_gets_a_private_short_socket(tmp_path):
    short = load({"DATA_DIR": "/srv/sr"})
    assert redis_socket(short) == Path("/srv/sr/run/redis.sock")
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    long = load({"DATA_DIR": str(deep)})
    socket = redis_socket(long)
    assert len(os.fsencode(socket)) <= 100
    assert socket != redis_socket(load({"DATA_DIR": str(deep / "f")}))
    try:
        command = redis_command(long)
        assert str(socket) in command
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(socket.exists, 5)
        assert not [
            c for c in psutil.Process(process.pid).net_connections() if c.status == psutil.CONN_LISTEN and c.laddr
        ]
        process.terminate()
        process.wait(5)
        assert list((deep / "redis").rglob("*aof*")), "it logs to DATA_DIR"
    finally:
        shutil.rmtree(socket.parent)


def test_a_socket_directory_of_somebody_else_is_refused(tmp_path, monkeypatch):
    settings = load({"DATA_DIR": str(tmp_path / ("d" * 60) / ("e" * 60))})
    directory = redis_socket(settings).parent
    (tmp_path / "theirs").mkdir()
    directory.symlink_to(tmp_path / "theirs")
    try:
        with pytest.raises(CannotStart):
            redis_command(settings)
    finally:
        directory.unlink()
