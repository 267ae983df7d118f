"""Stage 1: audio of any length to clean one-shots.

What it does. `band_levels` reads the source once; `detect_onsets` finds the frames where hits begin; each candidate is
then read again, placed on the sample, measured and embedded; duplicates are merged and the rest ranked. Peak memory is
one block, the level matrix (12 kB a second) and one cut, whatever the length.

`slice_source` is for recordings, `oneshot.oneshot_trim` for single sounds, `cut_clip` makes the sounding piece.
Conventions. All times are seconds of the source; samples float32 (channels, n) at 44.1 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, AudioSource, Clip, Samples
from services.beats.cuts import (
    FLOOR_RUN,
    LEAD_IN,
    LOOK_AHEAD,
    MAX_S,
    MIN_S,
    PRE_ROLL_S,
    Place,
    decay_frame,
    excess_db,
    fade_cut,
    first_strong_peak,
    physical_onset,
)
from services.beats.embedding import Vector, embed, spread_order
from services.beats.oneshot import Hit, OneshotTrim, oneshot_trim
from services.beats.onset_judge import detect_onsets
from services.beats.onsets import (
    FIRST_WHOLE,
    HOP,
    SILENCE_DB,
    BandLevels,
    Onsets,
    band_levels,
    read_finite,
)
from services.beats.quality import SNR_MAX_DB, is_clipped, quality
from services.beats.resemblance import HEARD, Picture, picture, same_sounds
from services.errors import Invalid
from services.jobs.types import Report

__all__ = ["Hit", "OneshotTrim", "Slice", "SliceRequest", "Slicing", "cut_clip", "oneshot_trim", "slice_source"]

MAX_SLICES_LIMIT = 1024
CANDIDATES_MAX = 12_000  # strongest onsets placed and embedded when duplicates are merged: half a minute of work
QUALITY_MIN = 0.1  # below it a cut is noise
LEVELS_SHARE = 0.3  # of this stage's time goes into the first pass, for the progress
PRE_ROLL = round(PRE_ROLL_S * HOUSE_RATE_HZ)  # samples
SUDDEN_DB = 9.0  # summed rise at once from which a sound does not begin slowly ...
SUDDEN_LEAD = round(0.018 * HOUSE_RATE_HZ)  # ... and so at most these samples before its coarse frame, ...
SUDDEN_LEAD_IN = round(0.055 * HOUSE_RATE_HZ)  # ... and so many are enough to tell what was there before
HEARD_AT_LEAST = round(0.005 * HOUSE_RATE_HZ)  # samples of a sound before the recording ends
MIN_APART = round((MIN_S + PRE_ROLL_S) * HOUSE_RATE_HZ)  # samples between two onsets, so that each has its shortest cut
STARTED_DB = 10.0  # above the noise floor in the first samples: what sounds there is a sound, cut tightly
NOISE = 2048  # samples before the onset from which its noise is learnt
LOUDNESS = round(0.1 * HOUSE_RATE_HZ)  # samples from the onset whose power is the loudness
NO_SLICES = "No hits were found: the recording is silent or has no sound that begins clearly."
POOR_SLICES = "All sounds found were too noisy or too unclear to use; try `dedupe=false` to get them anyway."


@dataclass(frozen=True, slots=True)
class SliceRequest:
    """`max_slices` 1..1024; with `dedupe` False neither the cap nor the quality filter applies."""

    dedupe: bool = True
    max_slices: int = 256


@dataclass(frozen=True, slots=True)
class Slice:
    """One hit of a source, in seconds of the source: start_s ≤ onset_s ≤ attack_s < end_s.

    `onset_s`: where the sound physically begins; `attack_s`: where its first strong peak has half its height;
    `peak_db` re full scale; `loudness_db` relative to the loudest hit of the source (≤ 0); `quality` 0..1;
    `rank` 0 is the one to use first; `duplicate_of` indexes the result.
    """

    start_s: float
    end_s: float
    onset_s: float
    attack_s: float
    peak_db: float
    loudness_db: float
    quality: float
    snr_db: float
    clipped: bool
    rank: int
    duplicate_of: int | None
    embedding: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Slicing:
    """The slices in time order, how many duplicates were dropped, how many were found in all, and what to tell."""

    slices: tuple[Slice, ...]
    merged: int
    found: int
    warnings: tuple[str, ...]


def slice_source(source: AudioSource, request: SliceRequest, report: Report | None = None) -> Slicing:
    """The one-shots in a recording, in time order. Silence: none, and a warning.

    `report` hears ("preprocess", 0..1) over this stage. Raises Invalid for a wrong rate or `max_slices`.
    """
    if source.rate_hz != HOUSE_RATE_HZ:
        raise Invalid(f"Slicing needs audio at {HOUSE_RATE_HZ} Hz, not {source.rate_hz}.", code="invalid_rate")
    if not 1 <= request.max_slices <= MAX_SLICES_LIMIT:
        raise Invalid(
            f"max_slices must be 1 to {MAX_SLICES_LIMIT}, not {request.max_slices}.", code="invalid_max_slices"
        )
    levels = band_levels(source, progress=lambda p: _tell(report, LEVELS_SHARE * p))
    onsets = detect_onsets(levels)
    kept = _strongest(onsets, CANDIDATES_MAX) if request.dedupe else onsets
    found = _measure(source, levels, _placed(source, levels, onsets, kept), report)
    return _choose(found, request)


def cut_clip(source: AudioSource, s: Slice) -> Clip:
    """The sounding cut of a slice: offset removed, ends faded (1 ms, 10 ms), channels kept, level untouched."""
    start, end = round(s.start_s * HOUSE_RATE_HZ), round(s.end_s * HOUSE_RATE_HZ)
    return Clip(fade_cut(read_finite(source, start, end - start)), HOUSE_RATE_HZ)


def _tell(report: Report | None, progress: float) -> None:
    if report is not None:
        report("preprocess", progress)


def _strongest(onsets: Onsets, count: int) -> Onsets:
    """The `count` strongest onsets, in time order."""
    if onsets.frame.size <= count:
        return onsets
    keep = np.sort(np.argsort(-onsets.strength_db, kind="stable")[:count])
    return Onsets(onsets.frame[keep], onsets.strength_db[keep])


@dataclass(frozen=True, slots=True)
class _Found:
    """A slice, and the picture by which it is told from others."""

    slice: Slice
    picture: Picture


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A placed onset: its frame, its sample, and the sample at which the next one begins."""

    frame: int
    at: Place
    next_onset: int


def _measure(
    source: AudioSource, levels: BandLevels, candidates: list[_Candidate], report: Report | None
) -> list[_Found]:
    """Every candidate cut and measured, in time order; `rank` is not yet set."""
    found: list[_Found] = []
    for i, candidate in enumerate(candidates):
        found.append(_measure_one(source, levels, candidate))
        if i % 16 == 0:
            _tell(report, LEVELS_SHARE + (1 - LEVELS_SHARE) * i / len(candidates))
    _tell(report, 1.0)
    loudest = max((f.slice.loudness_db for f in found), default=0.0)
    return [_Found(replace(f.slice, loudness_db=f.slice.loudness_db - loudest), f.picture) for f in found]


def _started(levels: BandLevels) -> bool:
    """Whether something sounds from the first sample on."""
    first, floor = levels.level_db[:, FIRST_WHOLE : FIRST_WHOLE + 1], levels.floor_db[:, :1]
    return float(np.sum(10 ** (first / 10))) > 10 ** (STARTED_DB / 10) * float(np.sum(10 ** (floor / 10)))


def _placed(source: AudioSource, levels: BandLevels, onsets: Onsets, kept: Onsets) -> list[_Candidate]:
    """The kept onsets on their samples; those that turn out to be the beginning of the one before go."""
    places: list[tuple[int, Place]] = []
    used, started = 0, _started(levels)
    for frame, strength_db in zip(kept.frame.tolist(), kept.strength_db.tolist(), strict=True):
        lead_in = SUDDEN_LEAD_IN if strength_db >= SUDDEN_DB else LEAD_IN
        begin = max(0, min(max(frame * HOP - lead_in, used), frame * HOP - HOP))
        if frame <= FIRST_WHOLE or (started and not places and frame * HOP < LEAD_IN):
            begin = -LEAD_IN  # the sound is there from the start: silence before it shows its rise
        x = read_finite(source, begin, min(source.frames, frame * HOP + LOOK_AHEAD) - begin)
        if begin + x.shape[1] <= 0:
            continue
        at = physical_onset(x, begin, frame)
        late = frame * HOP - SUDDEN_LEAD - begin
        if strength_db >= SUDDEN_DB and at.onset < begin + late:  # something else was rising before it
            at = physical_onset(x[:, late:], begin + late, frame)
        at = replace(at, onset=max(0, at.onset))
        if at.onset > source.frames - HEARD_AT_LEAST:
            continue
        if not places or at.onset - places[-1][1].onset >= MIN_APART:
            places.append((frame, at))
            used = at.onset + MIN_APART // 2
    # a slice ends before the next hit, also before one too weak to be kept and placed
    weak = np.append(np.setdiff1d(onsets.frame, kept.frame), source.frames) * HOP - LOOK_AHEAD
    ends = [*(p.onset for _, p in places), source.frames + PRE_ROLL][1:]
    return [
        _Candidate(frame, at, min(end, int(weak[np.searchsorted(weak, at.onset + MIN_APART)])))
        for (frame, at), end in zip(places, ends, strict=True)
    ]


def _measure_one(source: AudioSource, levels: BandLevels, c: _Candidate) -> _Found:
    """The slice of a candidate; its loudness is still absolute."""
    gone = decay_frame(levels, c.frame, min(c.next_onset // HOP, levels.frames)) * HOP
    start = max(0, c.at.onset - PRE_ROLL)
    end = min(max(gone, start + round(MIN_S * HOUSE_RATE_HZ)), start + round(MAX_S * HOUSE_RATE_HZ))
    end = min(end, c.next_onset - PRE_ROLL, source.frames)
    begin = max(0, c.at.onset - NOISE)
    seen = max(end, min(c.at.onset + HEARD, c.next_onset - PRE_ROLL, source.frames))
    x = read_finite(source, begin, seen - begin)
    sound, noise = x[:, c.at.onset - begin :], x[:, : c.at.onset - begin]
    cut = _describe(levels, c, (start, end), (sound[:, : end - c.at.onset], noise))
    return _Found(cut, picture(sound, noise))


def _describe(levels: BandLevels, c: _Candidate, span: tuple[int, int], heard: tuple[Samples, Samples]) -> Slice:
    """The measured slice: `span` in samples, `heard` = the sound from its onset on and what was there before."""
    y, noise = heard
    power = float(np.square(y[:, :LOUDNESS], dtype=np.float64).mean()) if y.size else 0.0
    excess = excess_db(levels, c.frame, max(c.frame + 1, span[1] // HOP))
    top = float(excess.max(initial=SILENCE_DB))
    floor = float(np.sum(10 ** (levels.floor_db[:, min(c.frame, levels.frames - 1)] / 10)))
    snr = float(np.clip(top - 10 * np.log10(floor), 0.0, SNR_MAX_DB))
    rise = c.at.contrast_db if noise.shape[1] >= FLOOR_RUN else snr  # at the very start nothing was before
    clipped = is_clipped(y)
    return Slice(
        start_s=span[0] / HOUSE_RATE_HZ,
        end_s=span[1] / HOUSE_RATE_HZ,
        onset_s=c.at.onset / HOUSE_RATE_HZ,
        attack_s=(c.at.onset + first_strong_peak(y)) / HOUSE_RATE_HZ,
        peak_db=float(20 * np.log10(max(float(np.abs(y).max(initial=0.0)), 1e-6))),
        loudness_db=float(10 * np.log10(max(power, 1e-12))),
        quality=quality(snr, rise, top - float(excess[-3:].mean()) if excess.size else 0.0, clipped),
        snr_db=snr,
        clipped=clipped,
        rank=0,
        duplicate_of=None,
        embedding=tuple(float(v) for v in embed(y, noise)),
    )


def _choose(all_found: list[_Found], request: SliceRequest) -> Slicing:
    """Duplicates merged or marked, poor ones dropped, capped and ranked; in time order."""
    if not all_found:
        return Slicing((), 0, 0, (NO_SLICES,))
    found = [f.slice for f in all_found]
    embeddings: Vector = np.asarray([s.embedding for s in found], dtype=np.float32)
    worth = np.asarray([s.quality for s in found])
    stands = same_sounds(embeddings, [f.picture for f in all_found], np.argsort(-worth, kind="stable"))
    own = np.flatnonzero(stands == np.arange(len(found)))
    if not request.dedupe:
        order = [int(own[i]) for i in spread_order(embeddings[own], worth[own], len(own))]
        order += [int(i) for i in np.argsort(-worth, kind="stable") if stands[i] != i]
        ranks = {i: r for r, i in enumerate(order)}
        marked = [
            replace(s, rank=ranks[i], duplicate_of=None if stands[i] == i else int(stands[i]))
            for i, s in enumerate(found)
        ]
        return Slicing(tuple(marked), 0, len(found), ())
    good = own[worth[own] >= QUALITY_MIN]
    order = [int(good[i]) for i in spread_order(embeddings[good], worth[good], request.max_slices)]
    ranks = {i: r for r, i in enumerate(order)}
    kept = tuple(replace(found[i], rank=ranks[i]) for i in sorted(order))
    return Slicing(kept, len(found) - own.size, len(found), () if kept else (POOR_SLICES,))
