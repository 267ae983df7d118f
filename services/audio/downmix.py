"""Many channels to two: what a film or a field recorder delivers, heard in stereo.

Three to eight channels are taken in the order of WAVE (ITU-R BS.775 weights: centre and surrounds at -3 dB, the
low-frequency channel left out) and scaled so that nothing can clip. More channels have no agreed places: even ones go
left, odd ones right.
"""

from __future__ import annotations

import functools

import numpy as np

from services.audio.clip import Samples

_HALF = 0.5**0.5  # -3 dB
_L, _R, _C, _LFE, _SL, _SR = (1.0, 0.0), (0.0, 1.0), (_HALF, _HALF), (0.0, 0.0), (_HALF, 0.0), (0.0, _HALF)
_PLACES: dict[int, tuple[tuple[float, float], ...]] = {
    3: (_L, _R, _C),
    4: (_L, _R, _SL, _SR),
    5: (_L, _R, _C, _SL, _SR),
    6: (_L, _R, _C, _LFE, _SL, _SR),
    7: (_L, _R, _C, _LFE, _C, _SL, _SR),
    8: (_L, _R, _C, _LFE, _SL, _SR, _SL, _SR),
}


@functools.cache
def weights(channels: int) -> Samples:
    """The share of each channel in left and right, float32 (2, channels); each row sums to at most 1."""
    places = _PLACES.get(channels) or tuple(((_L, _R)[i % 2]) for i in range(channels))
    table = np.array(places, np.float32).T
    return np.asarray(table / table.sum(axis=1).max(), np.float32)


def to_channels(block: Samples, kept: int) -> Samples:
    """float32 (n, channels) as (n, kept), kept 1 or 2; the block itself if it has that many. One channel is doubled."""
    channels = block.shape[1]
    if channels == kept:
        return block
    if channels == 1:
        return np.repeat(block, 2, axis=1)
    stereo = block if channels == 2 else block @ weights(channels).T
    return stereo if kept == 2 else np.asarray(stereo.mean(axis=1, keepdims=True, dtype=np.float32), np.float32)
