"""Hostile files get their status, in bounded time and memory, and never touch another file."""

import json
import subprocess
import sys
import time

import pytest

from services.audio.decode import Decoded, Limits, NotDecodable, decode_files, encoded
from services.audio.sniff import HEAD_BYTES, sniff
from services.errors import Invalid, NotAudio, TooLarge
from tests import hostile, sounds
from tests.encoded import ALL
from tests.structure.tree import ROOT

STATUS = {TooLarge: 413, NotAudio: 415, Invalid: 422}
CORPUS_MAX_S = 15.0
GROUP_MAX_MB = 400  # of this process and its child together, whatever the file


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return hostile.build(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def verdicts(corpus, tmp_path_factory):
    started = time.monotonic()
    found = decode_files([encoded(h.path) for h in corpus], Limits(hostile.ONESHOT_S), tmp_path_factory.mktemp("out"))
    assert time.monotonic() - started < CORPUS_MAX_S
    return {h.path.name: verdict for h, verdict in zip(corpus, found, strict=True)}


def test_the_corpus_is_large_and_names_are_unique(corpus):
    assert len(corpus) >= 60
    assert len({h.name for h in corpus}) == len(corpus)


def test_each_gets_its_status(corpus, verdicts):
    wrong = []
    for h in corpus:
        verdict = verdicts[h.path.name]
        if h.where == "stage":
            good = isinstance(verdict, Decoded) and verdict.silent
        else:
            good = isinstance(verdict, NotDecodable) and STATUS[type(verdict.error)] == h.status
        if not good:
            wrong.append(f"{h.name}: {getattr(verdict, 'error', verdict)!r}, not {h.status}")
    assert not wrong, "\n".join(wrong)


def test_the_door_refuses_what_is_no_audio_at_all(corpus):
    for h in corpus:
        with h.path.open("rb") as file:
            named = sniff(file.read(HEAD_BYTES))
        assert h.where != "door" or named is None, h.name


def test_sentences_are_for_musicians(verdicts):
    for verdict in verdicts.values():
        if isinstance(verdict, NotDecodable):
            sentence = verdict.error.message
            assert sentence.endswith(".")
            assert not any(word in sentence for word in ("Error", "errno", "/", "0x", "av.", "None", "{"))


def test_good_files_beside_bad_ones_are_decoded(corpus, tmp_path):
    good = tmp_path / "good.wav"
    good.write_bytes(ALL["wav-16"][1](sounds.knock()))
    bad = [encoded(h.path) for h in corpus if h.status == 415][:3]
    found = decode_files([bad[0], encoded(good), bad[1], encoded(good), bad[2]], Limits(30.0), tmp_path)
    assert [isinstance(f, Decoded) for f in found] == [False, True, False, True, False]


def test_the_seven_hours_stop_at_the_limit(tmp_path):
    h = hostile.seven_hours(tmp_path)
    started = time.monotonic()
    [verdict] = decode_files([encoded(h.path)], Limits(hostile.ONESHOT_S), tmp_path)
    assert isinstance(verdict, NotDecodable)
    assert STATUS[type(verdict.error)] == 413
    assert time.monotonic() - started < 20.0  # decoding all of it takes minutes


_MEASURE = """
import json, resource, sys
from pathlib import Path
from services.audio.decode import Limits, decode_files, encoded
from tests import hostile
folder = Path(sys.argv[1])
files = [encoded(p) for p in sorted(folder.iterdir())]
decode_files(files, Limits(600.0), folder)
# not RUSAGE_SELF: its peak still counts the memory of the process that forked this one
own_kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps([kb / 1024 for kb in (own_kb, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)]))
"""


def test_memory_of_the_process_group_stays_bounded(tmp_path):
    """Also when the limit is ten minutes instead of thirty seconds."""
    hostile.build(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    parent_mb, child_mb = json.loads(run.stdout)
    assert parent_mb + child_mb < GROUP_MAX_MB
