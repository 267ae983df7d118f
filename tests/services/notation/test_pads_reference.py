"""`beat.mid?map=pads` played through `kit.sfz` by a sampler is `stems.zip?map=pads`, the beat's unmastered stems."""

import io
import random
import zipfile
from dataclasses import replace

import mido
import numpy as np
import pytest

from services.audio.clip import Clip
from services.audio.wavfile import read_wav
from services.beats.dress_audio import Wardrobe
from services.beats.export import ExportOptions, export
from services.beats.styles import STYLES
from services.beats.types import METERS, ROLES
from services.beats.voices import key_of
from services.notation.midi import beat_midi
from tests import sfz_reader
from tests.beat_material import RATE, event, full_beat, grid, hit, kit, noise, one
from tests.groove_material import drums, everyday, made

LIMIT_DB = -60.0


def opened(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name) for name in archive.namelist()}


def reference(beat, clips, wardrobe=None):
    """The stems of the pads reference by role, float64 (2, n)."""
    made_zip = export(beat, clips, "stems.zip", ExportOptions(note_map="pads", bits="32f"), wardrobe)
    files = opened(made_zip.content)
    return {n.rsplit(" - ", 1)[1][:-4].upper(): read_wav(d).samples.astype(float) for n, d in files.items()}


def played(beat, clips, wardrobe=None):
    """What the sampler makes of the beat's files, by role."""
    files = opened(export(beat, clips, "kit.zip", None, wardrobe).content)
    midi = export(beat, clips, "beat.mid", ExportOptions(note_map="pads")).content
    return sfz_reader.play(midi, files["kit.sfz"].decode(), files)


def error_db(wanted, got):
    """Energy of the difference against that of what is wanted, dB; the shorter one is silent at its end."""
    n = max(wanted.shape[1], got.shape[1])
    wanted, got = (np.pad(x, ((0, 0), (0, n - x.shape[1]))) for x in (wanted, got))
    error, signal = np.square(wanted - got).sum(), np.square(wanted).sum()
    if not signal:
        return -np.inf if not error else np.inf
    return 10 * np.log10(max(error / signal, 1e-30))


def errors(beat, clips):
    """Error of every role's stem and of their sum."""
    wardrobe = Wardrobe()
    stems, pads = reference(beat, clips, wardrobe), played(beat, clips, wardrobe)
    assert set(stems) == set(ROLES)
    nothing = np.zeros((2, 0))
    found = {role: error_db(stem, pads.get(role, nothing)) for role, stem in stems.items()}
    longest = max(x.shape[1] for x in (*stems.values(), *pads.values()))
    sums = (sum(np.pad(x, ((0, 0), (0, longest - x.shape[1]))) for x in part.values()) for part in (stems, pads))
    return {**found, "sum": error_db(*sums)}


def agrees(beat, clips):
    return all(db < LIMIT_DB for db in errors(beat, clips).values())


@pytest.mark.parametrize("style", sorted(STYLES))
def test_drums_in_every_style(style):
    assert agrees(made(drums(), style), drums().clips)


@pytest.mark.parametrize("style", ["house", "trap", "lofi", "waltz", "dnb", "afro68", "techno"])
def test_everyday_sounds(style):
    assert agrees(made(everyday(), style), everyday().clips)


@pytest.mark.parametrize("bpm", [40.0, 93.7, 119.99, 300.0])
@pytest.mark.parametrize("meter", ["4/4", "7/8", "12/8"])
def test_tempos_and_meters(bpm, meter):
    assert agrees(*full_beat(2, bpm, meter))


def test_swing_an_upbeat_and_tempo_changes():
    beat, clips = full_beat(4)
    events = tuple(e for e in beat.events if e.bar or e.step < 4)
    g = replace(beat.grid, swing=0.62, tempo_map=((0, 93.7), (2, 151.3)), pickup_steps=4)
    assert agrees(replace(beat, grid=g, events=events), clips)


def test_one_sound_at_three_heights():
    heights = ["high", "high", "mid", None, "low", "low", "high", "low"]
    events = [event("s", 0, 8 + i, "FILL", "tom", variant=v, velocity=0.5 + i / 20) for i, v in enumerate(heights)]
    assert agrees(*one(hit(180, 0.3, 0.02, 1.5), events, role="FILL", instrument="tom", attack_s=0.02))


def test_a_mix_that_the_user_has_set():
    beat, clips = made(drums(), "house", arrange=True, bars=8), drums().clips
    strips = {"CORE": {"gain_db": 9.0}, "MOTION": {"pan": -0.7, "gain_db": -12.0}, "FILL": {"muted": True}}
    mix = {**beat.mix, "roles": {role: {**beat.mix["roles"].get(role, {}), **strips.get(role, {})} for role in ROLES}}
    moved = {i: replace(s, gain_db=-6.0, pan=0.4) if s.pool_role == "ACCENT" else s for i, s in beat.kit.items()}
    assert agrees(replace(beat, mix=mix, kit=moved), clips)


def test_beds_that_follow_each_other_and_outlast_their_sound():
    events = [event("s", 0, s, "TEXTURE", "texture", velocity=0.4, duration_steps=d) for s, d in ((0, 6.0), (4, 28.0))]
    assert agrees(*one(noise(0.7, None, 2), events, bars=2, role="TEXTURE", instrument="texture", attack_s=0.0))


def test_chokes_flams_and_sounds_in_several_roles():
    events = [event("s", 0, s, "MOTION", "hat_open") for s in (2, 6)]
    events += [event("s", 0, s, "MOTION", "hat_closed", articulation="choke", duration_steps=0.25) for s in (3, 7)]
    events += [event("s", 0, s, "ACCENT", "snare", articulation="flam") for s in (4, 12)]
    events += [event("s", 0, 8, "MOTION", "crash"), event("s", 0, 10, "MOTION", "hat_closed")]
    assert agrees(*one(noise(1.5, 0.6), events, role="MOTION", instrument="hat_open", attack_s=0.0))


@pytest.mark.parametrize("first", ["hat_open", "hat_closed"])
def test_of_two_hats_at_once_the_open_one_is_heard(first):
    second = {"hat_open": "hat_closed", "hat_closed": "hat_open"}[first]
    both = [event("s", 0, 2, "MOTION", first), event("s", 0, 2, "MOTION", second, velocity=0.9)]
    ending = event("s", 0, 6, "MOTION", "hat_closed")
    open_alone = [event("s", 0, 2, "MOTION", "hat_open"), ending]
    beat, clips = one(noise(1.5, 0.6), [*both, ending], role="MOTION", instrument="hat_closed", attack_s=0.0)
    beat = replace(beat, events=tuple(replace(e, id=str(i)) for i, e in enumerate(beat.events)))
    assert agrees(beat, clips)
    alone, _ = one(noise(1.5, 0.6), open_alone, role="MOTION", instrument="hat_closed", attack_s=0.0)
    notes = [
        [m.note for m in mido.MidiFile(file=io.BytesIO(beat_midi(b, "pads"))).tracks[3] if m.type == "note_on"]
        for b in (beat, alone)
    ]
    assert notes[0] == notes[1]
    assert len(notes[0]) == 2


STRANGE = {
    "silence": Clip(np.zeros((1, 4410), np.float32), RATE),
    "no frames": Clip(np.zeros((1, 0), np.float32), RATE),
    "one frame": Clip(np.full((1, 1), 0.5, np.float32), RATE),
    "standing": Clip(np.full((2, 44100), 0.5, np.float32), RATE),
    "many channels": noise(0.5, 0.1, 64),
    "a bell": hit(2000, 3.0, 0.01, 6.7),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(STRANGE))
def test_strange_sounds(name, role):
    instrument = {"CORE": "kick", "ACCENT": "snare", "MOTION": "hat_closed", "FILL": "tom", "TEXTURE": "texture"}[role]
    events = [event("s", 0, s, role, instrument, duration_steps=3.0) for s in (0, 4, 6)]
    assert agrees(*one(STRANGE[name], events, role=role, instrument=instrument, attack_s=0.0))


def scattered(seed):
    """Hits of eight sounds anywhere: rolls, pile-ups, other roles, far off the grid."""
    rng = random.Random(seed)
    samples, clips = kit()
    parts = {"CORE": ["kick", "bass"], "ACCENT": ["snare", "clap"], "FILL": ["tom", "perc", "crash"],
             "MOTION": ["hat_closed", "hat_open", "shaker", "ride", "crash"], "TEXTURE": ["texture"]}  # fmt: skip
    events = []
    for i in range(120):
        role = rng.choice(ROLES)
        made_event = event(
            rng.choice(sorted(samples)), rng.randrange(2), rng.randrange(16), role, rng.choice(parts[role]),
            tick=rng.choice((0, 80, 120, 160)), velocity=rng.uniform(0.05, 1.0), offset_ms=rng.uniform(-20, 20),
            duration_steps=rng.uniform(0.5, 12.0), variant=rng.choice((None, "low", "high")),
            articulation=rng.choice((None, None, None, "open", "choke", "flam", "roll")),
        )  # fmt: skip
        events.append(replace(made_event, id=str(i)))
    beat = replace(full_beat()[0], events=tuple(events), kit=samples, grid=grid(rng.uniform(60, 200), 2, swing=0.58))
    return beat, clips


@pytest.mark.parametrize("seed", range(4))
def test_anything_at_all(seed):
    assert agrees(*scattered(seed))


def test_a_sampler_that_lags_by_one_frame_would_be_noticed():
    """The measure itself can fail: by a frame, by a hundredth of a dB, by a cut that does not come."""
    beat, clips = full_beat(2)
    stems, pads = reference(beat, clips), played(beat, clips)
    assert error_db(stems["MOTION"], np.pad(pads["MOTION"], ((0, 0), (1, 0)))) > LIMIT_DB
    assert error_db(stems["CORE"], pads["CORE"] * 10 ** (0.01 / 20)) > LIMIT_DB
    uncut = played(beat, {**clips, "hat_open": noise(1.0, 0.31, seed=4)})
    assert error_db(stems["MOTION"], uncut["MOTION"]) > LIMIT_DB


def test_the_notes_of_the_midi_file_are_the_keys_of_the_kit():
    beat, clips = scattered(5)
    files = opened(export(beat, clips, "kit.zip").content)
    keys = sfz_reader.load(files["kit.sfz"].decode(), files)
    midi = export(beat, clips, "beat.mid", ExportOptions(note_map="pads")).content
    struck = {key for _, kind, _, _, _, key, _ in sfz_reader.notes(midi) if kind}
    assert struck <= set(keys)
    assert len(struck) == len({key_of(e) for e in beat.events})


def test_every_meter_has_the_reference_of_its_length():
    for meter in METERS:
        beat, clips = full_beat(1, 120.0, meter)
        assert agrees(beat, clips)
