"""Every accepted format comes out at the right length, level and place."""

import numpy as np
import pytest

from services.audio.decode import Encoded, Limits, all_decoded, decode_files
from services.audio.dsp import to_db
from services.audio.sniff import HEAD_BYTES, sniff
from tests import sounds
from tests.encoded import ALL, EIGHT_BIT, LOSSLESS, LOSSY

TIMES = [0.25, 0.8, 1.3, 1.75]
SHIFT_MAX_S = 0.005
LEVEL_MAX_DB = 1.0


@pytest.fixture(scope="module")
def clip():
    """Stereo with different sides, four hits at known times."""
    hits = [(t, sounds.knock(i + 1)) for i, t in enumerate(TIMES)]
    return sounds.stereo(sounds.placed(hits, 2.0), right_db=-6.0)


@pytest.fixture(scope="module")
def decoded(clip, tmp_path_factory):
    """All formats through one child, by name."""
    folder = tmp_path_factory.mktemp("formats")
    files = []
    for name, (container, write) in ALL.items():
        path = folder / name
        path.write_bytes(write(clip))
        with path.open("rb") as file:
            assert sniff(file.read(HEAD_BYTES)) == container, name
        files.append(Encoded(path, container, name))
    return dict(zip(ALL, all_decoded(decode_files(files, Limits(max_s=10.0), folder)), strict=True))


def _rms(samples):
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean()))


def _shift_s(found, true):
    """Where the decoded sound lies against the original: the peak of their correlation."""
    n = 2 ** (len(found) + len(true)).bit_length()
    product = np.fft.rfft(found.astype(float), n) * np.conj(np.fft.rfft(true.astype(float), n))
    at = int(np.argmax(np.fft.irfft(product)))
    return (at - n if at > n // 2 else at) / sounds.RATE


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_come_out_as_they_went_in(decoded, clip, name):
    out = decoded[name].clip()
    assert out.samples.shape == clip.samples.shape
    assert out.rate_hz == 44_100
    assert np.abs(out.samples - clip.samples).max() < 1e-4
    assert decoded[name].info.complete


@pytest.mark.parametrize("name", EIGHT_BIT)
def test_eight_bits_come_out_within_one_step(decoded, clip, name):
    out = decoded[name].clip()
    assert out.samples.shape == clip.samples.shape
    assert np.abs(out.samples - clip.samples).max() <= 1.01 / 128


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_formats_keep_level_sides_and_length(decoded, clip, name):
    out = decoded[name].clip()
    assert 0 <= out.frames - clip.frames <= 0.05 * sounds.RATE
    for side in (0, 1):
        assert abs(to_db(_rms(out.samples[side])) - to_db(_rms(clip.samples[side]))) < LEVEL_MAX_DB
    assert decoded[name].info.complete


@pytest.mark.parametrize("name", ALL)
def test_onsets_stay_where_they_were(decoded, clip, name):
    assert abs(_shift_s(decoded[name].pcm.read(0, 10**9)[0], clip.samples[0])) <= SHIFT_MAX_S


def test_the_source_is_described(decoded):
    info = decoded["flac-24"].info
    assert (info.container, info.codec, info.rate_hz, info.channels, info.bits) == ("flac", "flac", 44_100, 2, 24)
    info = decoded["webm-chrome"].info
    assert (info.container, info.rate_hz, info.bits) == ("webm", 48_000, None)
    assert decoded["wav-float32"].info.bits == 32
    assert decoded["wav-8"].info.bits == 8


def test_levels_are_reported(decoded, clip):
    assert decoded["wav-24"].peak == pytest.approx(float(np.abs(clip.samples).max()), abs=1e-4)
    assert not decoded["wav-24"].silent


@pytest.mark.parametrize("rate", [4_000, 8_000, 22_050, 48_000, 96_000, 384_000])
def test_any_sane_rate_becomes_the_house_rate(tmp_path, rate):
    t = np.arange(rate // 2) / rate
    path = tmp_path / "tone.wav"
    path.write_bytes(ALL["wav-24"][1](sounds.Clip((0.5 * np.sin(2 * np.pi * 440 * t))[None].astype(np.float32), rate)))
    out = all_decoded(decode_files([Encoded(path, "wav")], Limits(1.0), tmp_path))[0].clip()
    assert out.frames == 22_050
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(out.frames) / 44_100)
    inner = slice(2_000, -2_000)  # filters ring at the ends
    assert np.abs(out.samples[0][inner] - expected[inner]).max() < 0.01


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 8, 63])
def test_any_number_of_channels_becomes_at_most_two(tmp_path, channels):
    samples = np.zeros((channels, 4_410), np.float32)
    samples[0] = 0.9
    samples[-1] += 0.05
    path = tmp_path / "many.wav"
    path.write_bytes(ALL["wav-float32"][1](sounds.Clip(samples, 44_100)))
    found = all_decoded(decode_files([Encoded(path, "wav")], Limits(1.0), tmp_path))[0]
    out = found.clip()
    assert out.channels == min(channels, 2)
    assert found.info.channels == channels
    assert np.abs(out.samples).max() <= 0.951
    assert out.samples[0].mean() > 0  # the first channel is heard on the left
