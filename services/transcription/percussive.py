"""The percussive part of a recording, by median filtering of its spectrogram.

What it does. A drum is a vertical line in a spectrogram, a tone a horizontal one: a median along frequency keeps the
first, a median along time the second, and each bin goes to the percussive part by the square of its share (D.
Fitzgerald, "Harmonic/Percussive Separation Using Median Filtering", DAFx 2010). Channels are averaged first.

Conventions. 44.1 kHz mono out; frames of WINDOW samples lie HOP apart from the recording's start on, so every sample is
the same however the source is read. Memory: one block and its surroundings, some 30 MB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.fft import irfft, rfft

from services.audio.clip import AudioSource, Samples

WINDOW = 2048  # samples, 46 ms: short enough for a hat, long enough to tell partials from noise
HOP = 512  # samples: four windows over each sample
REACH = 8  # frames, and bins, that the medians look either way: 0.1 s and 170 Hz
BLOCK = 256 * HOP  # samples made at a time, 3 s
TINY = 1e-12  # keeps silence from dividing by nothing
_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
_OVERLAP = 1.5  # the sum of four squared windows

Floats = npt.NDArray[np.float32]


class Percussive:
    """An `AudioSource` over the percussive part of another, made block by block as it is read; one channel.

    Silence stays silence. The last two blocks are kept, for readers whose pieces overlap.
    """

    def __init__(self, source: AudioSource) -> None:
        self._source = source
        self._made: dict[int, Floats] = {}

    @property
    def rate_hz(self) -> int:
        return self._source.rate_hz

    @property
    def channels(self) -> int:
        return 1

    @property
    def frames(self) -> int:
        return self._source.frames

    def read(self, start: int, count: int) -> Samples:
        """Samples start..start+count (fewer at the end, none past it), float32 (1, n), about -1..1."""
        start = min(max(0, start), self.frames)
        end = min(self.frames, start + max(0, count))
        pieces = [np.zeros(0, dtype=np.float32)]
        while start < end:
            block, inside = divmod(start, BLOCK)
            taken = min(end - start, BLOCK - inside)
            pieces.append(self._block(block)[inside : inside + taken])
            start += taken
        return np.concatenate(pieces)[None, :]

    def _block(self, block: int) -> Floats:
        made = self._made.get(block)
        if made is None:
            made = percussive_block(self._source, block)
            self._made = {b: kept for b, kept in self._made.items() if abs(b - block) <= 1} | {block: made}
        return made


def percussive_block(source: AudioSource, block: int) -> Floats:
    """BLOCK samples of the percussive part, float32, from block * BLOCK on; zeros past the source's end."""
    first = block * BLOCK // HOP - WINDOW // HOP + 1  # of the frames that reach into the block
    last = (block + 1) * BLOCK // HOP  # past the last of them
    samples = _mono(source, (first - REACH) * HOP, (last - first + 2 * REACH - 1) * HOP + WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = rfft(windows * _HANN, axis=1)
    magnitude = np.abs(spectrum)
    tones = ndimage.median_filter(magnitude, size=(2 * REACH + 1, 1), mode="nearest")[REACH:-REACH]
    strokes = ndimage.median_filter(magnitude[REACH:-REACH], size=(1, 2 * REACH + 1), mode="nearest")
    share = strokes**2 / (strokes**2 + tones**2 + TINY)
    pieces = irfft(spectrum[REACH:-REACH] * share, WINDOW, axis=1) * _HANN / np.float32(_OVERLAP)
    out = np.zeros((last - first) * HOP + WINDOW, dtype=np.float32)
    for i, piece in enumerate(pieces):
        out[i * HOP : i * HOP + WINDOW] += piece
    skipped = block * BLOCK - first * HOP
    return out[skipped : skipped + BLOCK].astype(np.float32)


def _mono(source: AudioSource, start: int, count: int) -> Floats:
    """The mean of the channels, zeros outside the source and for what is not finite."""
    out = np.zeros(count, dtype=np.float32)
    a, b = max(0, start), min(source.frames, start + count)
    if b > a:
        out[a - start : b - start] = np.nan_to_num(source.read(a, b - a), posinf=0.0, neginf=0.0).mean(axis=0)
    return out
