"""The key finder's card: how right and how sure it is on rendered pieces, with bootstrap intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from services.analysis.key import FEWEST_CLASSES, KEYS, KeyModel

if TYPE_CHECKING:
    from train_key import Rows

CLASSES = 4  # the place of the number of pitch classes among the traits
DRAWS, LOW, HIGH = 2_000, 2.5, 97.5
BINS = 5
LENGTHS_S = ((0, 10), (10, 20), (20, 100))
FOUND = 0.5  # of the gate: from here on there is a key

Floats = npt.NDArray[np.float64]


def points(want: int, got: int) -> float:
    """MIREX: 1 for the key, 0.5 for a fifth either way, 0.3 for the relative, 0.2 for the parallel."""
    turn, same = (got - want) % 12, (got < 12) == (want < 12)
    if turn == 0:
        return 1.0 if same else 0.2
    if same:
        return 0.5 if turn in {5, 7} else 0.0
    return 0.3 if turn == (9 if want < 12 else 3) else 0.0


def interval(values: Floats) -> str:
    """A mean and its 95 % interval over pieces."""
    if not len(values):
        return "-"
    draws = np.random.default_rng(1).choice(values, (DRAWS, len(values))).mean(axis=1)
    low, high = np.percentile(draws, (LOW, HIGH))
    return f"{values.mean():.3f} ({low:.3f}-{high:.3f})"


def calibration(sure: Floats, right: Floats) -> float:
    """Expected calibration error over bins of equal width."""
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(sum(abs(sure[place == b].sum() - right[place == b].sum()) for b in range(BINS)) / len(sure))


def _table(model: KeyModel, rows: Rows) -> list[tuple[str, str]]:
    """Names and figures."""
    likely = np.array([model.probabilities(m) for m in rows.measures])
    keyed = np.array([model.keyed(t) if t[CLASSES] >= FEWEST_CLASSES else 0.0 for t in rows.traits])
    songs = rows.key >= 0
    got, sure = likely.argmax(axis=1), likely.max(axis=1)
    score = np.array([points(k, g) for k, g in zip(rows.key, got, strict=True)])
    right = (got == rows.key).astype(np.float64)
    top = np.array([k in row for k, row in zip(rows.key, np.argsort(-likely, axis=1)[:, :3], strict=True)], np.float64)
    surprise = -np.log(likely[np.flatnonzero(songs), rows.key[songs]] + 1e-12).mean()
    lines = [
        ("exact key", interval(right[songs])),
        ("MIREX-weighted", interval(score[songs])),
        ("right key among the three named", interval(top[songs])),
        (f"ECE of the probability, {BINS} bins", f"{calibration(sure[songs], right[songs]):.3f}"),
        ("negative log-likelihood, nats", f"{surprise:.3f}"),
    ]
    for low, high in LENGTHS_S:
        some = songs & (rows.seconds >= low) & (rows.seconds < high)
        lines.append((f"MIREX-weighted, {low} to {high} s", f"{interval(score[some])}, {some.sum()} pieces"))
    found = (keyed >= FOUND).astype(np.float64)
    lines += [
        ("pieces with a key that get one", f"{interval(found[songs])}, {songs.sum()} pieces"),
        ("sounds without a key that get none", f"{interval(1 - found[~songs])}, {(~songs).sum()} sounds"),
    ]
    wrong = sorted({kind for kind, key, one in zip(rows.kind, rows.key, found, strict=True) if key < 0 and one})
    return [*lines, ("kinds of sound that were given a key", ", ".join(wrong) or "none")]


def card(model: KeyModel, learning: Rows, judging: Rows, simulated: int) -> str:
    """The card in Markdown; {sha256} and {bytes} are left for the writer."""
    rows = zip(_table(model, judging), _table(model, learning), strict=True)
    body = [f"| {name} | {judged} | {other} |" for (name, judged), (_, other) in rows]
    return "\n".join(
        [
            "# key: in which of the 24 keys a recording is",
            "",
            f"Two linear models on measures of harmony (`services/analysis/tonality.py`): {len(KEYS)} keys by one set",
            "of weights for major and one for minor, turned to every tonic; and whether there is a key at all.",
            "File `key.json`, {bytes} bytes, SHA-256 `{sha256}`.",
            "",
            "- Licence: Apache-2.0, commercial use allowed. Trained from nothing; no other model or data was involved.",
            "- Command: `make train-key` (`deploy/training/train_key.py`, seeded).",
            f"- Data: {simulated} pieces made by `key_music.py` and heard by `key_simulation.py`, without any audio.",
            "  Rendered audio (`key_material.py`: the Debian package timgm6mb-soundfont, GPL-2, an additive",
            "  synthesiser, drum kits of hydrogen-data and hydrogen-drumkits) of the learning group fits the",
            "  temperature and the gate; the judging group has progressions, instruments and kits of its own.",
            "  No audio is shipped.",
            f"- Temperature {model.temperature:.2f}.",
            "",
            "## Figures on rendered audio, 95 % intervals over pieces",
            "",
            "| | judging group | learning group (keys unseen too) |",
            "| --- | --- | --- |",
            *body,
            "",
            "A third of the pieces are excerpts of 6 or 8 s, many are mistuned, filtered, clipped or under drums, and",
            "some vamps and power chords leave the key open to a musician too.",
            "",
            "## Limits",
            "",
            "Labels follow the makers' progressions. Western keys only; one key for the whole recording: where it",
            "modulates, the longest wins. Real recordings were not available for training or for judging.",
            "",
        ]
    )
