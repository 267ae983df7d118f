"""Limits, truncation, faults of the child and of the disk, cancelling: decoding as a whole."""

import os
import time

import numpy as np
import pytest

from services.audio import decode, decode_child, libav
from services.audio.decode import Decoded, Encoded, Limits, NotDecodable, all_decoded, decode_files, encoded
from services.audio.decode_child import Order
from services.audio.pcm import PcmFile, open_nameless
from services.errors import DiskFull, Invalid, NotAudio, TooLarge
from tests import sounds
from tests.encoded import ALL, by_sndfile
from tests.hostile import wav


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def one(path, limits=None, **options):
    return decode_files([encoded(path)], limits or Limits(30.0), path.parent, **options)[0]


def test_nothing_to_decode_is_nothing(tmp_path):
    assert decode_files([], Limits(1.0), tmp_path) == []


def test_results_keep_the_order_and_names(tmp_path):
    paths = [put(tmp_path, f"{n}.wav", ALL["wav-16"][1](sounds.tone(200.0 * n, 0.1 * n))) for n in (3, 1, 2)]
    found = all_decoded(decode_files([encoded(p) for p in paths], Limits(1.0), tmp_path))
    assert [f.name for f in found] == ["3.wav", "1.wav", "2.wav"]
    assert [round(f.duration_s, 3) for f in found] == [0.3, 0.1, 0.2]


def test_an_open_file_is_read_from_its_start_and_left_where_it_was(tmp_path):
    path = put(tmp_path, "a.flac", ALL["flac-16"][1](sounds.knock()))
    with path.open("rb") as file:
        file.seek(100)
        [found] = decode_files([Encoded(file.fileno(), "flac")], Limits(1.0), tmp_path)
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 100
    assert found.pcm.frames == sounds.knock().frames


def test_pcm_reads_in_pieces_and_past_its_ends(tmp_path):
    clip = sounds.stereo(sounds.noise(0.5))
    pcm = one(put(tmp_path, "a.wav", ALL["wav-float32"][1](clip))).pcm
    assert np.array_equal(pcm.clip().samples, clip.samples)
    assert np.array_equal(pcm.read(1000, 50), clip.samples[:, 1000:1050])
    assert pcm.read(clip.frames - 10, 50).shape == (2, 10)
    assert pcm.read(clip.frames + 10, 50).shape == (2, 0)
    assert pcm.read(-5, 5).shape == (2, 5)
    pcm.close()
    pcm.close()
    with pytest.raises(OSError):
        pcm.read(0, 10)


def test_nothing_stays_in_the_folder(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    good = put(tmp_path, "a.wav", ALL["wav-16"][1](sounds.knock()))
    found = decode_files([encoded(good), Encoded(good, None)], Limits(1.0), out)
    assert isinstance(found[0], Decoded)
    assert not list(out.iterdir())


def test_no_descriptor_leaks(tmp_path):
    good = put(tmp_path, "a.wav", ALL["wav-16"][1](sounds.knock()))
    bad = put(tmp_path, "b.wav", wav())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        for found in decode_files([encoded(good), encoded(bad)], Limits(1.0), tmp_path):
            if isinstance(found, Decoded):
                found.pcm.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_same_file_gives_the_same_samples_whatever_its_neighbours(tmp_path):
    path = put(tmp_path, "a.ogg", ALL["ogg-vorbis"][1](sounds.beat(3.0)))
    other = put(tmp_path, "b.mp3", ALL["mp3"][1](sounds.beat(1.0)))
    alone = one(path).clip().samples
    together = decode_files([encoded(other), encoded(path)], Limits(30.0), tmp_path)[1].clip().samples
    assert np.array_equal(alone, together)


def test_resampling_does_not_depend_on_blocks(tmp_path, monkeypatch):
    clip = sounds.Clip(sounds.noise(3.0).samples, 48_000)
    path = put(tmp_path, "a.wav", ALL["wav-float32"][1](clip))
    whole = one(path).clip().samples
    monkeypatch.setattr(decode_child, "BLOCK_S", 0.013)
    assert np.array_equal(one(path).clip().samples, whole)


@pytest.mark.parametrize("name", ["wav-16", "flac-16", "mp3", "ogg-opus", "webm-chrome", "m4a-aac"])
def test_too_long_is_refused_with_advice(tmp_path, name):
    path = put(tmp_path, "a", ALL[name][1](sounds.beat(2.0)))
    verdict = one(path, Limits(1.5, advice="Use preprocess."))
    assert isinstance(verdict.error, TooLarge)
    assert verdict.error.message == "The audio is longer than 1.5 seconds. Use preprocess."
    assert isinstance(one(path, Limits(2.2)), Decoded)


def test_files_are_counted_together(tmp_path):
    path = put(tmp_path, "a.wav", ALL["wav-16"][1](sounds.tone(seconds=1.0)))
    found = decode_files([encoded(path)] * 3, Limits(1.5, max_total_s=2.5), tmp_path)
    assert [isinstance(f, Decoded) for f in found] == [True, True, False]
    assert found[2].error.code == "too_long_total"


def test_refusals_name_their_fields(tmp_path):
    good = put(tmp_path, "a.wav", ALL["wav-16"][1](sounds.knock()))
    bad = put(tmp_path, "b.wav", wav())
    found = decode_files([encoded(good), encoded(bad), Encoded(good, None)], Limits(1.0), tmp_path)
    with pytest.raises(Invalid) as caught:
        all_decoded(found)
    assert [e.field for e in caught.value.errors] == ["samples[1]", "samples[2]"]
    assert caught.value.code == "no_samples"


CUTTABLE = [
    "wav-24",
    "flac-16",
    "aiff-16",
    "mp3",
    "ogg-vorbis",
    "ogg-opus",
    "aac-adts",
    "webm-chrome",
    "mp4-fragmented",
]


@pytest.mark.parametrize("name", CUTTABLE)
def test_what_is_left_of_a_cut_file_is_decoded(tmp_path, name):
    clip = sounds.beat(3.0)
    data = ALL[name][1](clip)
    verdict = one(put(tmp_path, "a", data[: int(len(data) * 0.6)]))
    assert isinstance(verdict, Decoded)
    assert 0.8 < verdict.duration_s < 2.6
    kept = verdict.pcm.read(0, round(0.5 * sounds.RATE))[0]
    assert np.corrcoef(kept, clip.samples[0][: len(kept)])[0, 1] > 0.95
    if name in {"wav-24", "aiff-16"}:
        assert not verdict.info.complete


def _boundaries(data):
    """Where chunks, pages, boxes and elements begin: every place where a marker stands, and the byte after it."""
    markers = (b"fmt ", b"data", b"LIST", b"COMM", b"SSND", b"OggS", b"moov", b"mdat", b"trak", b"stsz", b"moof")
    markers += (b"\x1f\x43\xb6\x75", b"\x16\x54\xae\x6b", b"\xa3", b"\xff\xf8", b"\xff\xfb")
    found = {4, 8, 12, 42}
    for marker in markers:
        at = data.find(marker)
        while at >= 0 and len(found) < 400:
            found |= {at, at + len(marker), at + len(marker) + 4}
            at = data.find(marker, at + 1)
    return sorted(cut for cut in found if cut < len(data))


@pytest.mark.parametrize(
    "name", ["wav-16", "flac-16", "aiff-16", "mp3", "ogg-vorbis", "ogg-opus", "m4a-aac", "webm-chrome"]
)
def test_a_cut_at_any_boundary_ends_cleanly(tmp_path, name):
    """Sound of at least 10 ms, or a refusal as not audio or empty; never a crash or a hang."""
    data = ALL[name][1](sounds.knock())
    cuts = _boundaries(data)
    paths = [put(tmp_path, f"{cut}", data[:cut]) for cut in cuts[:: max(1, len(cuts) // 25)]]
    started = time.monotonic()
    for verdict in decode_files([Encoded(p, ALL[name][0]) for p in paths], Limits(30.0), tmp_path):
        if isinstance(verdict, Decoded):
            assert verdict.pcm.frames >= 441
        else:
            assert isinstance(verdict.error, NotAudio | Invalid)
    assert time.monotonic() - started < 5


def test_a_recorder_that_died_left_no_length(tmp_path):
    data = (sounds.noise(0.5).samples[0] * 32767).astype("<i2").tobytes()
    for claimed, riff in ((0, 0), (2**32 - 1, 2**32 - 1)):
        verdict = one(put(tmp_path, "a.wav", wav(data, claimed=claimed, riff=riff)))
        assert verdict.pcm.frames == 22_050
        assert verdict.info.complete


def test_a_crash_costs_only_the_file_being_read(tmp_path, monkeypatch):
    """Fault injection: the decoder dies, hangs or eats memory on files of 0.2 s."""
    monkeypatch.setattr(decode, "STALL_S", 0.5)
    real = decode_child.decode
    for fault in (os.abort, lambda: time.sleep(30), lambda: os._exit(0)):

        def failing(order, tell, fault=fault):
            if os.fstat(order.source).st_size < 20_000:
                fault()
            return real(order, tell)

        monkeypatch.setattr(decode_child, "decode", failing)
        long, short = (put(tmp_path, f"{s}.wav", ALL["wav-16"][1](sounds.tone(seconds=s))) for s in (1.0, 0.2))
        found = decode_files([encoded(p) for p in (long, short, long, short)], Limits(2.0), tmp_path)
        assert [isinstance(f, Decoded) for f in found] == [True, False, True, False]
        assert isinstance(found[1].error, NotAudio)


def test_a_lying_child_is_not_believed(tmp_path, monkeypatch):
    path = put(tmp_path, "a.wav", ALL["wav-16"][1](sounds.knock()))
    for lie in ({}, {"kept": 0}, {"kept": 10**9}, {"rate_hz": "x"}, {"codec": None}):
        told = {
            "rate_hz": 1,
            "channels": 1,
            "kept": 1,
            "codec": "",
            "bits": None,
            "complete": True,
            "peak": 0,
            "swing": 0,
        }
        monkeypatch.setattr(decode_child, "decode", lambda _order, _tell, told=(told | lie if lie else {}): told)
        assert isinstance(one(path), NotDecodable)


def test_cancelling_ends_the_child(tmp_path):
    class Cancel(Exception):
        pass

    heard = []

    def watch(seconds):
        heard.append(seconds)
        if seconds > 60:
            raise Cancel

    path = put(tmp_path, "a.flac", by_sndfile(sounds.Clip(np.zeros((1, 44_100 * 600), np.float32), 44_100), "FLAC"))
    with pytest.raises(Cancel):
        one(path, Limits(3600.0), watch=watch)
    assert 60 < heard[-1] < 600
    assert heard == sorted(heard)


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    """The device that is always full, instead of a nameless file."""
    path = put(tmp_path, "a.wav", ALL["wav-16"][1](sounds.knock()))
    monkeypatch.setattr(decode, "open_nameless", lambda _: os.open("/dev/full", os.O_RDWR))
    with pytest.raises(DiskFull):
        one(path)


def test_open_nameless_without_o_tmpfile(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)  # what a file system without it answers: EISDIR
    pcm = PcmFile(open_nameless(str(tmp_path)), 44_100, 1, 0)
    assert not list(tmp_path.iterdir())
    pcm.close()


def test_decoding_works_outside_the_cage_too(tmp_path):
    """The child's work is a plain function: what a debugger would call."""
    path = put(tmp_path, "a.mp3", ALL["mp3"][1](sounds.knock()))
    libav.load()
    target = open_nameless(str(tmp_path))
    with path.open("rb") as file:
        told = decode_child.decode(Order(file.fileno(), target, "mp3", 44_100, 2, 1.0), lambda _: None)
    assert told["complete"]
    assert os.fstat(target).st_size == sounds.knock().frames * 4
    os.close(target)
