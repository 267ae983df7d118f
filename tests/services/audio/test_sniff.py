"""Magic bytes: a closed list, and nothing heavy behind it."""

import subprocess
import sys

import pytest

from services.audio.sniff import CONTAINERS, HEAD_BYTES, MEDIA_TYPES, sniff
from tests import sounds
from tests.encoded import ALL
from tests.structure.tree import ROOT

ID3 = b"ID3\x04\0\0\0\0\x02\0"  # a tag of 256 bytes


@pytest.mark.parametrize("name", ALL)
def test_every_format_is_known_by_its_head(name):
    container, write = ALL[name]
    assert sniff(write(sounds.knock())[:HEAD_BYTES]) == container


@pytest.mark.parametrize("name", ["mp3-no-xing", "aac-adts"])
def test_a_tag_before_the_sound_changes_nothing(name):
    container, write = ALL[name]
    assert sniff(ID3 + bytes(256) + write(sounds.knock())[:2_000]) == container


def test_a_tag_longer_than_the_head_is_taken_for_an_mp3():
    assert sniff(b"ID3\x04\0\0\0\x7f\0\0" + bytes(HEAD_BYTES)) == "mp3"


def test_a_tag_before_something_else_is_not():
    assert sniff(ID3 + bytes(256) + b"fLaC") is None
    assert sniff(ID3 + bytes(256) + b"PK\x03\x04" + bytes(100)) is None
    assert sniff(b"ID3\x04\0\0\xff\0\0\0" + bytes(100)) is None


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xfb", b"RIFF", b"OggS", b"FORM", b"\x1a\x45\xdf\xa3", bytes(9_000)]
)
def test_too_little_is_nothing(data):
    assert sniff(data) is None


def test_one_sync_word_is_no_mp3():
    frame = bytes.fromhex("fffb9064")  # 128 kbit/s at 44.1 kHz: 417 bytes
    assert sniff(frame + bytes(413) + frame) == "mp3"
    assert sniff(frame + bytes(413) + b"text") is None
    assert sniff(frame + bytes(100)) == "mp3"  # a head too short to see the second frame
    assert sniff(bytes.fromhex("fffd9064") + bytes(2_000)) is None  # Layer II
    assert sniff(bytes.fromhex("fffbf064") + bytes(2_000)) is None  # bitrate 15


def test_each_container_has_a_media_type():
    assert set(MEDIA_TYPES) == set(CONTAINERS)


def test_the_door_loads_neither_numpy_nor_decoders():
    code = "import sys, services.audio.sniff; print([m for m in ('numpy', 'av', 'soundfile') if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.strip() == "[]", run.stderr
