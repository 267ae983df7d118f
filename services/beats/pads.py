"""Pads: a beat's sounds as keys that are struck, the same notes in `beat.mid` (pads), `kit.sfz` and `kit.json`."""

from __future__ import annotations

from services.beats.dress import VARIANTS
from services.beats.placing import kit_order
from services.beats.types import ROLES, Beat, Sample
from services.beats.voices import VoiceKey, key_of

FIRST_PAD = 36  # MIDI note, where the pads of most instruments begin
LAST_PAD = 127


def pad_notes(beat: Beat) -> dict[VoiceKey, int]:
    """The MIDI note of every voice: each sound's plainest version in its own role from 36 upward in kit order, then
    the further versions that events play (muted ones too), by sound, role and version.

    What does not fit below 128 shares the note of its sound's plainest version. Sounds alone always fit.
    """
    order = kit_order(beat)
    plain = {s.sample_id: FIRST_PAD + i for i, s in enumerate(order)}
    notes = {plain_key(s): plain[s.sample_id] for s in order}
    keys = {key_of(e) for e in beat.events if e.sample_id in plain}
    played = [key for key in keys if key is not None]
    further = sorted(played, key=lambda k: (plain[k.sample_id], ROLES.index(k.role), VARIANTS[k.role].index(k.variant)))
    free = FIRST_PAD + len(order)
    for key in further:
        if key in notes:
            continue
        notes[key] = free if free <= LAST_PAD else plain[key.sample_id]
        free += 1
    return notes


def plain_key(sample: Sample) -> VoiceKey:
    """The plainest version of a sound, in its own role."""
    return VoiceKey(sample.sample_id, sample.pool_role, VARIANTS[sample.pool_role][0])
