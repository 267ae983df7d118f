"""How good a cut is as an instrument: signal to noise, isolation, clipping; each 0..1, multiplied.

Conventions. Levels in dB re full scale, samples float32 (channels, n).
"""

from __future__ import annotations

import numpy as np

from services.audio.clip import Samples

SNR_POOR_DB, SNR_GOOD_DB = 6.0, 40.0  # below: nothing but noise; above: nobody hears the noise
RISE_POOR_DB, RISE_GOOD_DB = 3.0, 24.0  # against what sounded just before
TAIL_POOR_DB, TAIL_GOOD_DB = 3.0, 36.0  # how far it died away before its end
TAIL_WEIGHT = 0.5  # a cut tail can be faded, a dirty attack cannot
CLIPPED_WORTH = 0.5  # of the same sound unclipped
SNR_MAX_DB = 96.0  # of 16 bits; digital silence has no noise to compare with

FULL_SCALE = 0.999  # of 1: a converter's end
CLIP_RUN = 3  # samples in a row at full scale
FLAT_RUN = 5  # equal samples in a row at the top of a loud cut: clipped before it was made quieter
FLAT_FROM = 0.25  # peak from which that is looked for; 8-bit sounds have flat tops when quiet


def _ramp(value: float, poor: float, good: float) -> float:
    return float(np.clip((value - poor) / (good - poor), 0.0, 1.0))


def _longest_run(mask: np.typing.NDArray[np.bool_]) -> int:
    """Length of the longest run of True in (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def is_clipped(x: Samples) -> bool:
    """Whether a channel of (channels, n) stands at full scale, or flat at its own top, for several samples."""
    for channel in x:
        size = np.abs(channel)
        top = float(size.max(initial=0.0))
        if top >= FULL_SCALE and _longest_run(size >= FULL_SCALE) >= CLIP_RUN:
            return True
        if top >= FLAT_FROM and _longest_run((np.diff(channel) == 0) & (size[1:] >= top)) >= FLAT_RUN - 1:
            return True
    return False


def quality(snr_db: float, rise_db: float, tail_db: float, clipped: bool) -> float:
    """0..1. `rise_db`: contrast against the level before; `tail_db`: how far the level fell before the cut's end."""
    tail = 1 - TAIL_WEIGHT * (1 - _ramp(tail_db, TAIL_POOR_DB, TAIL_GOOD_DB))
    clean = np.sqrt(_ramp(snr_db, SNR_POOR_DB, SNR_GOOD_DB) * _ramp(rise_db, RISE_POOR_DB, RISE_GOOD_DB))
    return float(clean * tail * (CLIPPED_WORTH if clipped else 1.0))
