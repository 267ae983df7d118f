"""Trains the role classifier from nothing and writes services/beats/weights/roles.json, its card and its pin.

usage: PYTHONPATH=. python deploy/training/train_roles.py WORK [--check]

WORK holds the downloaded packages and the measured features, so that a second run is short. Needs apt-get, dpkg-deb,
fluidsynth and deploy/requirements/train.txt. `--check` evaluates and writes nothing. Every kit is judged by networks
that never heard it (leave one kit out); the temperature is fitted on those answers, and the shipped networks are then
trained on everything.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import role_material
import role_report
import role_synth
from scipy.optimize import minimize_scalar
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from services.audio.clip import Clip
from services.beats.classifier import CLIP_SIGMA, Classifier, Layer
from services.beats.features import extract
from services.beats.types import INSTRUMENTS

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "services/beats/weights/roles.json"
CARD = ROOT / "services/beats/weights/roles.md"
REGISTRY = ROOT / "services/models/registry.py"
SHARED_AUTHORS = (
    ("Millo_MultiLayered2", "Millo_MultiLayered3", "Millo-Drums_v.1"),
    ("TR808EmulationKit", "HardElectro1"),
)
SEED = 1
KIT_COPIES, FONT_COPIES = 7, 1  # damaged copies of each sound, besides the sound itself
HIDDEN, NETWORKS, EPOCHS, DECAY = 128, 5, 25, 1.0
DIGITS = 5  # significant digits of a stored weight
CLEAN, DAMAGED = 0, 1

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Measured sounds: features (n, f), the readable ones (n, r); class, kit, velocity layer, damaged, each (n,)."""

    x: Floats
    named: Floats
    y: npt.NDArray[np.int64]
    kit: npt.NDArray[np.str_]
    layer: npt.NDArray[np.int64]
    damaged: npt.NDArray[np.int64]


Answers = tuple[npt.NDArray[np.intp], Floats]
Row = tuple[Floats, list[float], str, str, int, int]


def one_thread() -> None:
    """In a worker process: matrices on one core, since every core has a process of its own."""
    threadpool_limits(1)


def measure_sound(job: tuple[role_material.Sound, int, int]) -> list[Row]:
    """Feature rows of one labelled sound and of its damaged copies."""
    sound, seed, copies = job
    rng = np.random.default_rng([SEED, seed])
    audios = [sound.audio] + [role_synth.damage(sound.audio, rng) for _ in range(copies)]
    found = [extract(Clip(a[None], role_material.RATE_HZ)) for a in audios]
    return [
        (f.vector, list(f.named.values()), sound.instrument, sound.kit, sound.layer, CLEAN if i == 0 else DAMAGED)
        for i, f in enumerate(found)
        if f is not None
    ]


def measure_maker(place: int) -> list[Row]:
    """Feature rows of all sounds of one maker, each once clean and once damaged."""
    maker, label, count = role_synth.MAKERS[place]
    rows = []
    for i in range(count):
        rng = np.random.default_rng([SEED, place, i])
        audio = np.nan_to_num(maker(rng)).astype(np.float32)
        rows += measure_sound((role_material.Sound(audio, label, "made"), 1_000_000 + 1000 * place + i, 1))
    return rows


def material(work: Path) -> Rows:
    """Everything there is to learn from, measured; kept in WORK under the hash of the code that made it."""
    sources = [Path(role_material.__file__), Path(role_synth.__file__), ROOT / "services/beats/features.py"]
    key = hashlib.sha256(b"".join(p.read_bytes() for p in sources) + str((KIT_COPIES, FONT_COPIES)).encode())
    cached = work / f"features-{key.hexdigest()[:12]}.npz"
    if not cached.exists():
        root = role_material.fetch(work)
        kits = [s for kit in role_material.KITS for s in role_material.kit_sounds(root, kit)]
        font = role_material.font_sounds(root, work)
        jobs = [(s, i, KIT_COPIES) for i, s in enumerate(kits)]
        jobs += [(s, 100_000 + i, FONT_COPIES) for i, s in enumerate(font)]
        with ProcessPoolExecutor(initializer=one_thread) as pool:
            rows = [row for part in pool.map(measure_sound, jobs, chunksize=16) for row in part]
            rows += [row for part in pool.map(measure_maker, range(len(role_synth.MAKERS))) for row in part]
        x, named, y, kit, layer, damaged = zip(*rows, strict=True)
        np.savez(cached, x=x, named=named, y=[INSTRUMENTS.index(c) for c in y], kit=kit, layer=layer, damaged=damaged)
    with np.load(cached) as data:
        return Rows(**{name: data[name] for name in ("x", "named", "y", "kit", "layer", "damaged")})


def balance(y: npt.NDArray[np.int64]) -> Floats:
    """Weights that make a rare class count more, by the root of its rarity."""
    counts = np.bincount(y, minlength=len(INSTRUMENTS))
    w = 1 / np.sqrt(counts[y])
    return np.asarray(w / w.mean())


def fit(x: Floats, y: npt.NDArray[np.int64]) -> Classifier:
    """An ensemble of networks that differ in where they start, at temperature 1."""
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    z, w = np.clip((x - mean) / scale, -CLIP_SIGMA, CLIP_SIGMA), balance(y)
    members = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the regulariser
        for i in range(NETWORKS):
            net = MLPClassifier((HIDDEN,), alpha=DECAY, max_iter=EPOCHS, random_state=SEED + i).fit(
                z, y, sample_weight=w
            )
            members.append(tuple(Layer(a, b) for a, b in zip(net.coefs_, net.intercepts_, strict=True)))
    return Classifier(mean, scale, tuple(members), 1.0, "")


def fit_fold(job: tuple[Rows, tuple[str, ...]]) -> Answers:
    """Train without some kits; logits of their undamaged sounds, and which rows those are."""
    rows, out = job
    left_out = np.isin(rows.kit, out)
    test = np.flatnonzero(left_out & (rows.damaged == CLEAN))
    return test, fit(rows.x[~left_out], rows.y[~left_out]).logits(rows.x[test])


def unheard(rows: Rows, groups: list[tuple[str, ...]]) -> dict[tuple[str, ...], Answers]:
    """For each group of kits: its sounds' rows and their logits from networks that never heard the group."""
    with ProcessPoolExecutor(initializer=one_thread) as pool:
        return dict(zip(groups, pool.map(fit_fold, [(rows, group) for group in groups]), strict=True))


def joined(folds: dict[tuple[str, ...], Answers], groups: list[tuple[str, ...]]) -> Answers:
    """The answers of some groups as one."""
    return np.concatenate([folds[g][0] for g in groups]), np.concatenate([folds[g][1] for g in groups])


def temperature_of(logits: Floats, y: npt.NDArray[np.int64]) -> float:
    """The temperature at which unheard answers are likeliest."""

    def surprise(log_t: float) -> float:
        return role_report.surprise(role_report.softmax(logits / np.exp(log_t)), y)

    return float(np.exp(minimize_scalar(surprise, bounds=(-1.5, 1.5), method="bounded").x))


def rounded(values: Floats) -> list[object]:
    """Nested lists with DIGITS significant digits."""
    return json.loads(json.dumps(np.vectorize(lambda v: float(f"{v:.{DIGITS}g}"))(values).tolist()))


def write(model: Classifier, temperature: float, card: str) -> str:
    """Write weights, card and pin; returns the hash."""
    doc = {
        "format": 1,
        "classes": list(INSTRUMENTS),
        "temperature": round(temperature, 4),
        "mean": rounded(model.mean),
        "scale": rounded(model.scale),
        "members": [[{"weights": rounded(a.weights), "bias": rounded(a.bias)} for a in m] for m in model.members],
    }
    data = json.dumps(doc, separators=(",", ":")).encode() + b"\n"
    digest = hashlib.sha256(data).hexdigest()
    WEIGHTS.write_bytes(data)
    CARD.write_text(card.replace("{sha256}", digest).replace("{bytes}", str(len(data))))
    REGISTRY.write_text(
        re.sub(r'(file="services/beats/weights/roles.json",\n\s+sha256=)"\w+"', rf'\1"{digest}"', REGISTRY.read_text())
    )
    return digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    rows = material(args.work)
    kits = [(kit,) for kit in role_material.KITS]
    authors = [g for g in kits if not any(g[0] in shared for shared in SHARED_AUTHORS)] + list(SHARED_AUTHORS)
    folds = unheard(rows, kits + list(SHARED_AUTHORS))
    by_kit = joined(folds, kits)
    temperature = temperature_of(by_kit[1], rows.y[by_kit[0]])
    print(f"{len(rows.y)} rows, temperature {temperature:.3f}")
    report = role_report.evaluate(rows, *by_kit, temperature)
    stricter = role_report.evaluate(rows, *joined(folds, authors), temperature)
    text = role_report.lines(report, stricter)
    print(text)
    if not args.check:
        print(write(fit(rows.x, rows.y), temperature, role_report.card(rows, text, temperature)))


if __name__ == "__main__":
    main()
