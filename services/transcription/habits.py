"""What a drummer keeps doing: how usual it is for a drum to be struck at a place of the bar, heard in the other bars.

Hits of a drum are laid over each other bar by bar and blurred by the scatter of their timing, so a place that is struck
in most bars stands out from the scatter around another one. One bar's own hit says nothing of itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

BINS = 192  # of a cell: at 60 bpm 5 ms, a fifth of what a 32nd of a fast beat is
REACH = 4  # standard deviations after which the blur is nothing
TRUSTED = 0.9  # of what is played, the most that habit foretells
BARS_TO_TRUST = 1.0  # other bars in which the drum plays at which habit is half as trusted as it ever is
SAVED = 3.0  # nats of a subdivision's price, the most: what is hard to read stays dear
ROUNDS = 4  # of reading bars by each other
HEARD = float(np.sqrt(2.0))  # of a blur over scattered hits, so that a place struck in every bar comes to 1


@dataclass(frozen=True, slots=True)
class Habits:
    """Per drum, blurred: `table` (drums, bins of a bar), the bars each plays in, and the blur in bins."""

    table: Floats
    bars: Floats
    width: float

    def surprise(self, drums: Whole, at: Floats, off: Floats, among: Floats) -> Floats:
        """How many nats less it takes to say that these drums play at `at` (cells of the bar), one note of `among`
        equally likely ones, than without habits; negative where it is not usual. `off`: the hits' own distance to it in
        cells, by which their own share is taken out.
        """
        bins = self.table.shape[1]
        near = np.rint(at * BINS).astype(np.int64) % bins
        others = np.maximum(self.bars[drums] - 1.0, 0.0)
        own = np.exp(-0.5 * (off * BINS / self.width) ** 2)
        share = np.clip(HEARD * (self.table[drums, near] - own) / np.maximum(others, 1.0), 0.0, 1.0)
        trust = TRUSTED * others / (others + BARS_TO_TRUST)
        return np.asarray(np.log((1.0 - trust) + trust * share * among))


def as_usual(costs: Floats, prices: Floats, beats: Whole) -> Floats:
    """Costs (cells, readings) of reading each beat in each way, priced by how the same beat of the other bars is read:
    a subdivision that a piece uses all the time is no surprise in it. `prices`: what `costs` hold for the readings in
    general; `beats`: the number of each cell's beat in its bar.

    How others are read follows from the same costs (expectation and maximisation in turn, Dempster et al. 1977).
    """
    general = np.exp(-prices) / np.exp(-prices).sum()
    others = (np.bincount(beats)[beats] - 1.0)[:, None]
    trust = TRUSTED * others / (others + BARS_TO_TRUST)
    now = costs
    for _ in range(ROUNDS):
        likely = np.exp(now.min(axis=1, keepdims=True) - now)
        likely /= likely.sum(axis=1, keepdims=True)
        sums = np.zeros((int(beats.max()) + 1, costs.shape[1]))
        np.add.at(sums, beats, likely)
        share = np.clip((sums[beats] - likely) / np.maximum(others, 1.0), 0.0, 1.0)
        now = costs - np.minimum(np.log((1.0 - trust) + trust * share / general), SAVED)
    return np.asarray(now)


def habits_of(places: Floats, drums: Whole, bar_cells: int, scatter: float) -> Habits:
    """The habits of hits at these places (cells from the first bar line); `scatter`: their timing's, in cells."""
    bins = bar_cells * BINS
    count = int(drums.max()) + 1
    at = np.rint((places % bar_cells) * BINS).astype(np.int64) % bins
    table = np.zeros((count, bins))
    np.add.at(table, (drums, at), 1.0)
    width = max(1.0, scatter * BINS)
    reach = min(bins // 2, int(np.ceil(REACH * width)))
    blur = np.zeros(bins)
    steps = np.arange(-reach, reach + 1)
    blur[steps % bins] = np.exp(-0.5 * (steps / width) ** 2)
    smooth = np.fft.irfft(np.fft.rfft(table, axis=1) * np.fft.rfft(blur), n=bins, axis=1)
    bars = np.floor(places / bar_cells).astype(np.int64)
    seen = np.unique(np.stack([drums, bars]), axis=1)[0]
    return Habits(smooth, np.bincount(seen, minlength=count).astype(np.float64), width)
