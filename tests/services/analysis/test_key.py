"""The key: every tonic and mode, mistuned, short, under drums; none for what has none. Sounds are made, then played."""

import shutil
import subprocess
from functools import cache

import mido
import numpy as np
import pytest
import soundfile

from services.analysis.harmony import listen_harmony
from services.analysis.key import KEYS, NO_KEY, key_of, shipped
from services.audio.clip import Clip, ClipSource
from tests import chords, sounds
from tests.structure.tree import ROOT

RATE = 44_100
FONTS = (ROOT / "var/training/root/usr/share/sounds/sf2/TimGM6mb.sf2", "/usr/share/sounds/sf2/TimGM6mb.sf2")


def found(clip):
    return key_of(listen_harmony(ClipSource(clip)))


def mixed(*clips):
    size = min(c.frames for c in clips)
    return sounds.mono(sum(c.samples[:, :size].mean(axis=0) for c in clips))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("key", chords.KEYS)
def test_each_of_24_keys(key, which):
    answer = found(chords.in_key(key, 12.0, which=which))
    assert answer.key == key
    assert answer.confidence > 0.4
    assert answer.tuning_cents == pytest.approx(0, abs=4)


@pytest.mark.parametrize("cents", [-45, -30, -10, 10, 30, 45])
@pytest.mark.parametrize("key", ["B major", "C# minor"])
def test_mistuned(key, cents):
    answer = found(chords.in_key(key, 10.0, cents=cents))
    assert answer.key == key
    assert answer.tuning_cents == pytest.approx(cents, abs=4)


@pytest.mark.parametrize("seconds", [8.0, 30.0])
@pytest.mark.parametrize("partials", [1, 3, 15])
def test_dull_and_bright_sounds_and_excerpts(seconds, partials):
    for key in ("F# minor", "A# major"):
        assert found(chords.in_key(key, seconds, partials=partials)).key == key


def test_drums_over_music_do_not_disturb():
    for key in ("E minor", "G# major"):
        assert found(mixed(chords.in_key(key, 12.0), sounds.beat(12.0))).key == key


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_a_key_and_its_relative_are_told_apart_by_their_chords(mode):
    """The same seven notes throughout: where it begins, ends and returns to decides."""
    degrees = {
        "major": ("C major", ((0, chords.MAJOR), (5, chords.MAJOR), (7, chords.MAJOR), (0, chords.MAJOR))),
        "minor": ("A minor", ((0, chords.MINOR), (5, chords.MINOR), (7, chords.MINOR), (0, chords.MINOR))),
    }
    key, progression = degrees[mode]
    answer = found(chords.song(key, progression, 14.4))
    assert answer.key == key
    assert {"C major", "A minor"} <= {k.key for k in answer.keys}


def test_three_keys_with_probabilities():
    answer = found(chords.in_key("D major", 10.0))
    shares = [k.probability for k in answer.keys]
    assert len(answer.keys) == 3
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1.0001
    assert answer.confidence <= shares[0]
    assert answer.keys[0].key == answer.key
    assert {k.key for k in answer.keys} <= set(KEYS)


def _steps(pitches, seconds=0.4):
    return sounds.mono(0.3 * np.concatenate([chords.note(p, seconds) for p in pitches]))


NOTHING = {
    "drums": lambda: sounds.beat(12.0),
    "white noise": lambda: sounds.noise(8.0),
    "room": lambda: sounds.room(8.0),
    "knocks": lambda: sounds.knocks(seconds=6.0),
    "speech": lambda: chords.babble(10.0, 1),
    "other speech": lambda: chords.babble(10.0, 2),
    "a tone": lambda: sounds.tone(440.0, 8.0),
    "a low tone": lambda: sounds.tone(62.0, 8.0),
    "octaves": lambda: _steps([45, 57, 69, 57] * 6),
    "one chord of a moment": lambda: chords.in_key("C major", 1.2),
    "a sweep": lambda: sounds.mono(0.4 * np.sin(2 * np.pi * np.cumsum(np.linspace(80, 2_000, 8 * RATE)) / RATE)),
    "a click": sounds.click,
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_has_no_key_gets_none(name):
    answer = found(NOTHING[name]())
    assert (answer.key, answer.confidence, answer.keys) == (None, 0.0, ())


@pytest.mark.parametrize("frames", [0, 1, 441, 10 * RATE])
def test_silence(frames):
    assert found(Clip(np.zeros((2, frames), np.float32), RATE)) == NO_KEY


def test_a_constant_is_no_tone():
    assert found(Clip(np.full((1, 8 * RATE), 0.5, np.float32), RATE)).key is None


def test_the_tuning_of_what_is_in_no_key():
    cents = 1200 * np.log2(452 / 440)
    assert found(sounds.tone(452.0, 5.0)).tuning_cents == pytest.approx(cents, abs=3)
    assert found(sounds.noise(5.0)).tuning_cents is None
    assert found(chords.babble(8.0)).tuning_cents is None


def test_clipped_music_keeps_its_key():
    clip = chords.in_key("F major", 10.0)
    assert found(Clip((clip.samples * 8).clip(-1, 1), RATE)).key == "F major"


def test_a_soft_recording_is_a_loud_one():
    clip = chords.in_key("G minor", 8.0)
    soft, loud = found(Clip(clip.samples * np.float32(0.003), RATE)), found(clip)
    assert soft.key == loud.key == "G minor"


def test_the_shipped_model_is_the_same_for_every_tonic():
    model, measures = shipped(), np.zeros((24, len(shipped().weights[0])))
    likely = model.probabilities(measures)
    assert likely.sum() == pytest.approx(1.0)
    assert np.ptp(likely[:12]) < 1e-12
    assert np.ptp(likely[12:]) < 1e-12


@cache
def _font():
    return next((str(f) for f in FONTS if ROOT.joinpath(f).exists()), None)


def _played(folder, key, program):
    """Chords and bass of the first cadence, four times, by the General MIDI font."""
    track = mido.MidiTrack([mido.Message("program_change", channel=0, program=program)])
    track.append(mido.Message("program_change", channel=1, program=33))
    tonic = chords.TONICS.index(key.split(maxsplit=1)[0])
    for root, tones in chords.CADENCES[key.rsplit(maxsplit=1)[-1]][0] * 4:
        notes = [(1, 36 + (tonic + root) % 12), *((0, 55 + (tonic + root + n - 7) % 12) for n in tones)]
        track += [mido.Message("note_on", channel=c, note=n, velocity=90) for c, n in notes]
        for i, (c, n) in enumerate(notes):
            track.append(mido.Message("note_off", channel=c, note=n, time=960 if i == 0 else 0))
    score = mido.MidiFile(ticks_per_beat=480)
    score.tracks.append(track)
    midi, wav = folder / "song.mid", folder / "song.wav"
    score.save(midi)
    command = ["fluidsynth", "-ni", "-q", "-g", "0.6", "-r", str(RATE), "-F", str(wav), _font(), str(midi)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    audio, _ = soundfile.read(wav, dtype="float32", always_2d=True)
    return Clip(np.ascontiguousarray(audio.T), RATE)


@pytest.mark.skipif(not shutil.which("fluidsynth"), reason="fluidsynth plays the font; it is not installed")
@pytest.mark.skipif(_font() is None, reason="TimGM6mb.sf2 is not installed")
@pytest.mark.parametrize("program", [0, 24, 48, 62])
@pytest.mark.parametrize("key", ["C major", "D# minor", "F# major", "A minor"])
def test_played_instruments(tmp_path, key, program):
    assert found(_played(tmp_path, key, program)).key == key
