"""The plan of a dress: from the features of a sound to the numbers of its steps, role by role (see `dress`).

Each number lies between what the sound is and its target: `_Go.reach` says how far, 1 from `REACHED` on, and `_Go.bold`
how far on from there. Frequencies, lengths and decibels move on their logarithms. Levels, shares and correlations are
left to the audio, which knows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log2

from services.beats.bands import BANDS_HZ, PARTS
from services.beats.dress_tuning import (
    LOW_RANGE_HZ,
    is_bass,
    key_name,
    low_end_hz,
    pitch_of,
    sub_hz,
    tuned_semitones,
)
from services.beats.dress_types import VARIANTS, Dressing, Step, Variant
from services.beats.streams import stream
from services.beats.types import Role, Sample

REACHED = 0.6  # of `shape`: the targets are reached, the default
LEAD_MS = 150.0  # the longest rise of one sound; what comes earlier is another
LEAD_DB = -24.0  # where the lead begins, against what it was: a click in its first half falls under the attack's half
EDGE_MS = 1.0  # a lead so short is the edge of the cut
DEEP_HZ = 20.0  # a high-pass here leaves everything: where its corner starts from
TRANSPOSE_SEMITONES = (3.0, 12.0)
GATE_RATIO = 3.0  # dB out per dB in, under the floor
GATE_OPEN_DB = -60.0  # a floor so far down gates nothing
GATE_RANGE_DB = (-46.0, -24.0)  # below the peak, where a floor is gated
GATE_MARGIN_DB = 6.0  # over the tail's mean: its noise ripples by half of it, and sinks by twice of it
NOISY_TAIL = 0.02  # spectral flatness: below it the tail is the sound's own ring
TIGHT = 0.9  # of a limit: what is smoothed over 20 ms stays within it
LOOSE = 4.0  # times a limit: a decay so long changes nothing in a sound that keeps the limit

CORE_DARK_HZ = 1500.0  # centroid above which it is transposed down
CORE_LOW_HZ = 120.0
CORE_LOW_SHARE = 0.25  # of the energy below 120 Hz, under which it gets a sine
CORE_SINE_SHARE = (0.45, 0.6)  # what the sine brings it to, reached and bold
CORE_SHELF_SHARE = 0.36  # what a shelf keeps the others at, since what is cut off may have been the low part
CORE_HIGH_PASS_HZ = 28.0
CORE_MAX_MS = 900.0
SINE_FROM_HZ, SINE_GLIDE_MS = 160.0, 30.0
SINE_DECAY_MS = (180.0, 350.0)
SUB_DB = (-9.0, -6.0)  # against the bass itself, reached and bold
SUB_OFF_DB = -40.0

ACCENT_HIGH_PASS_HZ = 100.0
ACCENT_MS = 340.0  # falls by 40 dB in it, and is silent before 400 ms
TRANSIENT_MS, TRANSIENT_DB = 10.0, (3.6, 6.0)
DULL = 0.1  # flatness below which an ACCENT gets a layer of noise: drums with a snare lie above
NOISE_BAND_HZ = (1500.0, 8000.0)
NOISE_DECAY_MS = (90.0, 160.0)
NOISE_DB = (-10.0, -8.0)
NOISE_OFF_DB = -40.0

MOTION_BRIGHT_HZ = 3000.0  # centroid under which it is transposed up
MOTION_HIGH_PASS_HZ = (600.0, 2000.0)  # lower, a hat made of a thud would thud
MOTION_HIGH_PASS_RATIO = 0.4  # of the centroid after transposition
MOTION_RISE_MS = 2.5
AIR_ABOVE_HZ = 6000.0
AIR_JUDGED_HZ = 5000.0
AIR_NEEDED = 0.2  # of the energy above 5 kHz, under which it gets a layer of air and no shelf
AIR_SPARE = 0.5  # under which the air is there for what the shelf cannot lift
BRIGHT_SHARE = (0.75, 0.82)  # of the energy above 4 kHz, reached and bold
BRIGHT_HZ = 4000.0
FILL_IN_DB = -6.0  # the added part of a lengthened sound under its own attack
LENGTHS_MS: dict[Variant, tuple[float, float]] = {
    "closed": (44.0, 66.0), "open": (230.0, 310.0), "ring": (700.0, 1700.0),
}  # fmt: skip  # what a version may last (40 dB): within what the ear takes for a closed hat, an open one, a cymbal

FILL_SEMITONES: dict[Variant, float] = {"low": -5.0, "mid": 0.0, "high": 4.0}
FILL_MS = 400.0  # before its pitch: the low one then lasts a third longer
FILL_HIGH_PASS_HZ = 50.0  # under a tom there is only rumble

TEXTURE_HIGH_PASS_HZ = 180.0
EVEN_DB = 9.0
CROSS_MS = (80.0, 250.0)
CROSS_SHARE = 0.2  # of the sound's length


@dataclass(frozen=True, slots=True)
class Fitting:
    """A sample in a role to be dressed; `root` 0..11 of the kit's key, None where nothing is tuned."""

    sample: Sample
    role: Role
    dressing: Dressing
    root: int | None


@dataclass(frozen=True, slots=True)
class _Go:
    """How far: `reach` 0..1 to the target, `bold` 0..1 beyond it."""

    reach: float
    bold: float

    def ratio(self, start: float, target: float) -> float:
        """Between two positive numbers on a logarithmic scale."""
        return float(start * (target / start) ** self.reach)

    def line(self, start: float, target: float) -> float:
        """Between two numbers."""
        return start + (target - start) * self.reach

    def bolder(self, start: float, targets: tuple[float, float]) -> float:
        """From a start to the first target, and on to the second."""
        return self.line(start, targets[0]) + (targets[1] - targets[0]) * self.bold


def planned(fitting: Fitting) -> list[Step]:
    """The steps of a sample in a role, all its versions; none for a sound without features (silence)."""
    sample, shape = fitting.sample, fitting.dressing.shape
    if not sample.features or shape <= 0.0:
        return []
    go = _Go(min(1.0, shape / REACHED), max(0.0, (shape - REACHED) / (1.0 - REACHED)))
    steps = _PLANS[fitting.role](fitting, go)
    return [{"role": fitting.role, "variant": None, **step} for step in steps]


def centroid_hz(sample: Sample) -> float:
    """The centre of gravity of the spectrum over attack, body and tail, weighted with their energy."""
    f, total, weighted = sample.features, 0.0, 0.0
    for part, (first, last) in PARTS.items():
        energy = (last - first) * 10.0 ** (f.get(f"{part}_level_db", -70.0) / 10.0)
        total += energy
        weighted += energy * f.get(f"{part}_centroid_hz", 0.0)
    return weighted / total


def share_below(sample: Sample, hz: float) -> float:
    """The share of the energy below a frequency, 0..1: whole bands, and the cut one by the logarithm of its part."""
    found = 0.0
    for low, high in pairwise(BANDS_HZ):
        part = min(1.0, max(0.0, log2(max(hz, low) / low) / log2(high / low)))
        found += part * sample.features.get(f"energy_{low}_{high}hz", 0.0)
    return min(1.0, found)


def _core(fit: Fitting, go: _Go) -> list[Step]:
    sample = fit.sample
    far = _between(12 * log2(max(centroid_hz(sample), 1.0) / CORE_DARK_HZ))
    down = -far if centroid_hz(sample) > CORE_DARK_HZ else 0.0
    limit = min(fit.dressing.core_decay_ms, CORE_MAX_MS)
    low = share_below(sample, CORE_LOW_HZ * 2 ** (-down * go.reach / 12))
    steps = [
        *_lead(fit, go), *_pitch(fit, go, down), _high_pass(go, CORE_HIGH_PASS_HZ), _gate(fit, go),
        _decay(fit, go, limit * TIGHT), *_sub(fit, go),
    ]  # fmt: skip
    if low >= CORE_LOW_SHARE:
        return [*steps, {"step": "low_shelf", "hz": CORE_LOW_HZ, "share": round(go.line(0.0, CORE_SHELF_SHARE), 3)}]
    sine = {
        "step": "sine", "from_hz": SINE_FROM_HZ, "to_hz": round(_low_end(fit), 1), "glide_ms": SINE_GLIDE_MS,
        "decay_ms": round(_clip(limit * TIGHT, SINE_DECAY_MS), 1), "share": round(go.bolder(low, CORE_SINE_SHARE), 3),
    }  # fmt: skip
    return [*steps, sine]


def _low_end(fit: Fitting) -> float:
    """Where the sine settles, Hz: in the key where there is one, else the sample's own place by chance."""
    if fit.root is not None:
        return low_end_hz(fit.root)
    low, high = LOW_RANGE_HZ
    return low + (high - low) * stream("dress", "low end", fit.sample.sample_id).random()


def _accent(fit: Fitting, go: _Go) -> list[Step]:
    steps = [
        *_lead(fit, go), *_pitch(fit, go), _high_pass(go, ACCENT_HIGH_PASS_HZ), _gate(fit, go),
        _decay(fit, go, ACCENT_MS), *_sub(fit, go),
        {"step": "transient", "ms": TRANSIENT_MS, "db": round(go.bolder(0.0, TRANSIENT_DB), 2)},
    ]  # fmt: skip
    f = fit.sample.features
    if max(f.get("attack_flatness", 0.0), f.get("body_flatness", 0.0)) >= DULL:
        return steps
    noise = {
        "step": "noise", "low_hz": NOISE_BAND_HZ[0], "high_hz": NOISE_BAND_HZ[1],
        "decay_ms": round(_clip(f.get("decay_20db_ms", 0.0), NOISE_DECAY_MS), 1),
        "db": round(go.bolder(NOISE_OFF_DB, NOISE_DB), 2),
    }  # fmt: skip
    return [*steps, noise]


def _motion(fit: Fitting, go: _Go) -> list[Step]:
    sample, centre = fit.sample, max(centroid_hz(fit.sample), 1.0)
    up = _between(12 * log2(MOTION_BRIGHT_HZ / centre)) if centre < MOTION_BRIGHT_HZ else 0.0
    corner = _clip(MOTION_HIGH_PASS_RATIO * centre * 2 ** (up / 12), MOTION_HIGH_PASS_HZ)
    lead_ms = max(MOTION_RISE_MS, _lead_ms(sample))
    share = round(go.bolder(0.0, BRIGHT_SHARE), 3)
    shelf: Step = {"step": "high_shelf", "hz": BRIGHT_HZ, "share": share}
    air: Step = {"step": "air", "above_hz": AIR_ABOVE_HZ, "share": share}
    above = 1.0 - share_below(sample, AIR_JUDGED_HZ)
    bright = [air] if above < AIR_NEEDED else [shelf, air] if above < AIR_SPARE else [shelf]
    steps = [
        *_pitch(fit, go, up), _high_pass(go, corner),
        {"step": "onset", "rise_ms": round(go.ratio(lead_ms, MOTION_RISE_MS), 2)}, *bright,
        _gate(fit, go),
    ]  # fmt: skip
    natural = _ring_ms(sample)
    for variant in VARIANTS["MOTION"]:
        length = go.ratio(natural, _clip(natural, LENGTHS_MS[variant]))
        decay = {"step": "decay", "ms": round(length, 1), "fill_db": round(go.line(-60.0, FILL_IN_DB), 2)}
        steps.append({"variant": variant, **decay})
    return steps


def _fill(fit: Fitting, go: _Go) -> list[Step]:
    steps = [*_lead(fit, go), _high_pass(go, FILL_HIGH_PASS_HZ), _gate(fit, go), _decay(fit, go, FILL_MS)]
    for variant in VARIANTS["FILL"]:
        steps += [{"variant": variant, **step} for step in _pitch(fit, go, FILL_SEMITONES[variant])]
    return steps


def _texture(fit: Fitting, go: _Go) -> list[Step]:
    length_ms = 1000.0 * (fit.sample.trim.end_s - fit.sample.trim.start_s)
    return [
        *_pitch(fit, go),
        _high_pass(go, TEXTURE_HIGH_PASS_HZ),  # first: a boom's lows would hide how far the rest dies away
        {"step": "even", "db": round(go.line(0.0, EVEN_DB), 2)},
        {"step": "loop", "cross_ms": round(_clip(CROSS_SHARE * length_ms, CROSS_MS), 1)},
    ]  # fmt: skip


_PLANS = {"CORE": _core, "ACCENT": _accent, "MOTION": _motion, "FILL": _fill, "TEXTURE": _texture}


def _lead(fit: Fitting, go: _Go) -> list[Step]:
    """What sounds before the attack leads up to it, so that no earlier click is taken for the hit."""
    natural = _lead_ms(fit.sample)
    if natural <= EDGE_MS:
        return []
    length = go.ratio(natural, min(natural, LEAD_MS))
    return [{"step": "lead", "ms": round(length, 1), "db": round(go.line(0.0, LEAD_DB), 1)}]


def _pitch(fit: Fitting, go: _Go, semitones: float = 0.0) -> list[Step]:
    """A transposition, together with the tuning of a sound that has a pitch; none where nothing moves.

    Tuned is what the whole transposition leads to, so that a bit more `shape` does not lead to another note.
    """
    root, shift = fit.root, 0.0
    tuned: Step = {}
    if root is not None and pitch_of(fit.sample) is not None:
        shift = tuned_semitones(fit.sample, fit.role, root, semitones)
        tuned = {"tuned_cents": round(100.0 * shift * go.reach, 1), "key": key_name(root)}
    if not tuned and not semitones:
        return []
    return [{"step": "pitch", "semitones": round((semitones + shift) * go.reach, 3), **tuned}]


def _high_pass(go: _Go, hz: float) -> Step:
    return {"step": "high_pass", "hz": round(go.ratio(DEEP_HZ, hz), 1)}


def _gate(fit: Fitting, go: _Go) -> Step:
    """The floor is the tail's level where the tail is noise; a ring's own floor lies far down."""
    f = fit.sample.features
    noisy = f.get("tail_flatness", 0.0) >= NOISY_TAIL
    floor = _clip(f.get("tail_level_db", -70.0) + GATE_MARGIN_DB, GATE_RANGE_DB) if noisy else GATE_RANGE_DB[0]
    return {"step": "gate", "under_db": round(go.line(GATE_OPEN_DB, floor), 1), "ratio": GATE_RATIO}


def _decay(fit: Fitting, go: _Go, limit_ms: float) -> Step:
    start = max(_ring_ms(fit.sample), LOOSE * limit_ms)
    return {"step": "decay", "ms": round(go.ratio(start, limit_ms), 1)}


def _sub(fit: Fitting, go: _Go) -> list[Step]:
    """Under a bass that is tuned and has no octave below it."""
    if fit.root is None or not is_bass(fit.sample, fit.role):
        return []
    hz = sub_hz(fit.sample, fit.root, tuned_semitones(fit.sample, fit.role, fit.root))
    return [] if hz is None else [{"step": "sub", "hz": round(hz, 2), "db": round(go.bolder(SUB_OFF_DB, SUB_DB), 2)}]


def _ring_ms(sample: Sample) -> float:
    return max(5.0, sample.features.get("decay_40db_ms", 1000.0 * (sample.trim.end_s - sample.trim.start_s)))


def _lead_ms(sample: Sample) -> float:
    return max(0.0, 1000.0 * (sample.attack_s - sample.trim.start_s))


def _between(semitones: float) -> float:
    return _clip(semitones, TRANSPOSE_SEMITONES)


def _clip(value: float, limits: tuple[float, float]) -> float:
    return min(limits[1], max(limits[0], value))
