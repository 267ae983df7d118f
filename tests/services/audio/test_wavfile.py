"""Our WAV files: exact, the same each time, and what other programs expect."""

import io
import struct

import numpy as np
import pytest
import soundfile

from services.audio.clip import Clip
from services.audio.wavfile import Acid, Loop, read_wav, write_wav
from services.errors import Invalid, NotAudio
from tests import sounds


@pytest.fixture(scope="module")
def clip():
    return sounds.stereo(sounds.noise(0.5), right_db=-3.0)


def chunks(data):
    """Name to content of each chunk; checks the sizes on the way."""
    assert data[:4] == b"RIFF"
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    found, at = {}, 12
    while at < len(data):
        size = struct.unpack("<I", data[at + 4 : at + 8])[0]
        found[data[at : at + 4]] = data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)
    assert at == len(data)
    return found


@pytest.mark.parametrize(("bits", "error"), [(16, 1.5 / 32_768), (24, 0.5 / 8_388_608), (32, 0.0)])
def test_what_is_written_is_read(clip, bits, error):
    out = read_wav(write_wav(clip, bits))
    assert out.rate_hz == clip.rate_hz
    assert out.samples.dtype == np.float32
    assert np.abs(out.samples - clip.samples).max() <= error


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_another_program_reads_the_same(clip, bits):
    data = write_wav(clip, bits, Loop(0, clip.frames), Acid(96.0, 4))
    foreign, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert rate == 44_100
    assert np.array_equal(foreign.T, read_wav(data).samples)


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_the_bytes_are_the_same_each_time(clip, bits):
    assert write_wav(clip, bits) == write_wav(Clip(clip.samples.copy(), clip.rate_hz), bits)


def test_the_argument_stays_as_it_was(clip):
    before = clip.samples.copy()
    for bits in (16, 24, 32):
        write_wav(clip, bits)
    assert np.array_equal(clip.samples, before)


def test_dither_keeps_what_rounding_would_lose():
    quiet = sounds.tone(1_000.0, 1.0, level=0.3 / 32_768)
    out = read_wav(write_wav(quiet, 16)).samples[0]
    t = np.arange(44_100) / 44_100
    level = 2 * np.mean(out * np.sin(2 * np.pi * 1_000 * t)) * 32_768
    assert level == pytest.approx(0.3, abs=0.03)  # plain rounding gives 0


def test_digital_silence_stays_silent():
    assert not read_wav(write_wav(sounds.silence(0.1), 16)).samples.any()


@pytest.mark.parametrize("bits", [16, 24])
def test_full_scale_does_not_wrap(bits):
    out = read_wav(write_wav(Clip(np.array([[1.0, -1.0, 3.0, -3.0]], np.float32), 44_100), bits)).samples[0]
    assert out[[0, 2]] == pytest.approx(1.0, abs=1e-4)
    assert out[[1, 3]] == pytest.approx(-1.0, abs=1e-4)


def test_a_loop_is_marked_for_samplers(clip):
    smpl = chunks(write_wav(clip, 24, loop=Loop(100, 20_000)))[b"smpl"]
    values = struct.unpack("<15I", smpl)
    assert values[2] == round(1e9 / 44_100)
    assert values[3] == 60
    assert values[7] == 1
    assert values[11:13] == (100, 19_999)


def test_tempo_is_told_to_sequencers(clip):
    acid = chunks(write_wav(clip, 24, acid=Acid(97.5, 16, (6, 8))))[b"acid"]
    flags, root, _, _, beats, denominator, numerator, tempo = struct.unpack("<IHHfIHHf", acid)
    assert (flags, root, beats, denominator, numerator, tempo) == (4, 60, 16, 8, 6, 97.5)
    one_shot = chunks(write_wav(clip, 24, acid=Acid(97.5, 1, one_shot=True, root_note=48)))[b"acid"]
    assert struct.unpack("<IH", one_shot[:6]) == (3, 48)


def test_odd_lengths_are_padded():
    data = write_wav(Clip(np.zeros((1, 3), np.float32), 44_100), 24, loop=Loop(0, 3))
    assert len(chunks(data)[b"data"]) == 9


def test_an_empty_clip_is_a_valid_file():
    assert read_wav(write_wav(sounds.silence(0.0, 2), 24)).samples.shape == (2, 0)


def test_other_depths_and_other_bytes_are_refused(clip):
    with pytest.raises(Invalid):
        write_wav(clip, 12)
    for data in (b"", b"RIFF", b"not a wav at all, only words", write_wav(clip)[:30]):
        with pytest.raises(NotAudio):
            read_wav(data)
