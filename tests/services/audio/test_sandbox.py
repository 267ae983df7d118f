"""What a caged child can do: compute and use its files. What it cannot: everything else."""

import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from services.audio import sandbox
from services.audio.sandbox import Cage
from tests.structure.tree import ROOT

MB = 1024 * 1024
needs_seccomp = pytest.mark.skipif(sandbox.sandbox_kind() != "seccomp", reason="libseccomp is not installed")


def cage(*keep, **bounds):
    return Cage(keep, **{"memory_bytes": 256 * MB, "file_bytes": 10 * MB, "wall_s": 5.0, "stall_s": 5.0} | bounds)


def heard(work, *keep, **bounds):
    messages = []
    ended = sandbox.run(work, cage(*keep, **bounds), messages.append)
    return messages, ended


def _refused(deed):
    """The name of the errno that a deed got, or what it returned."""
    try:
        return str(deed())
    except OSError as err:
        return errno.errorcode[err.errno or 0]


DEEDS = {
    "open a file": lambda: os.open("/etc/hostname", os.O_RDONLY),
    "make a file": lambda: os.open("made-by-child", os.O_WRONLY | os.O_CREAT),
    "list a folder": lambda: os.listdir("/"),
    "make a folder": lambda: os.mkdir("made-by-child"),
    "remove a file": lambda: os.unlink("made-by-child"),
    "open a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "open a local socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "make a pipe": os.pipe,
    "fork": os.fork,
    "become a program": lambda: os.execv("/bin/true", ["true"]),
    "signal its parent": lambda: os.kill(os.getppid(), 0),
    "signal itself": lambda: os.kill(os.getpid(), 0),
    "make a file in memory": lambda: os.memfd_create("x"),
    "duplicate a descriptor": lambda: os.dup(1),
}


@needs_seccomp
@pytest.mark.parametrize("deed", DEEDS)
def test_a_child_cannot(deed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    messages, ended = heard(lambda send: send({"answer": _refused(DEEDS[deed])}))
    assert ended.how == "done"
    assert messages[0]["answer"] in {"EPERM", "EMFILE"}
    assert not list(tmp_path.iterdir())


def test_without_seccomp_no_descriptor_is_left():
    """The second layer alone, in a fresh process where libseccomp is missing."""
    code = (
        "import sys, json; sys.modules['pyseccomp'] = None\n"
        "from services.audio import sandbox\n"
        "from tests.services.audio.test_sandbox import DEEDS, _refused, cage\n"
        "got = []\n"
        "names = ('open a file', 'open a socket', 'make a pipe')\n"
        "ended = sandbox.run(lambda send: send({n: _refused(DEEDS[n]) for n in names}), cage(), got.append)\n"
        "print(json.dumps([sandbox.sandbox_kind(), ended.how, got[0]]))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    kind, how, got = json.loads(run.stdout)
    assert (kind, how) == ("rlimits", "done")
    assert set(got.values()) == {"EMFILE"}


@needs_seccomp
def test_no_machine_code_can_be_made():
    import mmap

    def work(send):
        try:
            mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        except OSError as err:
            send({"answer": errno.errorcode[err.errno]})

    assert heard(work)[0] == [{"answer": "EPERM"}]


def test_it_computes_and_uses_what_it_was_given(tmp_path):
    given, other = tmp_path / "given", tmp_path / "other"
    given.write_bytes(b"in ")
    other.write_bytes(b"secret")
    with given.open("r+b") as mine, other.open("rb") as foreign:
        fd, foreign_fd = mine.fileno(), foreign.fileno()

        def work(send):
            os.pwrite(fd, b"out", 3)
            send({"sum": float(np.arange(1000.0).sum()), "read": os.pread(fd, 3, 0).decode()})
            send({"foreign": _refused(lambda: os.read(foreign_fd, 1))})

        messages, ended = heard(work, fd)
    assert messages == [{"sum": 499_500.0, "read": "in "}, {"foreign": "EBADF"}]
    assert ended.how == "done"
    assert given.read_bytes() == b"in out"


@pytest.mark.parametrize("crash", [os.abort, lambda: os._exit(3), lambda: 1 / 0])
def test_a_crash_is_reported(crash):
    messages, ended = heard(lambda send: (send({"alive": True}), crash()))
    assert messages == [{"alive": True}]
    assert ended.how == "crashed"


def test_silence_is_ended():
    started = time.monotonic()
    assert heard(lambda _: time.sleep(60), stall_s=0.3)[1].how == "timeout"
    assert time.monotonic() - started < 2


def _babble(send):
    while True:
        send({"still": "here"})
        time.sleep(0.05)


def test_talk_without_end_is_ended():
    started = time.monotonic()
    assert heard(_babble, wall_s=0.5)[1].how == "timeout"
    assert time.monotonic() - started < 2


def test_processor_time_is_bounded_by_the_kernel_too():
    def work(_):
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        while True:
            pass

    assert heard(work, wall_s=0.2, stall_s=0.2)[1].how == "timeout"


def test_memory_is_bounded():
    def work(send):
        try:
            np.ones(600 * MB, np.uint8)
        except MemoryError:
            send({"refused": True})

    messages, ended = heard(work)
    assert messages == [{"refused": True}]
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # a fork begins as large as this process
    assert ended.peak_rss_bytes < inherited + 600 * MB


def test_file_size_is_bounded(tmp_path):
    with (tmp_path / "out").open("wb") as out:
        fd = out.fileno()

        def work(send):
            send({"answer": _refused(lambda: [os.write(fd, bytes(MB)) for _ in range(11)])})

        messages, _ = heard(work, fd)
    assert messages == [{"answer": "EFBIG"}]
    assert (tmp_path / "out").stat().st_size <= 10 * MB


def test_nonsense_from_a_child_does_no_harm():
    def work(_):
        for fd in range(3, 64):
            try:
                os.write(fd, b"not json\n[1]\n" + b"\xff\xfe\n" + b'{"fine": 1}\n' + b"x" * 100)
            except OSError:
                continue

    messages, ended = heard(work)
    assert messages == [{}, {}, {}, {"fine": 1}]
    assert ended.how == "done"


def test_an_endless_line_is_ended():
    def work(_):
        while True:
            for fd in range(3, 64):
                try:
                    os.write(fd, b"x" * 4096)
                except OSError:
                    continue

    assert heard(work)[1].how == "timeout"


def test_what_the_watcher_raises_ends_the_child(tmp_path):
    class Cancel(Exception):
        pass

    def watch():
        raise Cancel

    before = _children()
    with pytest.raises(Cancel):
        sandbox.run(lambda _: time.sleep(60), cage(), lambda _: None, watch)
    assert _children() == before


def _children():
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_the_child_dies_with_its_parent():
    code = (
        "import time, os\n"
        "from services.audio import sandbox\n"
        "from tests.services.audio.test_sandbox import cage\n"
        "def work(send):\n"
        "    send({'pid': os.getpid()})\n"
        "    time.sleep(60)\n"
        "sandbox.run(work, cage(stall_s=60, wall_s=60), lambda m: print(m['pid'], flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_descriptor_leaks():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        heard(lambda send: send({"a": 1}))
    assert len(os.listdir("/proc/self/fd")) == before
