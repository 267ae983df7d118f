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
from services.beats.onsets import HOP, Array, BandLevels

Envelope = npt.NDArray[np.float64]


def _samples(ms: float) -> int:
    return round(ms * HOUSE_RATE_HZ / 1000)


FINE = _samples(1.0)  # envelope of the onset: 1 ms
COARSE = _samples(5.0)  # envelope in which strong peaks are told apart: about the ear's resolution
QUIET_RUN = _samples(2.0)  # below the threshold for this long: before the sound
LEAD_IN = _samples(110)  # looked at before the coarse onset: slow attacks such as a swash rise for 60 ms
RISE_AFTER = _samples(25)  # the rise has reached a good part of its height this long after the coarse onset
FLOOR_RUN = _samples(8)  # the quietest such stretch before the rise is the local floor
FLOOR_MARGIN = 2.0  # times the local floor (6 dB): its own ripple stays under it
CONTRAST_POWER = 0.3  # of the contrast: loud hits may start higher above the floor, which keeps noise out
RANGE_FLOOR = 10 ** (-50 / 20)  # of the peak: below it nobody hears the beginning
RISEN = 10 ** (-10 / 20)  # of the peak: from here the walk back starts

ATTACK_SEARCH_S = 2.0  # the first strong peak comes within this
STRONG = 10 ** (-6 / 20)  # of the highest peak: a strong one
REACHED = 0.5  # of the first strong peak (-6 dB): the attack is there

PRE_ROLL_S = 0.005  # start_s before onset_s, at most
MIN_S, MAX_S = 0.030, 2.0  # length of a slice
DECAY_DB = 60.0  # below the peak: gone, as in reverberation time
FLOOR_NEAR_DB = 3.0  # above the noise floor: gone too
GONE_FRAMES = 14  # 41 ms in a row below: the pause of a decaying beating is shorter

FADE_IN_S, FADE_OUT_S = 0.001, 0.010  # seconds; the latter at most a fifth of the cut


@dataclass(frozen=True, slots=True)
class Place:
    """A hit in the source, in samples. `contrast_db`: the rise against the level just before."""

    onset: int
    attack: int
    contrast_db: float


def envelope(x: Samples, width: int) -> Envelope:
    """Root mean power over `width` samples, centred, of (channels, n) summed over channels: (n,)."""
    power = np.square(x, dtype=np.float64).sum(axis=0)
    return np.asarray(np.sqrt(np.maximum(uniform_filter1d(power, width, mode="constant"), 0.0)))


def _flat(x: Samples) -> Samples:
    """Without the offset that a recorder adds."""
    return np.asarray(x - x.mean(axis=1, keepdims=True), dtype=np.float32)


def _contrasts(x: Samples, rise_to: int) -> tuple[Envelope, float, float]:
    """The envelope with the larger contrast, its peak near the rise, and the quietest level before it."""
    best: tuple[Envelope, float, float] | None = None
    for view in (_flat(x), np.diff(x, axis=1, prepend=x[:, :1])):
        env = envelope(view, FINE)
        peak = float(env[: rise_to + RISE_AFTER].max(initial=0.0))
        runs = np.sqrt(uniform_filter1d(env**2, FLOOR_RUN, mode="nearest"))
        floor = float(runs[FINE : max(FINE + 1, rise_to)].min(initial=peak))
        if best is None or peak * best[2] > best[1] * floor:
            best = (env, peak, floor)
    assert best is not None
    return best


def _walk_back(env: Envelope, peak: float, floor: float, rise_to: int) -> int:
    """The last index before the rise after which the envelope stays above the threshold."""
    margin = max(FLOOR_MARGIN, (peak / floor) ** CONTRAST_POWER) if floor > 0 else FLOOR_MARGIN
    threshold = min(max(floor * margin, peak * RANGE_FLOOR), peak * RISEN)
    risen = np.flatnonzero(env[: rise_to + RISE_AFTER] >= peak * RISEN)
    late = risen[risen >= max(0, rise_to - RISE_AFTER)]
    top = int(late[0]) if late.size else int(np.argmax(env[: rise_to + RISE_AFTER]))
    loud = maximum_filter1d(env[: top + 1], QUIET_RUN, origin=(QUIET_RUN - 1) // 2) >= threshold
    quiet = np.flatnonzero(~loud)  # index i: the QUIET_RUN samples that end at i are all below
    begin = int(quiet[-1]) + 1 if quiet.size else 0
    return min(begin + FINE // 2, top)  # the centred window feels the onset half a width early


def place(x: Samples, start: int, frame: int, until: int) -> Place:
    """The physical onset and the attack of the hit at a coarse onset.

    `x`: (channels, n), the source from sample `start`; `until`: sample at which the next hit may begin.
    """
    rise_to = min(max(frame * HOP - start, 0), x.shape[1] - 1)
    env, peak, floor = _contrasts(x, rise_to)
    onset = _walk_back(env, peak, floor, rise_to) if peak > 0 else rise_to
    attack = first_strong_peak(x[:, onset : max(onset + 1, until - start)])
    contrast = 20 * np.log10(peak / floor) if floor > 0 else -20 * np.log10(RANGE_FLOOR)
    return Place(start + onset, start + onset + attack, float(np.clip(contrast, 0.0, 120.0)))


def first_strong_peak(x: Samples) -> int:
    """Where the envelope of (channels, n) first reaches half of its first strong local maximum; 0 in silence."""
    x = x[:, : round(ATTACK_SEARCH_S * HOUSE_RATE_HZ)]
    env = envelope(x, COARSE)
    if env.size == 0 or env.max() <= 0:
        return 0
    highest = maximum_filter1d(env, 2 * COARSE + 1, mode="constant")
    peaks = np.flatnonzero((env >= highest) & (env >= env.max() * STRONG))
    first = int(peaks[0]) if peaks.size else int(np.argmax(env))
    near = max(0, int(np.argmax(env[: first + 1] >= env[first] * REACHED)) - COARSE)
    fine = envelope(x[:, near : first + COARSE], FINE)  # the wide window feels the peak early
    return near + int(np.argmax(fine >= fine.max() * REACHED))


def excess_db(levels: BandLevels, first: int, last: int) -> Array:
    """Level above the noise floor, summed over the bands, dB re full scale, of frames first..last: (n,)."""
    level = levels.level_db[:, first:last] / 10
    floor = (levels.floor_db[:, first:last] + FLOOR_NEAR_DB) / 10
    excess = np.maximum(10**level - 10**floor, 0).sum(axis=0)
    return np.asarray(10 * np.log10(excess + 1e-10), dtype=np.float32)


def decay_frame(excess: Array) -> int:
    """Frames after which a hit has died away: the first from which GONE_FRAMES in a row lie DECAY_DB below the peak.

    `excess`: level above the floor from the onset on, dB; its length where it never dies away.
    """
    if excess.size == 0:
        return 0
    peak = int(np.argmax(excess[: max(1, round(ATTACK_SEARCH_S * HOUSE_RATE_HZ / HOP))]))
    loud = excess > max(float(excess[peak]) - DECAY_DB, -98.0)
    # a run of GONE_FRAMES quiet frames from i on; past the end counts as loud, the caller gave all there is
    run = maximum_filter1d(loud.astype(np.int8), GONE_FRAMES, mode="nearest", origin=-(GONE_FRAMES // 2))
    quiet = np.flatnonzero(run[peak:] == 0)
    return peak + int(quiet[0]) if quiet.size else int(excess.size)


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
