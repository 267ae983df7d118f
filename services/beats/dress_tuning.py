"""Tuning: one key for a kit, and how far each tonal sound moves to be in it.

A sound has a pitch when its body repeats itself clearly and long enough to be heard as a tone. The key is the root, of
twelve, towards which the kit has to move least: a bass to its root or fifth, other tones to a note of its minor
pentatonic, whose gaps are three semitones at most, so that nothing moves by more than two. Pitch classes count from
C = 0 at A = 440 Hz. Only features are read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from services.beats.types import Role, Sample

STRENGTH_MIN = 0.5  # of the autocorrelation's peak: below it the pitch found may be chance
PITCH_LOW_HZ = 50.0  # the estimate sees no longer period; half of a lower tone's would be taken for it
PITCH_HIGH_HZ = 1000.0  # above, a sample more or less in the period is a fifth of a semitone
RING_MIN_MS = 60.0  # down by 20 dB sooner, it is a click: nobody hears its pitch
BASS_RING_MS = 300.0  # a low tone that rings so long (40 dB) is a bass
BASS_LOW_SHARE = 0.25  # of the energy below 120 Hz
SHIFT_MAX = 2.0  # semitones that a sound may be tuned by
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SCALE = (0, 3, 5, 7, 10)  # minor pentatonic
STABLE = (0, 7)  # where a bass belongs
BASS_WEIGHT = 3.0  # in the choice of the key: its pitch is heard as the root
A4_HZ, A4_MIDI = 440.0, 69
LOW_RANGE_HZ = (43.0, 58.0)  # where a kick's low end settles
LOW_DEGREES = (0, 7, 5, 3)  # of the scale, the best first: one of them always lies in that range
SUB_LOWEST_HZ = 41.2  # E1, the lowest string of a bass: the sub lies within the octave above it


def pitch_of(sample: Sample) -> float | None:
    """The pitch of a sound in Hz where its features can be trusted, or None."""
    f = sample.features
    hz = f.get("pitch_hz", 0.0)
    clear = f.get("pitch_strength", 0.0) >= STRENGTH_MIN and PITCH_LOW_HZ < hz < PITCH_HIGH_HZ
    return hz if clear and f.get("decay_20db_ms", 0.0) >= RING_MIN_MS else None


def is_bass(sample: Sample, role: Role) -> bool:
    """Whether a sound carries a bass note: it is one, or it is a CORE that rings on long and low at one pitch."""
    if pitch_of(sample) is None:
        return False
    f = sample.features
    low = f.get("energy_20_60hz", 0.0) + f.get("energy_60_120hz", 0.0)
    long_tone = f.get("decay_40db_ms", 0.0) >= BASS_RING_MS and low >= BASS_LOW_SHARE
    return sample.instrument == "bass" or (role == "CORE" and long_tone)


def key_of(samples: Sequence[Sample]) -> int | None:
    """The root of the kit's key, 0..11, or None where no sound has a pitch. Of equal ones the lowest."""
    heard = [(_midi(hz), is_bass(s, s.pool_role)) for s in samples if (hz := pitch_of(s)) is not None]
    if not heard:
        return None

    def cost(root: int) -> float:
        return sum((BASS_WEIGHT if bass else 1.0) * shift_to(note, root, bass=bass) ** 2 for note, bass in heard)

    return min(range(12), key=lambda root: (round(cost(root), 6), root))


def tuned_semitones(sample: Sample, role: Role, root: int, transposed: float = 0.0) -> float:
    """Semitones that bring a sound, transposed by so many, into the key; -2..2, 0 for a sound without a pitch."""
    hz = pitch_of(sample)
    return 0.0 if hz is None else shift_to(_midi(hz) + transposed, root, bass=is_bass(sample, role))


def shift_to(note: float, root: int, *, bass: bool) -> float:
    """Semitones from a note (MIDI, fractional) to the nearest of the key; for a bass to root or fifth if in reach."""
    if bass:
        shift = min((_away(note, root + degree) for degree in STABLE), key=abs)
        if abs(shift) <= SHIFT_MAX:
            return shift
    return min((_away(note, root + degree) for degree in SCALE), key=abs)


def key_name(root: int) -> str:
    """The key of a root 0..11 as the contract writes keys: tones go to its minor pentatonic."""
    return f"{NOTES[root]} minor"


def low_end_hz(root: int) -> float:
    """Where the low end of a kick settles in a key: its root, or else its fifth, fourth or third, in 43..58 Hz."""
    low, high = LOW_RANGE_HZ
    for degree in LOW_DEGREES:
        hz = _octave_above(low, root + degree)
        if hz <= high:
            return hz
    return high


def sub_hz(sample: Sample, root: int, shift: float) -> float | None:
    """The sine under a bass, within an octave from 41 Hz: the fifth where the bass is tuned to it, else the root.

    `shift`: the semitones that the bass itself is moved by. None for a bass that already lies in that octave.
    """
    hz = (pitch_of(sample) or A4_HZ) * math.exp2(shift / 12)
    if hz < 2 * SUB_LOWEST_HZ:
        return None
    degree = min(STABLE, key=lambda d: abs(_away(_midi(hz), root + d)))
    return _octave_above(SUB_LOWEST_HZ, root + degree)


def _midi(hz: float) -> float:
    return A4_MIDI + 12 * math.log2(hz / A4_HZ)


def _away(note: float, pitch_class: int) -> float:
    """Semitones from a note to the nearest note of a pitch class, -6..6."""
    return (pitch_class - note + 6) % 12 - 6


def _octave_above(lowest_hz: float, pitch_class: int) -> float:
    """The frequency of a pitch class in the octave that begins at `lowest_hz`."""
    lowest = _midi(lowest_hz)
    return A4_HZ * math.exp2((lowest + (pitch_class - lowest) % 12 - A4_MIDI) / 12)
