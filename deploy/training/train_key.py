"""Trains the key finder from nothing and writes services/analysis/weights/key.json, its card and its pin.

usage: PYTHONPATH=. python deploy/training/train_key.py WORK [--check]

WORK holds the downloaded packages and the measured rows, so that a second run is short. Needs apt-get, dpkg-deb,
fluidsynth and deploy/requirements/train.txt. `--check` evaluates and writes nothing. Keys are learned from simulated
pieces (`key_simulation`) only; rendered audio (`key_material`) of the learning group softens the probabilities and
teaches what has no key, and that of the other group, with other progressions, instruments and kits, judges.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import key_material
import key_report
import key_simulation
import numpy as np
import numpy.typing as npt
import role_material
from scipy.optimize import minimize, minimize_scalar
from threadpoolctl import threadpool_limits

from services.analysis.harmony import listen_harmony
from services.analysis.key import FEWEST_CLASSES, KEYS, KeyModel, from_json
from services.analysis.tonality import KINDS, MEASURES, TRAITS, evidence, traits
from services.audio.clip import Clip, ClipSource

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "services/analysis/weights/key.json"
CARD = ROOT / "services/analysis/weights/key.md"
REGISTRY = ROOT / "services/models/registry.py"
SIMULATED = 8_000
SONGS, NOTHINGS = (120, 120), (72, 54)  # rendered: for learning, for judging
DECAY = 0.03  # of the weights, in units of each kind's spread: 0.003 and 0.01 judged worse on the learning group
GATE_DECAY = 0.02
SPREAD_FROM = 1_000  # pieces: enough to know a spread
CLASSES = 4  # the place of the number of pitch classes among the traits
DIGITS = 4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Of each piece: `measures` (n, 24, measures), `traits` (n, traits; zeros where nothing is pitched), its key's
    place in KEYS or -1, its length in seconds and its kind.
    """

    measures: Floats
    traits: Floats
    key: npt.NDArray[np.int64]
    seconds: Floats
    kind: list[str]


def simulated_row(seed: int) -> tuple[npt.NDArray[np.float16], int]:
    """The measures of a simulated piece for each tonic, (12, measures), and its key's place."""
    made = key_simulation.simulate(seed)
    return evidence(made.harmony)[:12].astype(np.float16), KEYS.index(made.song.key)


def rendered_row(job: tuple[str, int, Path, bool]) -> tuple[npt.NDArray[np.float16], Floats, int, float, str]:
    """The same of rendered audio, with traits, seconds and kind."""
    what, seed, root, held_out = job
    make = key_material.song if what == "song" else key_material.nothing
    piece = make(seed, root, held_out=held_out)
    harmony = listen_harmony(ClipSource(Clip(piece.audio[None], key_material.RATE_HZ)))
    found = traits(harmony)
    key = KEYS.index(piece.key) if piece.key else -1
    row = evidence(harmony).astype(np.float16)
    return row, np.zeros(TRAITS) if found is None else found, key, len(piece.audio) / key_material.RATE_HZ, piece.kind


def simulated(pool: ProcessPoolExecutor, work: Path) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.int64]]:
    """Measures (n, 12, measures) and keys (n,) of the simulated pieces, kept in `work` like the rendered ones."""
    kept = _kept(work, [key_simulation, key_simulation.key_music], "simulated", SIMULATED)
    if not kept.exists():
        rows = list(pool.map(simulated_row, range(SIMULATED), chunksize=20))
        np.savez(kept, measures=np.array([r[0] for r in rows]), key=np.array([r[1] for r in rows]))
    with np.load(kept) as held:
        return held["measures"], held["key"]


def rendered(pool: ProcessPoolExecutor, work: Path, *, held_out: bool) -> Rows:
    """What was heard of the rendered pieces of one group."""
    group, counts = "judging" if held_out else "learning", (SONGS[held_out], NOTHINGS[held_out])
    kept = _kept(work, [key_material, key_material.key_music], group, counts)
    if not kept.exists():
        root = role_material.fetch(work)
        jobs = [("song", s, root, held_out) for s in range(counts[0])]
        jobs += [("nothing", s, root, held_out) for s in range(counts[1])]
        rows = list(pool.map(rendered_row, jobs, chunksize=4))
        np.savez(kept, **{f"c{i}": np.array([r[i] for r in rows]) for i in range(5)})
    with np.load(kept) as held:
        return Rows(held["c0"].astype(np.float64), held["c1"], held["c2"], held["c3"], held["c4"].tolist())


def _kept(work: Path, makers: list[ModuleType], name: str, counts: object) -> Path:
    """Where rows are kept for as long as neither what makes their pieces nor what hears them changes."""
    sources = [Path(str(module.__file__)) for module in makers]
    sources += [ROOT / "services/analysis" / file for file in ("harmony.py", "tonality.py")]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources) + str(counts).encode()).hexdigest()
    return work / f"key-{digest[:12]}-{name}.npz"


def spreads(measures: Floats) -> Floats:
    """The spread of each kind of measure, (measures,): weights are learned in these units."""
    out, at = np.zeros(MEASURES), 0
    for count in KINDS.values():
        some = measures[:SPREAD_FROM, :, at : at + count].astype(np.float64)
        out[at : at + count] = some.std(axis=(0, 1)).mean()
        at += count
    return out


def learned(measures: Floats, key: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Weights (2, measures) and offsets (2,) that make the softmax over 24 keys most likely, with DECAY."""
    unit = spreads(measures)
    flat = (measures / unit.astype(np.float32)).reshape(-1, MEASURES)
    n, rows = len(key), np.arange(len(key))

    def loss(packed: Floats) -> tuple[float, Floats]:
        table = packed.reshape(2, MEASURES + 1)
        scores = flat @ table[:, :-1].T.astype(np.float32) + table[:, -1]
        scores = scores.reshape(n, 12, 2).transpose(0, 2, 1).reshape(n, 24)
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        value = -np.log(likely[rows, key] + 1e-12).mean() + DECAY * np.square(table[:, :-1]).sum()
        likely[rows, key] -= 1
        slope = likely.reshape(n, 2, 12).transpose(0, 2, 1).reshape(-1, 2) / n
        grown = np.concatenate(
            [slope.astype(np.float32).T @ flat + 2 * DECAY * table[:, :-1], slope.sum(axis=0)[:, None]], axis=1
        )
        return float(value), grown.ravel().astype(np.float64)

    found = minimize(loss, np.zeros(2 * (MEASURES + 1)), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    table = found.x.reshape(2, MEASURES + 1)
    return table[:, :-1] / unit, table[:, -1]


def gated(rows: Rows) -> tuple[Floats, float]:
    """Weights (traits,) and offset of the logistic that tells pieces with a key from those without, weighed alike."""
    some = rows.traits[:, CLASSES] >= FEWEST_CLASSES  # the others have no key whatever the gate says
    x, y = rows.traits[some], (rows.key[some] >= 0).astype(np.float64)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    z, weight = (x - mean) / spread, np.where(y == 1, 0.5 / y.sum(), 0.5 / (1 - y).sum())

    def loss(packed: Floats) -> float:
        scores = z @ packed[:-1] + packed[-1]
        return float(
            (weight * np.logaddexp(0, np.where(y == 1, -scores, scores))).sum()
            + GATE_DECAY * np.square(packed[:-1]).sum()
        )

    found = minimize(loss, np.zeros(TRAITS + 1), method="L-BFGS-B").x
    return found[:-1] / spread, float(found[-1] - (found[:-1] / spread * mean).sum())


def softened(model: KeyModel, rows: Rows) -> float:
    """The temperature at which the keys of the learning group are likeliest."""
    some = np.flatnonzero(rows.key >= 0)

    def surprise(log_t: float) -> float:
        at = KeyModel(model.weights, model.offsets, float(np.exp(log_t)), model.gate, model.gate_offset)
        return float(-np.mean([np.log(at.probabilities(rows.measures[i])[rows.key[i]] + 1e-12) for i in some]))

    return float(np.exp(minimize_scalar(surprise, bounds=(-1, 2), method="bounded").x))


def packed(model: KeyModel) -> bytes:
    """The model's file: JSON with four significant digits."""

    def short(values: Floats) -> list[float]:
        return [float(f"{v:.{DIGITS}g}") for v in values.tolist()]

    doc = {
        "weights": [short(row) for row in model.weights],
        "offsets": short(model.offsets),
        "temperature": float(f"{model.temperature:.{DIGITS}g}"),
        "gate": short(model.gate),
        "gate_offset": float(f"{model.gate_offset:.{DIGITS}g}"),
    }
    return (json.dumps(doc, separators=(",", ":")) + "\n").encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    with ProcessPoolExecutor(initializer=threadpool_limits, initargs=(1,)) as pool:
        weights, offsets = learned(*simulated(pool, asked.work))
        learning, judging = (rendered(pool, asked.work, held_out=h) for h in (False, True))
    gate, gate_offset = gated(learning)
    model = KeyModel(weights, offsets, 1.0, gate, gate_offset)
    data = packed(KeyModel(weights, offsets, softened(model, learning), gate, gate_offset))
    digest = hashlib.sha256(data).hexdigest()
    card = key_report.card(from_json(data), learning, judging, SIMULATED)
    print(card)
    if asked.check:
        return
    WEIGHTS.parent.mkdir(exist_ok=True)
    WEIGHTS.write_bytes(data)
    CARD.write_text(card.replace("{sha256}", digest).replace("{bytes}", str(len(data))))
    pin = re.sub(
        r'(file="services/analysis/weights/key.json",\n\s+sha256=)"\w+"', rf'\1"{digest}"', REGISTRY.read_text()
    )
    REGISTRY.write_text(pin)


if __name__ == "__main__":
    main()
