"""A single uploaded sound: where it begins and ends, and whether it plainly holds several hits.

What it does. A clean one-shot keeps its whole natural decay; only silence before and after it goes. Where a second hit
jumps in most bands at once and is about as loud as the first (a door handle, then the slam), the strongest one is
the trim, with its own decay, and the others are offered.

Conventions. Times in seconds of the clip; samples float32 (channels, n) at 44.1 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from services.audio.clip import HOUSE_RATE_HZ, Clip, ClipSource
from services.beats.cuts import (
    COARSE,
    LEAD_IN,
    LOOK_AHEAD,
    PRE_ROLL_S,
    envelope,
    first_strong_peak,
    physical_onset,
)
from services.beats.onset_judge import detect_onsets
from services.beats.onsets import (
    HOP,
    BandLevels,
    Onsets,
    band_levels,
    presence_db,
    read_finite,
)
from services.errors import Invalid

PLAIN_DB = 60.0  # summed rise over the bands: the jumps inside one gesture (a phone, a till) stay below
NOISY_PLAIN_DB = 25.0  # where noise hides most of every rise, this is enough
PLAIN_SHARE = 0.6  # if it is so much of what the hit would have shown out of nothing
PRESENCE = 6  # frames after an onset in which it shows all it has
BEGINNING = round(0.058 * HOUSE_RATE_HZ)  # samples: an onset this early is the beginning itself
LOUD_WITHIN_DB = 14.0  # of the loudest hit: quieter ones are its echo or its handling noise
SILENCE_BELOW_DB = 66.0  # below the peak: silence before and after the sound
FLAT_TAIL = 35  # windows of 10 ms at the end which, if equally loud, are the room and not a decay
FLAT_DB = 1.5  # difference of their halves
LEAD_EVEN_DB = 9.0  # range of the levels before the first hit, if they are the room
LEAD_LEVELS = 3  # levels, 30 ms: fewer cannot tell the room from the foot of a slow rise
TAIL_QUIET_DB = 25.0  # below the peak, before a flat end is taken for the room
ROOM_MARGIN_DB = 3.0  # above the room: sound
LEVEL = round(0.010 * HOUSE_RATE_HZ)  # samples per level: 10 ms
LONGEST_RISE = 15  # levels, 150 ms: what rises longer may be several things
RIPPLE_DB = 3.0  # the unevenness of noise in 10 ms; a second hit brings back more
PEAK_AFTER = 4  # levels after the loudest one: the strongest peak is not later
PAUSE = 4  # levels, 40 ms: below the border for so long, a sound is over
SILENT_BELOW = 1e-5  # re full scale, -100 dB
# dB that the ear takes off each band of `onsets` (A-weighting, IEC 61672-1, at the bands' centres): a creak has more
# power than a slam, and yet the slam is the hit
EAR_DB = np.asarray([-21.0, -11.0, -4.0, 0.0, 1.2, 1.0, -1.1, -6.0], dtype=np.float32)
SEVERAL = "{name} holds {count} hits; the strongest one is used. Upload it with mode `preprocess` to get them all."
SILENT = "This sound is silent."


NO_ONSETS = Onsets(np.zeros(0, np.int64), np.zeros(0, np.float32))


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
    if clip.frames == 0 or np.abs(x).max() < SILENT_BELOW:
        return OneshotTrim(Hit(0.0, clip.duration_s, 0.0, 0.0), (), several=False, warning=SILENT)
    course = _course(clean)
    if _one_gesture(course):
        return OneshotTrim(_sounding(clean, course, NO_ONSETS), (), several=False, warning=None)
    levels = band_levels(ClipSource(clean))
    onsets = detect_onsets(levels)
    whole = _sounding(clean, course, onsets)
    hits = _plain_hits(_Heard(clean, course, levels, onsets), whole.onset_s)
    if len(hits) < 2:
        return OneshotTrim(whole, (), several=False, warning=None)
    loudest = int(np.argmax([level for level, _ in hits]))
    others = tuple(h for i, (_, h) in enumerate(hits) if i != loudest)
    return OneshotTrim(hits[loudest][1], others, several=True, warning=SEVERAL.format(name=name, count=len(hits)))


@dataclass(frozen=True, slots=True)
class _Course:
    """Level of each 10 ms of a clip, dB re full scale, and the level below which there is only silence or the room."""

    level_db: npt.NDArray[np.float64]
    border_db: float


def _course(clip: Clip) -> _Course:
    power = np.square(clip.samples, dtype=np.float64).mean(axis=0)
    padded = np.pad(power, (0, -clip.frames % LEVEL))
    level = np.asarray(10 * np.log10(padded.reshape(-1, LEVEL).mean(axis=1) + 1e-12))
    peak = float(level.max())
    tail = level[-FLAT_TAIL:]
    first, second = (float(np.median(half)) for half in np.array_split(tail, 2))
    room = float(np.median(tail))
    flat = level.size >= 2 * FLAT_TAIL and abs(first - second) < FLAT_DB and room < peak - TAIL_QUIET_DB
    return _Course(level, max(peak - SILENCE_BELOW_DB, room + ROOM_MARGIN_DB if flat else -np.inf))


def _one_gesture(course: _Course) -> bool:
    """Whether the level plainly rises once and then falls: then there is no second hit to look for in the bands, which
    is most of the cost of a one-shot. Anything before the rise, or a level that comes back, wants the closer look."""
    level, top = course.level_db, int(np.argmax(course.level_db))
    loud = np.flatnonzero(level > course.border_db)
    rise, fall = level[loud[0] : top + 1], level[top : loud[-1] + 1]
    return bool(
        rise.size <= LONGEST_RISE
        and np.all(np.diff(rise) > -RIPPLE_DB)
        and np.all(fall - np.minimum.accumulate(fall) < RIPPLE_DB)
    )


def _sounding(clip: Clip, course: _Course, onsets: Onsets) -> Hit:
    """The clip without silence, or without room noise, before and after."""
    loud = np.flatnonzero(course.level_db > course.border_db)
    end = min(clip.frames, (int(loud[-1]) + 1 + PAUSE) * LEVEL)
    top = int(np.argmax(course.level_db))
    near = max(0, (int(loud[0]) - PAUSE) * LEVEL)  # the border is crossed hereabouts
    env = envelope(clip.samples[:, near : (top + 2) * LEVEL], COARSE)
    onset = near + int(np.argmax(env >= 10 ** (course.border_db / 20)))
    if onsets.frame.size:
        frame = int(onsets.frame[0])
        begin = max(0, frame * HOP - LEAD_IN)
        first = physical_onset(clip.samples[:, begin : frame * HOP + LOOK_AHEAD], begin, frame).onset
        lead = course.level_db[: first // LEVEL]  # room noise before the first hit, if it is quiet and even
        if (
            lead.size >= LEAD_LEVELS
            and lead.max() < course.level_db.max() - TAIL_QUIET_DB
            and np.ptp(lead) < LEAD_EVEN_DB
        ):
            onset = max(onset, first)
    attack = onset + first_strong_peak(clip.samples[:, onset : min(end, (top + PEAK_AFTER) * LEVEL)])
    return _seconds(onset, attack, end)


def _seconds(onset: int, attack: int, end: int) -> Hit:
    start = max(0, onset - round(PRE_ROLL_S * HOUSE_RATE_HZ))
    return Hit(*(v / HOUSE_RATE_HZ for v in (start, max(end, attack + 1), onset, attack)))


@dataclass(frozen=True, slots=True)
class _Heard:
    """A clip with what was found in it."""

    clip: Clip
    course: _Course
    levels: BandLevels
    onsets: Onsets


def _plain_hits(heard: _Heard, begin_s: float) -> list[tuple[float, Hit]]:
    """The hits that stand out plainly, in time order, each with its loudness; the beginning always counts as one."""
    clip, course, levels, onsets = heard.clip, heard.course, heard.levels, heard.onsets
    begin = round(begin_s * HOUSE_RATE_HZ)
    starts = [begin]
    for frame, strength in zip(onsets.frame, onsets.strength_db, strict=True):
        f = int(frame)
        if f * HOP > begin + BEGINNING and _is_plain(float(strength), presence_db(levels, f, f + PRESENCE)):
            first = max(starts[-1], f * HOP - LEAD_IN)
            starts.append(physical_onset(clip.samples[:, first : f * HOP + LOOK_AHEAD], first, f).onset)
    ends = [*starts, clip.frames][1:]
    hits = [(_loudness_db(levels, a, b), _hit(clip, course, a, b)) for a, b in zip(starts, ends, strict=True)]
    loudest = max(level for level, _ in hits)
    return [(level, h) for level, h in hits if level >= loudest - LOUD_WITHIN_DB]


def _is_plain(strength_db: float, presence: float) -> bool:
    return strength_db >= PLAIN_DB or (strength_db >= NOISY_PLAIN_DB and strength_db >= PLAIN_SHARE * presence)


def _loudness_db(levels: BandLevels, start: int, end: int) -> float:
    """The highest A-weighted level between two samples."""
    part = levels.level_db[:, start // HOP : max(end // HOP, start // HOP + 1)] + EAR_DB[:, None]
    return float(10 * np.log10((10 ** (part / 10)).sum(axis=0).max()))


def _hit(clip: Clip, course: _Course, onset: int, until: int) -> Hit:
    """The hit that begins at sample `onset`: to where it has died away, at most to the next."""
    attack = onset + first_strong_peak(clip.samples[:, onset:until])
    last = until if until == clip.frames else max(onset + 1, until - round(PRE_ROLL_S * HOUSE_RATE_HZ))
    level = course.level_db[onset // LEVEL : max(last // LEVEL, onset // LEVEL + 1)]
    loud = level > course.border_db
    gaps = maximum_filter1d(loud.astype(np.int8), PAUSE, mode="nearest", origin=-(PAUSE // 2))
    quiet = np.flatnonzero(gaps[int(np.argmax(level)) :] == 0)
    end = (onset // LEVEL + int(np.argmax(level)) + int(quiet[0]) + 1) * LEVEL if quiet.size else last
    return _seconds(onset, attack, min(end, last))
