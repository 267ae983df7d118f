"""The MIDI file, read back by mido and by hand."""

import io
from dataclasses import replace

import mido
import pytest

from services.beats.grid import event_time_s
from services.beats.pads import FIRST_PAD, pad_notes
from services.beats.types import METERS, ROLES
from services.beats.voices import key_of
from services.notation.midi import DRUM_CHANNEL, GM_NOTES, beat_midi
from tests.beat_material import event, full_beat, grid, hit, kit, one, sample


def read(data):
    return mido.MidiFile(file=io.BytesIO(data), charset="utf-8")


def absolute(track):
    now = 0
    for message in track:
        now += message.time
        yield now, message


def notes(track):
    """(on, off, channel, note, velocity) of a track; fails on a note-off without its note."""
    open_notes, done = {}, []
    for now, m in absolute(track):
        if m.type == "note_on":
            open_notes.setdefault((m.channel, m.note), []).append((now, m.velocity))
        elif m.type == "note_off":
            on, velocity = open_notes[m.channel, m.note].pop(0)
            done.append((on, now, m.channel, m.note, velocity))
    assert not any(open_notes.values())
    return sorted(done, key=lambda n: (n[0], n[3]))


def seconds(file, tick):
    """Where a tick sounds by the file's own tempo track."""
    t, last, tempo = 0.0, 0, 500_000
    for now, m in absolute(file.tracks[0]):
        if m.type == "set_tempo":
            if now >= tick:
                break
            t += (now - last) * tempo / 1e6 / file.ticks_per_beat
            last, tempo = now, m.tempo
    return t + (tick - last) * tempo / 1e6 / file.ticks_per_beat


@pytest.mark.parametrize("meter", METERS)
@pytest.mark.parametrize("bpm", [40.0, 97.3, 300.0])
def test_tempo_meter_and_length(meter, bpm):
    beat, _ = full_beat(3, bpm, meter)
    file = read(beat_midi(beat))
    assert (file.type, file.ticks_per_beat) == (1, 960)
    first = {m.type: m for m in file.tracks[0]}
    assert first["set_tempo"].tempo == round(60e6 / bpm)
    assert f"{first['time_signature'].numerator}/{first['time_signature'].denominator}" == meter
    assert first["track_name"].name == "Küche"
    end = [now for now, m in absolute(file.tracks[0]) if m.type == "end_of_track"]
    assert end == [3 * METERS[meter] * 240]


def test_a_named_track_per_role():
    file = read(beat_midi(full_beat()[0]))
    assert [next(m.name for m in t if m.type == "track_name") for t in file.tracks[1:]] == list(ROLES)


@pytest.mark.parametrize("swing", [0.5, 0.62])
def test_notes_are_the_events_as_they_sound(swing):
    beat, _ = full_beat(4, 93.7)
    beat = replace(beat, grid=replace(beat.grid, swing=swing, tempo_map=((0, 93.7), (2, 151.0))))
    file = read(beat_midi(beat))
    for role, track in zip(ROLES, file.tracks[1:], strict=True):
        own = [e for e in beat.events if e.role == role]
        events = sorted((event_time_s(beat.grid, e), GM_NOTES[e.instrument], e.velocity) for e in own)
        found = notes(track)
        assert len(found) == len(events)
        for (time_s, key, velocity), (on, off, channel, note, midi_velocity) in zip(events, found, strict=True):
            assert seconds(file, on) == pytest.approx(time_s, abs=0.0005)
            assert off > on
            assert (channel, note) == (DRUM_CHANNEL, key)
            assert midi_velocity == round(velocity * 127)


def test_straight_events_lie_on_exact_ticks():
    beat, _ = one(hit(), [event("s", b, s, tick=t) for b in range(2) for s in (0, 5, 15) for t in (0, 80)], 97.3, 2)
    on = [n[0] for n in notes(read(beat_midi(beat)).tracks[1])]
    assert on == [b * 3840 + s * 240 + t for b in range(2) for s in (0, 5, 15) for t in (0, 80)]


def test_gm_notes_follow_the_part_that_plays():
    samples, _ = kit()
    played = [*(("s", name) for name in GM_NOTES if name != "tom")]
    events = [event("kick", 0, i, "FILL", name) for i, (_, name) in enumerate(played)]
    events.append(event("kick", 1, 0, "MOTION", "hat_closed", articulation="open"))
    beat = replace(full_beat()[0], events=tuple(events), kit=samples, grid=grid(120, 2))
    file = read(beat_midi(beat))
    assert [n[3] for n in notes(file.tracks[4])] == [GM_NOTES[name] for _, name in played]
    assert [n[3] for n in notes(file.tracks[3])] == [46]
    assert (GM_NOTES["kick"], GM_NOTES["snare"], GM_NOTES["hat_closed"], GM_NOTES["crash"]) == (36, 38, 42, 49)


def test_toms_are_low_mid_and_high():
    samples, _ = kit()
    events = [event(i, 0, k, "FILL", "tom") for k, i in enumerate(("tom", "crash", "kick"))]
    beat = replace(full_beat()[0], events=tuple(events), kit=samples)
    assert {n[3] for n in notes(read(beat_midi(beat)).tracks[4])} == {45, 47, 50}


def test_pads_are_one_note_per_sample_in_kit_order_and_then_the_versions_that_play():
    beat, _ = full_beat()
    pads = pad_notes(beat)
    plain = [pads[key] for key in pads if key.variant in {"", "closed", "mid"}]
    assert sorted(plain) == list(range(FIRST_PAD, FIRST_PAD + 8))
    assert pads["kick", "CORE", ""] == 36
    assert pads["hat_open", "MOTION", "open"] == FIRST_PAD + 8
    assert len(pads) == 9
    turned = replace(beat, kit=dict(reversed(beat.kit.items())), events=tuple(reversed(beat.events)))
    assert pad_notes(turned) == pads
    file = read(beat_midi(beat, "pads"))
    assert {n[3] for t in file.tracks[1:] for n in notes(t)} == {pads[key_of(e)] for e in beat.events}


def test_pitches_and_other_roles_of_a_sound_have_pads_of_their_own():
    events = [event("s", 0, i, "FILL", "tom", variant=v) for i, v in enumerate(("high", None, "low"))]
    beat, _ = one(hit(), [*events, event("s", 0, 4, "MOTION", "ride"), event("s", 0, 8, muted=True)])
    assert pad_notes(beat) == {
        ("s", "CORE", ""): 36, ("s", "MOTION", "ring"): 37, ("s", "FILL", "mid"): 38, ("s", "FILL", "low"): 39,
        ("s", "FILL", "high"): 40,
    }  # fmt: skip


def test_versions_without_room_share_the_note_of_their_sound():
    samples = {f"s{i:02d}": sample(f"s{i:02d}", hit(length_s=0.01), "FILL", "tom") for i in range(64)}
    events = [event(i, 0, 0, "FILL", "tom", variant=v) for i in samples for v in ("low", "high")]
    pads = pad_notes(replace(one(hit(), events)[0], kit=samples))
    assert [pads[f"s{i:02d}", "FILL", "mid"] for i in range(64)] == list(range(36, 100))
    own = [note for key, note in pads.items() if key.variant != "mid" and note >= 100]
    assert own == list(range(100, 128))
    shared = [(key, note) for key, note in pads.items() if key.variant != "mid" and note < 100]
    assert len(shared) == 128 - 28
    assert all(note == pads[key.sample_id, "FILL", "mid"] for key, note in shared)


def test_a_toms_height_is_its_note():
    beat, _ = one(hit(), [event("s", 0, i, "FILL", "tom", variant=v) for i, v in enumerate(("high", "mid", "low"))])
    assert [n[3] for n in notes(read(beat_midi(beat)).tracks[4])] == [50, 47, 45]


def test_of_strikes_of_one_pad_on_one_tick_the_loudest_stays():
    beat, _ = one(hit(), [event("s", 0, 0, velocity=0.4), event("s", 0, 0, "CORE", "kick", velocity=0.9)])
    beat = replace(beat, events=tuple(replace(e, id=str(i)) for i, e in enumerate(beat.events)))
    assert [(n[0], n[4]) for n in notes(read(beat_midi(beat, "pads")).tracks[1])] == [(0, 114)]
    assert len(notes(read(beat_midi(beat)).tracks[1])) == 2


def test_muted_silent_and_unlucky_events_have_no_notes():
    hits = [event("s", 0, 0, muted=True), event("s", 0, 1, probability=0.0), event("s", 0, 2, velocity=0.0)]
    beat, _ = one(hit(), [*hits, event("s", 0, 3, velocity=0.001)])
    found = notes(read(beat_midi(beat)).tracks[1])
    assert [(n[0], n[4]) for n in found] == [(720, 1)]


def test_a_struck_again_key_is_let_go_first():
    beat, _ = one(hit(), [event("s", 0, 0, duration_steps=8.0), event("s", 0, 2, duration_steps=1.0)])
    assert [n[:2] for n in notes(read(beat_midi(beat)).tracks[1])] == [(0, 480), (480, 720)]


def test_pitched_events_play_their_pitch_on_a_melodic_channel():
    beat, _ = one(hit(), [replace(event("s", 0, 0), sample_id=None, pitch=64)])
    assert notes(read(beat_midi(beat)).tracks[1])[0][2:4] == (0, 64)


@pytest.mark.parametrize(("drum", "pitch"), [("kick", 36), ("snare", 38), ("tom", 45), ("tom", 50), ("crash", 49)])
def test_a_drum_s_own_note_without_a_sound_is_on_the_drum_channel(drum, pitch):
    beat, _ = one(hit(), [replace(event("s", 0, 0), sample_id=None, pitch=pitch, instrument=drum)])
    assert notes(read(beat_midi(beat)).tracks[1])[0][2:4] == (9, pitch)


def test_an_upbeat_is_a_bar_of_its_own():
    beat, _ = one(hit(), [event("s", 0, 2), event("s", 1, 0)], bars=2)
    beat = replace(beat, grid=replace(beat.grid, pickup_steps=4))
    file = read(beat_midi(beat))
    meters = [(now, m.numerator, m.denominator) for now, m in absolute(file.tracks[0]) if m.type == "time_signature"]
    assert meters == [(0, 4, 16), (960, 4, 4)]
    assert [n[0] for n in notes(file.tracks[1])] == [480, 960]


def test_offsets_past_the_end_and_before_the_start_stay_in_order():
    beat, _ = one(hit(), [event("s", 0, 0, offset_ms=-50.0), event("s", 0, 15, offset_ms=200.0)])
    on = [n[0] for n in notes(read(beat_midi(beat)).tracks[1])]
    assert on == [0, 15 * 240 + 384]


def test_the_same_beat_gives_the_same_bytes_and_an_empty_one_a_file():
    beat, _ = full_beat()
    assert beat_midi(beat) == beat_midi(beat)
    assert beat_midi(beat) == beat_midi(replace(beat, events=tuple(reversed(beat.events))))
    empty = read(beat_midi(replace(beat, events=())))
    assert len(empty.tracks) == 6


def test_a_flam_is_a_soft_note_just_before_its_hit_in_every_map():
    beat, _ = one(hit(), [event("s", 0, s, articulation="flam", velocity=0.8) for s in (0, 4)])
    for note_map in ("gm", "pads"):
        found = notes(read(beat_midi(beat, note_map)).tracks[1])
        assert [(n[0], n[4]) for n in found] == [(0, 102), (960 - round(0.030 * 2 * 960), 51), (960, 102)]
