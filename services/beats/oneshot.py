"""A single uploaded sound: where it begins and ends, and whether it plainly holds several hits.

What it does. A clean one-shot keeps its whole natural decay; only silence before and after it goes. Where a second hit
jumps in most bands at once and is about as loud as the first (a door handle, then the slam), the strongest one is
the trim, with its own decay, and the others are offered.

Conventions. Times in seconds of the clip; samples float32 (channels, n) at 44.1 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, Clip, ClipSource
from services.beats.cuts import (
    COARSE,
    LEAD_IN,
    PRE_ROLL_S,
    decay_frame,
    envelope,
    excess_db,
    first_strong_peak,
    physical_onset,
)
from services.beats.onsets import HOP, SILENCE_DB, BandLevels, band_levels, detect_onsets, read_finite, separate
from services.errors import Invalid

PLAIN_DB = 60.0  # summed rise over the bands: the jumps inside one gesture (a phone, a till) stay below
LOUD_WITHIN_DB = 14.0  # of the loudest hit: quieter ones are its echo or its handling noise
SILENCE_BELOW_DB = 66.0  # below the peak: silence before and after the sound
FLAT_TAIL = 35  # windows of 10 ms at the end which, if equally loud, are the room and not a decay
FLAT_DB = 1.5  # difference of their halves
TAIL_QUIET_DB = 25.0  # below the peak, before a flat end is taken for the room
ROOM_MARGIN_DB = 3.0  # above the room: sound
LEVEL = round(0.010 * HOUSE_RATE_HZ)  # samples per level: 10 ms
SEVERAL = "{name} holds {count} hits; the strongest one is used. Upload it with mode `preprocess` to get them all."
SILENT = "This sound is silent."


@dataclass(frozen=True, slots=True)
class Hit:
    """A part of a clip, seconds: start_s ≤ onset_s ≤ attack_s ≤ end_s."""

    start_s: float
    end_s: float
    onset_s: float
    attack_s: float


@dataclass(frozen=True, slots=True)
class OneshotTrim:
    """The part that sounds, other hits (in time order), whether there are several, and a warning or None."""

    trim: Hit
    alternatives: tuple[Hit, ...]
    several: bool
    warning: str | None


def oneshot_trim(clip: Clip, name: str = "This sound") -> OneshotTrim:
    """How to play a one-shot upload. A silent clip: the whole of it, attack at 0, and a warning.

    Raises Invalid for a rate other than 44.1 kHz.
    """
    if clip.rate_hz != HOUSE_RATE_HZ:
        raise Invalid(f"A one-shot must be at {HOUSE_RATE_HZ} Hz, not {clip.rate_hz}.", code="invalid_rate")
    x = read_finite(ClipSource(clip), 0, clip.frames)
    x = x - x.mean(axis=1, keepdims=True) if clip.frames else x
    clean = Clip(x, HOUSE_RATE_HZ)
    whole = _sounding(clean)
    if whole is None:
        return OneshotTrim(Hit(0.0, clip.duration_s, 0.0, 0.0), (), several=False, warning=SILENT)
    hits = _plain_hits(clean)
    if len(hits) < 2:
        return OneshotTrim(whole, (), several=False, warning=None)
    loudest = int(np.argmax([level for level, _ in hits]))
    others = tuple(h for i, (_, h) in enumerate(hits) if i != loudest)
    return OneshotTrim(hits[loudest][1], others, True, SEVERAL.format(name=name, count=len(hits)))


def _levels_db(clip: Clip) -> np.typing.NDArray[np.float64]:
    """Level of each 10 ms of a clip, dB re full scale, channels added as power."""
    power = np.square(clip.samples, dtype=np.float64).mean(axis=0)
    padded = np.pad(power, (0, -clip.frames % LEVEL))
    return np.asarray(10 * np.log10(padded.reshape(-1, LEVEL).mean(axis=1) + 1e-12))


def _sounding(clip: Clip) -> Hit | None:
    """The clip without silence, or without room noise, before and after; None for silence."""
    if clip.frames == 0 or np.abs(clip.samples).max() < 1e-5:
        return None
    level = _levels_db(clip)
    peak = float(level.max())
    border = peak - SILENCE_BELOW_DB
    tail = level[-FLAT_TAIL:]
    halves = tail[: len(tail) // 2], tail[len(tail) // 2 :]
    flat = level.size >= 2 * FLAT_TAIL and abs(np.median(halves[0]) - np.median(halves[1])) < FLAT_DB
    if flat and np.median(tail) < peak - TAIL_QUIET_DB:
        border = max(border, float(np.median(tail)) + ROOM_MARGIN_DB)
    loud = np.flatnonzero(level > border)
    end = min(clip.frames, (int(loud[-1]) + 3) * LEVEL)
    env = envelope(clip.samples, COARSE)
    onset = int(np.argmax(env >= 10 ** (border / 20)))
    start = max(0, onset - round(PRE_ROLL_S * HOUSE_RATE_HZ))
    attack = onset + first_strong_peak(clip.samples[:, onset:end])
    return Hit(*(v / HOUSE_RATE_HZ for v in (start, end, onset, attack)))


def _plain_hits(clip: Clip) -> list[tuple[float, Hit]]:
    """The hits that stand out plainly, in time order, each with its level in dB."""
    levels = band_levels(ClipSource(clip))
    onsets = separate(detect_onsets(levels))
    frames = [int(f) for f, s in zip(onsets.frame, onsets.strength_db, strict=True) if s >= PLAIN_DB]
    hits = [_hit(clip, levels, f, n) for f, n in zip(frames, [*frames, levels.frames][1:], strict=True)]
    loudest = max((level for level, _ in hits), default=0.0)
    return [(level, h) for level, h in hits if level >= loudest - LOUD_WITHIN_DB]


def _hit(clip: Clip, levels: BandLevels, frame: int, next_frame: int) -> tuple[float, Hit]:
    """One hit and its level: from its onset to where it has died away, at most to the next."""
    begin = max(0, frame * HOP - LEAD_IN)
    until = min(next_frame * HOP, clip.frames)
    onset = physical_onset(clip.samples[:, begin:until], begin, frame).onset
    attack = onset + first_strong_peak(clip.samples[:, onset:until])
    pre_roll = round(PRE_ROLL_S * HOUSE_RATE_HZ)
    end = min(decay_frame(levels, frame, next_frame) * HOP, until - (pre_roll if until < clip.frames else 0))
    times = (max(0, onset - pre_roll), max(end, attack + 1), onset, attack)
    loudest = float(excess_db(levels, frame, next_frame).max(initial=SILENCE_DB))
    return loudest, Hit(*(v / HOUSE_RATE_HZ for v in times))
