"""Blobs on files: whole or not at all, once each, within the budget."""

import errno
import hashlib
import os
import resource
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.errors import DiskFull, NotFound
from services.storage.local import GB, LocalBlobs

ROOT = Path(__file__).resolve().parents[3]
HOUR = timedelta(hours=1)
BAD_NAMES = [
    "",
    "..",
    "../" * 20 + "etc/passwd",
    "a" * 63,
    "a" * 65,
    "A" * 64,
    "g" * 64,
    "a" * 62 + "/a",
    "a" * 64 + "\n",
]


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "blobs", max_data_gb=1.0, min_free_gb=0.0)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def aged(blobs, name, by):
    """Make a blob look as if it was last touched so long ago."""
    then = (datetime.now(UTC) - by).timestamp()
    os.utime(blobs._place(name), (then, then))


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def test_a_blob_is_named_by_its_bytes(blobs):
    for data in (b"", b"abc", bytes(range(256)) * 5000):
        assert blobs.put(data) == sha(data)
        assert blobs.read(sha(data)) == data
        assert blobs.size(sha(data)) == len(data)
        with blobs.open(sha(data)) as f:
            f.seek(len(data) // 2)
            assert f.read() == data[len(data) // 2 :]
    assert {(name, size) for name, size, _ in blobs.walk()} == {
        (sha(b""), 0), (sha(b"abc"), 3), (sha(bytes(range(256)) * 5000), 1_280_000),
    }  # fmt: skip
    assert files(Path(blobs.staging())) == []


def test_put_many_keeps_the_order_and_stores_equal_bytes_once(blobs):
    first = blobs.put(b"2")
    assert blobs.put_many([b"1", b"2", b"1", b"3"]) == [sha(b"1"), first, sha(b"1"), sha(b"3")]
    assert len(list(blobs.walk())) == 3
    assert blobs.usage().used_bytes == 3 == blobs.recount().used_bytes
    assert blobs.put_many([]) == []


def test_the_same_bytes_again_touch_the_blob(blobs):
    name = blobs.put(b"abc")
    inode = blobs._place(name).stat().st_ino
    aged(blobs, name, 30 * HOUR)
    assert blobs.put(b"abc") == name
    assert blobs._place(name).stat().st_ino == inode
    assert datetime.now(UTC) - next(iter(blobs.walk()))[2] < timedelta(seconds=10)


def test_touch_tells_whether_there_is_something(blobs):
    name = blobs.put(b"abc")
    aged(blobs, name, 30 * HOUR)
    assert blobs.touch(name) is True
    assert datetime.now(UTC) - next(iter(blobs.walk()))[2] < timedelta(seconds=10)
    assert blobs.touch(sha(b"other")) is False


def test_adopt_moves_a_finished_file(blobs):
    for name in ("one", "two"):
        half = Path(blobs.staging()) / name
        half.write_bytes(b"spooled")
        os.utime(half, (1000, 1000))
        blobs.adopt(str(half), sha(b"spooled"))
        assert not half.exists()
    assert blobs.read(sha(b"spooled")) == b"spooled"
    assert blobs.usage().used_bytes == 7
    assert datetime.now(UTC) - next(iter(blobs.walk()))[2] < timedelta(seconds=10)


def test_adopt_many_takes_all_and_removes_duplicates(blobs):
    blobs.put(b"0")
    spooled = [Path(blobs.staging()) / str(i) for i in range(4)]
    for path, data in zip(spooled, (b"0", b"1", b"1", b"2"), strict=True):
        path.write_bytes(data)
    blobs.adopt_many([(str(p), sha(p.read_bytes())) for p in spooled])
    assert sorted(name for name, _, _ in blobs.walk()) == sorted(sha(d) for d in (b"0", b"1", b"2"))
    assert files(Path(blobs.staging())) == []


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_hash_reaches_no_file(blobs, tmp_path, name):
    (tmp_path / "secret").write_bytes(b"secret")
    for ask in (blobs.open, blobs.read, blobs.size):
        with pytest.raises(NotFound):
            ask(name)
    assert blobs.touch(name) is False
    assert blobs.delete(name) is False
    half = Path(blobs.staging()) / "half"
    half.write_bytes(b"x")
    with pytest.raises(ValueError):
        blobs.adopt(str(half), name)
    assert list(blobs.walk()) == []


def test_delete_is_silent_and_frees_the_budget(blobs):
    name = blobs.put(b"abc")
    assert blobs.delete(name) is True
    assert blobs.delete(name) is False
    with pytest.raises(NotFound):
        blobs.read(name)
    assert blobs.usage().used_bytes == 0


def test_delete_spares_what_was_touched_since(blobs):
    name = blobs.put(b"abc")
    hour_ago = datetime.now(UTC) - HOUR
    assert blobs.delete(name, untouched_since=hour_ago) is False
    aged(blobs, name, 2 * HOUR)
    assert blobs.delete(name, untouched_since=hour_ago) is True


def test_the_budget_is_held_before_the_disk_is_full(tmp_path):
    blobs = LocalBlobs(tmp_path, max_data_gb=1000 / GB, min_free_gb=0.0)
    name = blobs.put(b"a" * 900)
    with pytest.raises(DiskFull):
        blobs.put(b"b" * 101)
    with pytest.raises(DiskFull):
        blobs.put_many([b"c" * 60, b"d" * 60])
    half = Path(blobs.staging()) / "half"
    half.write_bytes(b"e" * 101)
    with pytest.raises(DiskFull):
        blobs.adopt(str(half), sha(b"e" * 101))
    assert half.exists()
    half.unlink()
    assert files(tmp_path) == [blobs._place(name)]
    blobs.put(b"a" * 900)  # the same bytes need no room
    blobs.put(b"f" * 100)
    assert blobs.usage().fraction == 1.0
    blobs.delete(name)
    blobs.put(b"b" * 101)
    with pytest.raises(DiskFull):
        blobs.require_room(800)
    blobs.require_room(799)


def test_min_free_leaves_room_on_the_disk(tmp_path):
    stat = os.statvfs(tmp_path)
    free_gb = stat.f_bavail * stat.f_frsize / GB
    blobs = LocalBlobs(tmp_path, max_data_gb=1e9, min_free_gb=free_gb + 10)
    with pytest.raises(DiskFull):
        blobs.put(b"x")
    assert blobs.usage().fraction == 1.0
    roomy = LocalBlobs(tmp_path, max_data_gb=1e9, min_free_gb=free_gb / 2)
    roomy.put(b"x")
    used, free, limit = roomy.usage()
    assert used == 1
    assert limit == pytest.approx(free - free_gb / 2 * GB, rel=0.01)


def test_the_counter_is_shared_by_processes_and_made_again_when_lost(tmp_path):
    one, two = (LocalBlobs(tmp_path, max_data_gb=1.0, min_free_gb=0.0) for _ in range(2))
    one.put(b"a" * 10)
    two.put(b"b" * 20)
    assert one.usage().used_bytes == two.usage().used_bytes == 30
    (tmp_path / ".used").write_text("nonsense")
    assert one.usage().used_bytes == 30
    (tmp_path / ".used").unlink()
    two.put(b"c")
    assert one.usage().used_bytes == 31
    (tmp_path / ".used").write_text("7")
    assert one.recount().used_bytes == 31 == two.usage().used_bytes


def test_staging_is_emptied_of_what_nobody_changes(blobs):
    staging = Path(blobs.staging())
    old, young, busy, deserted = (staging / n for n in ("old", "young", "busy", "deserted"))
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    for folder in (busy, deserted):
        folder.mkdir()
        (folder / "inner").write_bytes(b"x")
    (staging / "link").symlink_to("/")
    for path in (old, busy, deserted / "inner", deserted):
        os.utime(path, (1000, 1000))
    name = blobs.put(b"blob")
    aged(blobs, name, 48 * HOUR)
    assert blobs.empty_staging(datetime.now(UTC) - HOUR) == 2
    assert sorted(p.name for p in staging.iterdir()) == ["busy", "link", "young"]
    assert blobs.read(name) == b"blob"


def test_20_threads_store_the_same_and_different_bytes(blobs):
    failures = []

    def work(number):
        try:
            for i in range(10):
                blobs.put(b"same%d" % i)
                blobs.put(b"own%d-%d" % (number, i))
        except OSError as err:
            failures.append(err)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = {name: size for name, size, _ in blobs.walk()}
    assert len(found) == 10 + 200
    assert blobs.usage().used_bytes == sum(found.values()) == blobs.recount().used_bytes
    assert files(Path(blobs.staging())) == []


KILLED = """
import sys, os
from pathlib import Path
from services.storage.local import LocalBlobs
blobs = LocalBlobs(Path(sys.argv[1]), max_data_gb=1.0, min_free_gb=0.0)
for i in range(100_000):
    print(blobs.put(b"%d-%d-" % (os.getpid(), i) + bytes(200_000)), flush=True)
"""


@pytest.mark.faults
def test_kill_9_leaves_whole_blobs_and_the_rest_in_staging(tmp_path):
    for _ in range(3):
        command = [sys.executable, "-c", KILLED, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            said = [process.stdout.readline().decode().strip() for _ in range(8)]
            process.kill()
            said += process.stdout.read().decode().split()
        blobs = LocalBlobs(tmp_path, max_data_gb=1.0, min_free_gb=0.0)
        for name in said:
            if len(name) == 64:
                assert sha(blobs.read(name)) == name
        for name, _, _ in blobs.walk():
            assert sha(blobs.read(name)) == name
    assert blobs.recount().used_bytes == sum(size for _, size, _ in blobs.walk())
    blobs.empty_staging(datetime.now(UTC) + HOUR)
    assert {p.parent.name for p in files(tmp_path)} <= {name[:2] for name, _, _ in blobs.walk()}


LIMITED = """
import sys, resource, signal
from pathlib import Path
from services.errors import DiskFull
from services.storage.local import LocalBlobs
blobs = LocalBlobs(Path(sys.argv[1]), max_data_gb=1.0, min_free_gb=0.0)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    blobs.put_many([b"small", bytes(100_001)])
except DiskFull as err:
    print(err.message)
"""


def test_a_write_that_the_system_refuses_leaves_nothing(tmp_path):
    """A file size limit stands for a full disk: the system refuses in the middle of the file, as with ENOSPC."""
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b"The disk is full.\n"
    assert files(tmp_path) == []


FULL = """
import sys
from pathlib import Path
from services.errors import DiskFull
from services.storage.local import LocalBlobs
blobs = LocalBlobs(Path(sys.argv[1]), max_data_gb=1.0, min_free_gb=0.0)
LocalBlobs.require_room = lambda self, n_bytes: None  # the budget would say no first
kept = blobs.put(bytes(500_000))
try:
    blobs.put(b"1" + bytes(3_000_000))
except DiskFull as err:
    print(err.message)
print([name for name, _, _ in blobs.walk()] == [kept], list(Path(blobs.staging()).iterdir()), len(blobs.read(kept)))
blobs.delete(kept)
print(len(blobs.put(b"2" + bytes(700_000))))
"""
IN_A_SMALL_DISK = 'mount -t tmpfs -o size=2m small "$1" && exec "$2" -c "$3" "$1"'


def small_disk(folder, script):
    """Run a script with a folder that is a disk of 2 MB; None where the system lets nobody mount one."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", IN_A_SMALL_DISK, "sh"]
    done = subprocess.run([*command, str(folder), sys.executable, script], cwd=ROOT, capture_output=True, check=False)
    return None if b"unshare" in done.stderr or b"mount:" in done.stderr else done


@pytest.mark.faults
def test_a_really_full_disk(tmp_path):
    try:
        done = small_disk(tmp_path, FULL)
    except FileNotFoundError:
        done = None
    if done is None:
        pytest.skip("needs unshare and mount in a user namespace")
    assert done.stdout.decode().splitlines() == ["The disk is full.", "True [] 500000", "64"], done.stderr


def test_full_quota_and_other_errors_are_told_apart(blobs, monkeypatch):
    def failing(number):
        def fsync(_):
            raise OSError(number, os.strerror(number))

        return fsync

    monkeypatch.setattr(os, "fsync", failing(errno.EDQUOT))
    with pytest.raises(DiskFull):
        blobs.put(b"x")
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        blobs.put(b"x")
    assert files(Path(blobs.staging())) == []
    assert list(blobs.walk()) == []


def test_puts_do_not_scan(tmp_path):
    """With 3,000 blobs a put opens as few files as with none."""
    blobs = LocalBlobs(tmp_path, max_data_gb=1.0, min_free_gb=0.0)
    for i in range(3000):
        name = f"{i:064x}"[::-1]
        (tmp_path / name[:2] / name).write_bytes(b"")
    blobs.recount()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    for i in range(50):
        blobs.put(b"%d" % i)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 0.25  # a scan each would take over 0.5 s
