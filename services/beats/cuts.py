"""From a coarse onset to a cut: the sample where the sound begins, its first strong peak, and where it has died away.

What it does. `place` reads the neighbourhood of each coarse onset and walks back on a 1 ms envelope from the rise to
just above the level that was there before: that is the physical onset. The envelope is taken twice, of the sound
and of its first difference, and the one with the larger contrast is used: a thump hides in hiss, a clink in rumble.
`decay_frame` follows the level above the noise floor until it is gone. `fade_cut` makes the sounding piece.

Source. The walk back from a peak to the onset is the "physical onset" of P. Leveau, L. Daudet and G. Richard,
"Methodology and Tools for the Evaluation of Automatic Onset Detection Algorithms", ISMIR 2004; the rest is our own.

Conventions. Envelopes are float64 (n,), amplitude (root of the power summed over channels), 44.1 kHz; sample indices
count from the start of the source; frames are those of `onsets`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.beats.onsets import BAND_BINS, HOP, Array, BandLevels

Envelope = npt.NDArray[np.float64]


def _samples(ms: float) -> int:
    return round(ms * HOUSE_RATE_HZ / 1000)


FINE = _samples(1.0)  # envelope of the onset: 1 ms
COARSE = _samples(5.0)  # envelope in which strong peaks are told apart: about the ear's resolution
QUIET_RUN = _samples(2.0)  # below the threshold for this long: before the sound
LEAD_IN = _samples(110)  # looked at before the coarse onset: slow attacks such as a swash rise for 60 ms
RISE_AFTER = _samples(25)  # the rise has reached a good part of its height this long after the coarse onset
JUMP = _samples(4.0)  # the rise is steepest where these ms tower over ...
PAST = _samples(8.0)  # ... these before: longer than the nulls of a beating ring
STEEP = 0.9  # of the steepest jump
VALLEY = 2.0  # times the lowest level so far (6 dB): going back, another sound
LOW_HANDICAP = 0.5  # (4 dB) more jump than elsewhere, since rumble fluctuates and the low end starts slowly
LOW_VIEW = _samples(2.0)  # mean over 2 ms: what lies below some 200 Hz
LATE = _samples(6.0)  # the onset is at most this much later than its coarse frame
LOOK_AHEAD = _samples(35)  # read after the coarse onset: as far as any of the above looks
FLOOR_RUN = _samples(8)  # the quietest such stretch before the rise is the local floor
FLOOR_MARGIN = 2.0  # times the local floor (6 dB): its own ripple stays under it
RIPPLE_RUN = _samples(20)  # one period of mains hum: the quietest such stretch shows how far the floor ripples
RIPPLE_MARGIN = 1.25  # times the highest ripple
CONTRAST_POWER = 0.2  # of the contrast: loud hits may start higher above the floor, which keeps noise out
RANGE_FLOOR = 10 ** (-50 / 20)  # of the peak: below it nobody hears the beginning
BED_RUN = _samples(12)  # of two such stretches before the jump, the later one shows what the sound rises out of, ...
BED_GAP = _samples(6)  # ... this long before the jump, ...
BED_RISING = 1.5  # ... unless it is so much louder (3.5 dB) than the earlier one: then the sound itself rises there
RISEN = 10 ** (
    -10 / 20
)  # of the peak: the threshold is no higher, or half way up (in dB) from a floor close to the peak

VISIBLE = 0.9  # of the peak of a rise: up to here it is a line
SUDDEN = _samples(6.0)  # a rise that takes no longer is no slow attack
HIDDEN_MAX = _samples(15.0)  # of a rise may lie under what is behind it

ATTACK_SEARCH_S = 2.0  # the first strong peak comes within this
STRONG = 10 ** (-6 / 20)  # of the highest peak: a strong one
REACHED = 0.5  # of the first strong peak (-6 dB): the attack is there

PRE_ROLL_S = 0.005  # start_s before onset_s, at most
MIN_S, MAX_S = 0.030, 2.0  # length of a slice
DECAY_DB = 60.0  # below the peak: gone, as in reverberation time
FLOOR_NEAR_DB = 3.0  # above the noise floor: gone too
GONE_FRAMES = 14  # averaged over 41 ms: longer than the pause of a decaying beating
GONE_DB = 2.5 + 4.0 / np.sqrt(BAND_BINS)  # above the floor, which is a low quantile; narrow bands ripple more
PEAK_FRAMES = 172  # 0.5 s: the peak from which a sound dies away comes within this

FADE_IN_S, FADE_OUT_S = 0.001, 0.010  # seconds; the latter at most a fifth of the cut


@dataclass(frozen=True, slots=True)
class Place:
    """A hit in the source: its sample, and how far it rises above the level just before."""

    onset: int
    contrast_db: float


def envelope(x: Samples, width: int) -> Envelope:
    """Root mean power over `width` samples, centred, of (channels, n) summed over channels: (n,)."""
    power = np.square(x, dtype=np.float64).sum(axis=0)
    return np.asarray(np.sqrt(np.maximum(uniform_filter1d(power, width, mode="constant"), 0.0)))


def _flat(x: Samples, until: int) -> Samples:
    """Without the recorder's offset, which is heard before the hit: the hit's own mean is not to be taken off."""
    return x - x[:, :until].mean(axis=1, keepdims=True) if until >= FINE else x


@dataclass(frozen=True, slots=True)
class _View:
    """One envelope of a neighbourhood: peak near the rise, quietest level before it, and its steepest jump.

    `top`: index of the jump; `jump`: its natural-log height; `threshold`: from here on up, the sound is there;
    `smear`: samples by which its centred windows feel the onset early.
    """

    env: Envelope
    peak: float
    floor: float
    threshold: float
    top: int
    jump: float
    smear: int


def _views(x: Samples, rise_to: int) -> list[_View]:
    """The neighbourhood as it is, its first difference (clinks) and its low end (thumps)."""
    low = uniform_filter1d(x, LOW_VIEW, axis=1, mode="nearest")
    bright = np.diff(x, axis=1, prepend=x[:, :1])
    return [_view(x, rise_to, 0), _view(bright, rise_to, 0), _view(low, rise_to, LOW_VIEW // 2)]


def _view(x: Samples, rise_to: int, smear: int) -> _View:
    env = envelope(x, FINE)
    peak = float(env[: rise_to + RISE_AFTER].max(initial=0.0))
    runs = np.sqrt(np.maximum(uniform_filter1d(env**2, FLOOR_RUN, mode="nearest"), 0.0))
    floor = float(runs[FINE : max(FINE + 1, rise_to)].min(initial=peak))
    margin = max(FLOOR_MARGIN, (peak / floor) ** CONTRAST_POWER) if floor > 0 else FLOOR_MARGIN
    ripple = float(maximum_filter1d(env[: max(FINE + 1, rise_to)], RIPPLE_RUN, mode="nearest").min())
    threshold = min(
        max(floor * margin, ripple * RIPPLE_MARGIN, peak * RANGE_FLOOR), max(peak * RISEN, (peak * floor) ** 0.5)
    )
    top, jump = _steepest(env, threshold, rise_to) if peak > 0 else (rise_to, 0.0)
    threshold = max(threshold, min(FLOOR_MARGIN * _bed(env, top), (peak * max(floor, peak * RANGE_FLOOR)) ** 0.5))
    jump -= LOW_HANDICAP if smear else 0.0
    return _View(env, peak, floor, threshold, top, jump, smear + FINE // 2)


def _bed(env: Envelope, top: int) -> float:
    """The level that a steady or falling sound has just before the jump at `top`; 0 where there is a rise instead."""
    end = top - BED_GAP
    if end < 2 * BED_RUN:
        return 0.0
    power = np.square(env[end - 2 * BED_RUN : end])
    earlier, later = (float(np.sqrt(half.mean())) for half in np.split(power, 2))
    return later if later < BED_RISING * earlier else 0.0


def _steepest(env: Envelope, threshold: float, rise_to: int) -> tuple[int, float]:
    """Where near `rise_to`, and by how much, the envelope jumps most; what lies below the threshold counts as equal."""
    first = max(0, rise_to - RISE_AFTER - PAST)
    level = np.log(np.maximum(env[first : rise_to + LATE + JUMP], threshold))
    if level.size <= FINE:
        return first, 0.0
    highest = maximum_filter1d(level, JUMP, mode="nearest", origin=-(JUMP // 2))
    before = maximum_filter1d(level, PAST, mode="nearest", origin=(PAST - 1) // 2)
    jump = highest[FINE:] - before[:-FINE]
    # equal while the jump lies ahead: the last is at its foot
    steep = np.flatnonzero(jump >= jump.max() - (1 - STEEP) * abs(jump.max()))
    return min(first + int(steep[-1]) + FINE, env.size - 1), float(jump.max())


def _walk_back(view: _View) -> int:
    """The index before the jump from which on the envelope stays above the threshold, or above an earlier sound."""
    # seen backwards from the jump: the loudest of the QUIET_RUN samples that lead up to each
    back = maximum_filter1d(view.env[: view.top + 1], QUIET_RUN, origin=(QUIET_RUN - 1) // 2)[::-1]
    stop = np.flatnonzero((back < view.threshold) | (back > np.minimum.accumulate(back) * VALLEY))
    if stop.size == 0:
        return 0
    if back[stop[0]] < view.threshold:
        begin = view.top - int(stop[0]) + 1
    else:  # an earlier sound is still ringing: the new one begins at the lowest level between them
        begin = view.top - int(np.argmin(back[: stop[0]]))
    return min(begin, view.top) + view.smear


def _foot(view: _View, seen: int) -> int:
    """Where a rise that comes out of what lies behind it at `seen` began: back along the line through its visible part.

    The line is of amplitude without the floor, as a slow attack rises; a sudden one begins where it is seen.
    """
    begin = seen - view.smear
    after = view.env[begin : view.top + RISE_AFTER]
    if begin <= 0 or after.size < 2:
        return seen
    high = float(after.max()) * VISIBLE
    reach = int(np.argmax(after >= high))
    low = float(np.sqrt(max(view.threshold**2 - view.floor**2, 0.0)))
    high = float(np.sqrt(max(high**2 - view.floor**2, 0.0)))
    if reach < SUDDEN or high <= low:
        return seen
    return max(seen - min(round(low * reach / (high - low)), HIDDEN_MAX), 0)


def physical_onset(x: Samples, start: int, frame: int) -> Place:
    """Where the hit at a coarse onset begins. `x`: (channels, n), the source from sample `start`, around it."""
    rise_to = min(max(frame * HOP - start, 0), x.shape[1] - 1)
    view = max(_views(_flat(x, rise_to - RISE_AFTER), rise_to), key=lambda v: v.jump)
    onset = min(_foot(view, _walk_back(view)), x.shape[1] - 1) if view.peak > 0 else rise_to
    contrast = 20 * np.log10(view.peak / view.floor) if view.floor > 0 else -20 * np.log10(RANGE_FLOOR)
    return Place(start + onset, float(np.clip(contrast, 0.0, 120.0)))


def first_strong_peak(x: Samples) -> int:
    """Where the envelope of (channels, n) first reaches half of its first strong local maximum; 0 in silence."""
    x = x[:, : round(ATTACK_SEARCH_S * HOUSE_RATE_HZ)]
    env = envelope(x, COARSE)
    if env.size == 0 or env.max() <= 0:
        return 0
    highest = maximum_filter1d(env, 2 * COARSE + 1, mode="constant")
    peaks = np.flatnonzero((env >= highest) & (env >= env.max() * STRONG))
    first = int(peaks[0]) if peaks.size else int(np.argmax(env))
    below = np.flatnonzero(env[: first + 1] < env[first] * REACHED)
    near = max(0, (int(below[-1]) + 1 if below.size else 0) - COARSE // 2)
    fine = envelope(x[:, near : first + COARSE], FINE)  # the wide window feels the peak early
    return near + int(np.argmax(fine >= fine.max() * REACHED))


def excess_db(levels: BandLevels, first: int, last: int) -> Array:
    """Level above the noise floor, summed over the bands, dB re full scale, of frames first..last: (n,)."""
    level = levels.level_db[:, first:last] / 10
    floor = (levels.floor_db[:, first:last] + FLOOR_NEAR_DB) / 10
    excess = np.maximum(10**level - 10**floor, 0).sum(axis=0)
    return np.asarray(10 * np.log10(excess + 1e-10), dtype=np.float32)


def decay_frame(levels: BandLevels, first: int, last: int) -> int:
    """The frame in first..last at which the hit that begins at `first` has died away; `last` if it does not.

    Died away: over the next GONE_FRAMES every band is back at its noise floor, or the whole is DECAY_DB below the peak.
    """
    n = min(last, levels.frames) - first
    if n <= 0:
        return last
    ahead = min(levels.frames, first + n + GONE_FRAMES)
    above = levels.level_db[:, first:ahead] - levels.floor_db[:, first:ahead]
    gone = (_forward_mean(above)[:, :n] < GONE_DB[:, None]).all(axis=0)
    total = 10 * np.log10((10 ** (levels.level_db[:, first:ahead] / 10)).sum(axis=0))
    gone |= _forward_mean(total)[:n] < total[:n].max() - DECAY_DB
    peak = int(np.argmax(total[: min(n, PEAK_FRAMES)]))
    quiet = np.flatnonzero(gone[peak:])
    return first + peak + int(quiet[0]) if quiet.size else first + n


def _forward_mean(x: Array) -> Array:
    """Mean over the next GONE_FRAMES along the last axis; the last value counts on past the end."""
    return np.asarray(uniform_filter1d(x, GONE_FRAMES, mode="nearest", origin=-(GONE_FRAMES // 2)), dtype=np.float32)


def fade_cut(x: Samples) -> Samples:
    """A cut of the source (channels, n) without offset and with faded ends, as a new array.

    The offset is weighted with the fades, so that the mean of the result is zero and its ends are too.
    """
    n = x.shape[1]
    window = np.ones(n, dtype=np.float64)
    fade_in = min(n // 2, round(FADE_IN_S * HOUSE_RATE_HZ))
    fade_out = min(n // 5, round(FADE_OUT_S * HOUSE_RATE_HZ))
    window[:fade_in] = np.sin(np.linspace(0, np.pi / 2, fade_in, endpoint=False)) ** 2
    window[n - fade_out :] = np.cos(np.linspace(0, np.pi / 2, fade_out + 1)[1:]) ** 2
    weight = window.sum()
    offset = (x * window).sum(axis=1, keepdims=True) / weight if weight > 0 else 0.0
    return np.asarray((x - offset) * window, dtype=np.float32)
