"""What goes out can be played: level, length, tags, and the promised bytes."""

import io

import av
import numpy as np
import pytest

from services.audio.clip import Clip
from services.audio.decode import Encoded, Limits, all_decoded, decode_files
from services.audio.encode import FORMATS, Tags, encode
from services.audio.sniff import sniff
from services.errors import Invalid
from tests import sounds

CONTAINER = {"wav": "wav", "flac": "flac", "mp3": "mp3", "ogg": "vorbis"}


@pytest.fixture(scope="module")
def clip():
    return sounds.beat(4.0)


@pytest.fixture(scope="module")
def made(clip):
    return {name: encode(clip, name, tags=Tags("Küche – boombap", "SoundRoutine")) for name in FORMATS}


def decoded(data, container, folder):
    path = folder / "made"
    path.write_bytes(data)
    return all_decoded(decode_files([Encoded(path, container)], Limits(300.0), folder))[0].clip()


@pytest.mark.parametrize("name", FORMATS)
def test_it_comes_back_with_length_and_level(made, clip, tmp_path, name):
    assert sniff(made[name]) == CONTAINER[name]
    out = decoded(made[name], CONTAINER[name], tmp_path)
    assert out.frames == clip.frames
    assert out.channels == 2
    assert np.corrcoef(out.samples[0], clip.samples[0])[0, 1] > (0.95 if name in {"mp3", "ogg"} else 1 - 1e-9)
    assert out.samples.std() == pytest.approx(clip.samples.std(), rel=0.05)


@pytest.mark.parametrize("name", ["wav", "flac"])
@pytest.mark.parametrize("bits", [16, 24])
def test_lossless_bytes_are_the_same_each_time(clip, name, bits):
    assert encode(clip, name, bits) == encode(clip, name, bits)


def test_flac_and_wav_hold_the_same_samples(clip, tmp_path):
    for bits in (16, 24):
        flac, wav = (decoded(encode(clip, name, bits), name, tmp_path) for name in ("flac", "wav"))
        assert np.array_equal(flac.samples, wav.samples)


@pytest.mark.parametrize("name", ["flac", "mp3", "ogg"])
def test_players_see_title_and_artist(made, name):
    with av.open(io.BytesIO(made[name])) as box:
        tags = {k.lower(): v for k, v in (box.metadata | box.streams.audio[0].metadata).items()}
    assert (tags["title"], tags["artist"]) == ("Küche – boombap", "SoundRoutine")


def test_lossy_files_have_a_decent_bitrate(made, clip):
    assert len(made["mp3"]) * 8 / clip.duration_s > 192_000
    assert len(made["ogg"]) * 8 / clip.duration_s > 80_000  # variable: this loop is half silence


def test_a_minute_of_ogg_does_not_kill_the_process(tmp_path):
    minute = sounds.stereo(sounds.noise(60.0))
    assert decoded(encode(minute, "ogg"), "vorbis", tmp_path).frames == minute.frames


@pytest.mark.parametrize("name", FORMATS)
def test_odd_clips_give_valid_files(name, tmp_path):
    mono = Clip(sounds.tone(seconds=0.5).samples, 44_100)
    assert decoded(encode(mono, name), CONTAINER[name], tmp_path).channels == 1
    assert decoded(encode(sounds.silence(0.5, 2), name), CONTAINER[name], tmp_path).samples.std() < 1e-4
    slow = Clip(sounds.tone(seconds=0.5).samples, 22_050)
    assert decoded(encode(slow, name), CONTAINER[name], tmp_path).duration_s == pytest.approx(1.0, abs=0.01)
    assert sniff(encode(sounds.silence(0.0), name)) == CONTAINER[name]


@pytest.mark.parametrize("name", ["flac", "mp3", "ogg"])
def test_beyond_full_scale_is_clipped_not_wrapped(name, tmp_path):
    loud = Clip(sounds.tone(100.0, 0.5, level=0.9).samples * np.float32(3.0), 44_100)
    out = decoded(encode(loud, name, 16), CONTAINER[name], tmp_path)
    assert np.abs(out.samples).max() < 1.5
    assert np.corrcoef(out.samples[0], loud.samples[0])[0, 1] > 0.9


def test_unknown_formats_and_depths_are_refused(clip):
    with pytest.raises(Invalid):
        encode(clip, "wma")
    with pytest.raises(Invalid):
        encode(clip, "flac", 32)
