"""Trains the judge of onsets from nothing and writes services/beats/weights/onsets.json, its card and its pin.

usage: PYTHONPATH=. python deploy/training/train_onsets.py WORK [--check]

WORK holds the downloaded packages. Needs apt-get, dpkg-deb, fluidsynth and deploy/requirements/train.txt. `--check`
evaluates and writes nothing. It learns from recordings rendered on the spot from the `tune` half of the sounds that the
benchmark uses (tests/bench/ears/slices_material) and from others (`onset_sounds`), in more and harder scenes than the
benchmark's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onset_sounds
from scipy import signal
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from deploy.training import role_material
from services.audio.clip import HOUSE_RATE_HZ, Clip, ClipSource
from services.beats.onset_judge import LIKELY_CLEAR, LIKELY_FAINT, least_likely, parse
from services.beats.onset_traits import TRAITS, traits
from services.beats.onsets import HOP, Indices, band_levels, novelty, possible_onsets
from tests.bench.ears import slices_beds, slices_sounds
from tests.bench.ears import slices_material as material

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "services/beats/weights/onsets.json"
CARD = ROOT / "services/beats/weights/onsets.md"
REGISTRY = ROOT / "services/models/registry.py"
SEED = 4_711
SCENES = 2_860
STRUCK = range(1_300, 1_560)  # scenes of nothing but single strikes and pairs of them in a quiet room
HITS = 15
MIXED, PLAIN = ("hits", "hits", "hits", "hits", "alone", "empty"), ("alone", "clean", "alone", "short")
KINDS = 3 * MIXED + 2 * PLAIN  # of the other scenes, in turn
DOUBLES, STRUCK_DOUBLES = 0.2, 0.5  # share of struck things that are struck again at once
DOUBLE_GAP_S = (0.062, 0.15)
GAP_S = (0.1, 1.0)
MADE, OTHER, KIT = 0.42, 0.33, 0.2  # shares of made sounds, of those of `onset_sounds`, of kits; the rest is bundled
WORN = 0.5  # share of kit sounds that are changed into other things; bundled ones, so few, always are
FROM_START = 0.3  # share of recordings that begin with the hit itself
DRY = 0.1  # share without any bed
EARLY_S, LATE_S = 0.025, 0.085  # a possible onset so much before or after a hit may be it
SAME_S = 0.045  # others so close to a hit say nothing
TREES, LEAVES, RATE, RIDGE = 300, 20, 0.06, 3.0  # more trees or leaves judged no better on other scenes
FOLDS = 3
DIGITS = 5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Possible onsets of a scene: their traits, whether a sound begins there (-1: unclear), hits without one."""

    traits: npt.NDArray[np.float32]
    begins: Indices
    missed: int
    snr_db: float
    bed: str


def main() -> None:
    """Render, fit, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    root = role_material.fetch(args.work)
    with ProcessPoolExecutor() as pool:
        rows = list(pool.map(partial(rows_of, root), range(SCENES), chunksize=8))
    with threadpool_limits(1):
        across = folded(rows)
        forest = fitted(rows)
    print(report(rows, across))
    if not args.check:
        write(forest, report(rows, across), rows)


@cache
def stock(root: Path) -> material.Stock:
    """The sounds of the half that is learned from, one a process."""
    with tempfile.TemporaryDirectory() as folder:
        return material.stock(root, Path(folder), half=0)


def rows_of(root: Path, index: int) -> Rows:
    """A scene rendered and described."""
    rng = np.random.default_rng([SEED, index])
    kind = "struck" if index in STRUCK else KINDS[index % len(KINDS)]
    audio, hits_s, bed, snr_db = scene(rng, stock(root), kind)
    levels = band_levels(ClipSource(Clip(np.asarray(audio, dtype=np.float32), HOUSE_RATE_HZ)))
    found = novelty(levels)
    frame = possible_onsets(found).frame
    begins, missed = labelled(frame, found.sharp_db[frame], hits_s)
    return Rows(traits(levels, found, frame), begins, missed, snr_db, bed)


def scene(rng: material.Rng, have: material.Stock, kind: str) -> tuple[Floats, list[float], str, float]:
    """(samples, onsets in s, bed, ratio in dB): hits of very different levels, some of them double; a sound alone, as
    tightly cut as an upload; strikes in a quiet room; or a bed alone.
    """
    bed = str(rng.choice(["room", "speech", "music"], p=[0.5, 0.25, 0.25]))
    snr_db = float(rng.uniform(2, 36) if rng.random() < 0.6 else rng.uniform(3, 10))
    channels = 1 if rng.random() < 0.7 else 2
    loudness = 10 ** (-rng.uniform(0, 40) / 20)
    if kind in ("empty", "short"):
        return loudness * nothing(rng, have, bed, kind == "short"), [], bed, snr_db
    if kind in ("clean", "struck"):
        bed, snr_db = "room", float(rng.uniform(20, 55))
    if kind == "alone":
        bed, snr_db = "room", float(rng.uniform(25, 60))
    sounds = [drawn(rng, have, kind == "struck") for _ in range(1 if kind == "alone" else HITS)]
    gaps_s = rng.uniform(*GAP_S, len(sounds) - 1)
    doubles = STRUCK_DOUBLES if kind == "struck" else DOUBLES
    for i in range(1, len(sounds)):
        if onset_sounds.repeatable(sounds[i - 1]) and rng.random() < doubles:
            sounds[i], gaps_s[i - 1] = sounds[i - 1], rng.uniform(*DOUBLE_GAP_S)
    first_s = 0.0 if rng.random() < FROM_START else rng.uniform(0.0, 0.02) if kind == "alone" else rng.uniform(0.1, 1.0)
    places = np.round((first_s + np.concatenate([[0.0], np.cumsum(gaps_s)])) * HOUSE_RATE_HZ).astype(np.int64)
    n = int(places[-1]) + round(rng.uniform(0.05, 1.5) * HOUSE_RATE_HZ)
    n = int(places[-1]) + sounds[-1].audio.size if kind == "alone" and rng.random() < 0.7 else n
    out = material.bed(rng, bed, have.songs, n, channels)
    power = float(np.square(out).sum(axis=0).mean())
    out *= 0.0 if rng.random() < DRY else 1.0
    ring = material.impulse(rng) if rng.random() < 0.5 else None
    spread_db = rng.choice([3.0, 8.0, 15.0] if kind in ("clean", "struck") else [0.0, 3.0, 8.0])
    for at, sound in zip(places, sounds, strict=True):
        x = sound.audio.astype(np.float64)
        x = signal.oaconvolve(x, ring) if ring is not None else x
        y = np.stack([x * rng.uniform(0.5, 1) for _ in range(channels)])
        own_db = snr_db + rng.uniform(-spread_db, spread_db)
        y = (y * np.sqrt(power * 10 ** (own_db / 10) / material.loudest_power(y)))[:, : n - at]
        out[:, at : at + y.shape[1]] += y
    strikes = material.struck([float(p) / HOUSE_RATE_HZ for p in places], sounds)
    return loudness * out / max(1.0, np.abs(out).max()), [t for t, _ in strikes], bed, snr_db


def drawn(rng: material.Rng, have: material.Stock, struck: bool) -> slices_sounds.Sound:
    """A sound to be heard, or, `struck`, one that is struck once."""
    if struck:
        while not onset_sounds.repeatable(sound := drawn(rng, have, False)):
            pass
        return sound
    share = rng.random()
    if share < MADE:
        return slices_sounds.made(rng, str(rng.choice(list(slices_sounds.MAKERS))))
    if share < MADE + OTHER:
        return onset_sounds.other(rng)
    if share < MADE + OTHER + KIT:
        sound = have.kit[int(rng.integers(len(have.kit)))]
        return onset_sounds.worn(rng, sound) if rng.random() < WORN else sound
    return onset_sounds.worn(rng, have.house[int(rng.integers(len(have.house)))])


def nothing(rng: material.Rng, have: material.Stock, bed: str, short: bool) -> Floats:
    """A recording in which nothing begins: coloured noise, swells, tones, beating, a room, or a bed.

    It lasts 0.04 to 25 s, or, `short`, 0.03 to 1 s.
    """
    short_s, long_s = float(np.exp(rng.uniform(np.log(0.04), np.log(10)))), float(rng.uniform(5, 25))
    n = round((short_s / 10 + 0.03 if short else short_s if rng.random() < 0.4 else long_s) * HOUSE_RATE_HZ)
    t = np.arange(n) / HOUSE_RATE_HZ
    kind = rng.integers(0, 6)
    x = slices_beds.coloured(rng, max(n, 64), rng.uniform(-0.5, 2.5))[:n]
    if kind == 0:
        return material.bed(rng, bed, have.songs, max(n, HOUSE_RATE_HZ), 1)
    if kind == 5:
        return slices_beds.room(rng, max(n, HOUSE_RATE_HZ))[None] * 0.02
    if kind == 1:
        wave = np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * t + rng.uniform(0, 6))
        x = x * 10 ** (rng.uniform(0.5, 1.5) * (wave if rng.random() < 0.5 else 2 * np.abs(wave)))
    if kind == 2:
        tones = np.exp(rng.uniform(np.log(45), np.log(6000), int(rng.integers(1, 6))))
        x = 10 ** rng.uniform(-4, -1) * x + sum(np.sin(2 * np.pi * hz * t + rng.uniform(0, 6)) for hz in tones)
    if kind == 3:
        low = rng.uniform(80, 2000)
        pairs = [hz for k in rng.uniform(1, 6, 3) for hz in (low * k, low * k + rng.uniform(2, 25))]
        fall = np.exp(-t / rng.uniform(0.5, 5))
        x = 1e-3 * x + sum(rng.uniform(0.2, 1) * np.sin(2 * np.pi * hz * t) for hz in pairs) * fall
    return np.asarray(0.2 * x / np.abs(x).max())[None]


def labelled(frame: Indices, strength_db: npt.NDArray[np.float32], hits_s: list[float]) -> tuple[Indices, int]:
    """Whether a sound begins at each possible onset: 1, 0, or -1 where a hit is so close that it may; hits not met."""
    begins = np.zeros(frame.size, dtype=np.int64)
    at_s, missed = frame * HOP / HOUSE_RATE_HZ, 0
    for i, hit_s in enumerate(hits_s):
        next_s = hits_s[i + 1] if i + 1 < len(hits_s) else np.inf
        late = at_s - hit_s
        near = np.flatnonzero((late > -EARLY_S) & (late < LATE_S) & (at_s < next_s - 0.01))
        if not near.size:
            missed += 1
            continue
        # the strongest, unless it is late: 0.3 dB a ms
        best = near[np.argmax(strength_db[near] - 300 * np.maximum(np.abs(late[near]) - 0.01, 0))]
        close = near[(np.abs(late[near]) < SAME_S) & (begins[near] == 0)]
        begins[close] = -1
        begins[best] = 1
    return begins, missed


def fitted(rows: list[Rows]) -> HistGradientBoostingClassifier:
    """The forest that separates what begins from what does not."""
    x, y = np.concatenate([r.traits for r in rows]), np.concatenate([r.begins for r in rows])
    forest = HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=RATE,
        max_leaf_nodes=LEAVES,
        l2_regularization=RIDGE,
        early_stopping=False,
        random_state=0,
    )
    return forest.fit(x[y >= 0], y[y >= 0])


def folded(rows: list[Rows]) -> list[Floats]:
    """Each scene's probabilities by a forest that did not see it."""
    out: list[Floats] = [np.zeros(0)] * len(rows)
    groups = np.arange(len(rows))
    for seen, unseen in GroupKFold(FOLDS).split(groups, groups=groups):
        forest = fitted([rows[i] for i in seen])
        for i in unseen:
            out[i] = forest.predict_proba(rows[i].traits)[:, 1] if len(rows[i].traits) else np.zeros(0)
    return out


def report(rows: list[Rows], across: list[Floats]) -> str:
    """Recall and precision of the judged onsets as a Markdown table, by bed and ratio."""
    lines = ["| scenes | hits | possible | recall | precision |", "| --- | --- | --- | --- | --- |"]
    for bed in ("room", "speech", "music"):
        for low, high in ((2, 10), (10, 20), (20, 60)):
            some = [i for i, r in enumerate(rows) if r.bed == bed and low <= r.snr_db < high]
            begins = np.concatenate([rows[i].begins for i in some])
            yes = np.concatenate([across[i] >= least_likely(rows[i].traits, across[i]) for i in some])
            hits = int((begins == 1).sum()) + sum(rows[i].missed for i in some)
            right = int((yes & (begins == 1)).sum())
            found = int((yes & (begins >= 0)).sum())
            shares = (int((begins == 1).sum()) / hits, right / hits, right / found)
            cells = " | ".join(f"{share:.3f}" for share in shares)
            lines.append(f"| {bed}, {low} to {high} dB | {hits} | {cells} |")
    return "\n".join(lines)


def document(forest: HistGradientBoostingClassifier) -> dict[str, Any]:
    """The forest as plain lists."""
    doc: dict[str, Any] = {k: [] for k in ("roots", "trait", "border", "left", "right", "value")}
    depth = 0
    for (tree,) in forest._predictors:
        first, nodes = len(doc["trait"]), tree.nodes
        doc["roots"].append(first)
        leaf = nodes["is_leaf"].astype(bool)
        doc["trait"] += np.where(leaf, -1, nodes["feature_idx"]).tolist()
        doc["border"] += [
            0.0 if end else float(f"{b:.{DIGITS}g}") for b, end in zip(nodes["num_threshold"], leaf, strict=True)
        ]
        doc["left"] += np.where(leaf, 0, nodes["left"] + first).tolist()
        doc["right"] += np.where(leaf, 0, nodes["right"] + first).tolist()
        doc["value"] += _short(nodes["value"], leaf)
        depth = max(depth, int(nodes["depth"].max()))
    return {"traits": TRAITS, "base": float(forest._baseline_prediction.ravel()[0]), "depth": depth, **doc}


def _short(values: Floats, where: npt.NDArray[np.bool_]) -> list[float]:
    """Values with few digits where they count, 0 elsewhere."""
    return [float(f"{v:.{DIGITS}g}") if counts else 0.0 for v, counts in zip(values, where, strict=True)]


def write(forest: HistGradientBoostingClassifier, table: str, rows: list[Rows]) -> None:
    """Weights, pin and card; the weights must judge as the forest does."""
    data = json.dumps(document(forest), separators=(",", ":")).encode()
    some = rows[1].traits
    assert np.abs(parse(data).probability(some) - forest.predict_proba(some)[:, 1]).max() < 0.05
    WEIGHTS.write_bytes(data)
    sha = hashlib.sha256(data).hexdigest()
    pinned = r'(file="services/beats/weights/onsets.json",\n\s+sha256=)"\w+"'
    text, count = re.subn(pinned, rf'\g<1>"{sha}"', REGISTRY.read_text())
    assert count == 1
    REGISTRY.write_text(text)
    kits = ", ".join(role_material.KITS[0::2])
    CARD.write_text(f"""# Judge of onsets

What it does: tells which possible onsets of a recording begin a sound that a listener would cut out. Boosted trees
({TREES} of at most {LEAVES} leaves) on {TRAITS} traits of the levels in eight bands, `services/beats/onset_traits.py`.

Data: {SCENES} recordings rendered for the purpose: made thumps, knocks, clinks, doors, rattles, falling things,
paper and swashes; made drums, strokes, calls, mechanisms, trains of grains and pours
(`deploy/training/onset_sounds.py`); half of the sounds in `deploy/sounds`, at other pitches; and one-shots of the kits
{kits},
as they are and at other pitches. They sound at 2 to 60 dB over made rooms, speech-like syllables and music of the font
TimGM6mb. The kits and the font come from the Debian packages hydrogen-data, hydrogen-drumkits and timgm6mb-soundfont;
nothing of them is in the file.

Licence: Apache-2.0. File: `onsets.json`, SHA-256 {sha}.
Made by: `make train-onsets` (seed {SEED}), about five minutes on two cores.

Share of hits at a possible onset, recall, and precision at a probability of {LIKELY_FAINT} for faint hits to
{LIKELY_CLEAR} for clear ones, each scene judged by a forest that had not seen it; sounds may recur in other scenes.
`make bench-ears ARGS="--only slices"` measures on others.

{table}
""")


if __name__ == "__main__":
    main()
