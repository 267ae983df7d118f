"""Fits the networks that judge readings of a rhythm; writes services/analysis/weights/rhythm.json, its card and pin.

usage: PYTHONPATH=. python deploy/training/train_rhythm.py WORK [--tracks N] [--judges N] [--check]

WORK holds the downloaded packages and what was heard in the rendered tracks, so that a second run is short. Tracks that
judge are played on three kits that the others never use; the temperature is fitted on one half of them and every
figure is taken on the other. `--check` fits and judges and writes nothing. Needs apt-get, dpkg-deb, fluidsynth and
deploy/requirements/train.txt.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import rhythm_drums
import rhythm_material
import rhythm_music
import rhythm_report
import rhythm_rows
import role_acoustic
import role_machines
import role_material
import role_shapes
import role_synth
from scipy.optimize import minimize_scalar

from services.analysis import activations
from services.analysis.activations import RhythmActivations
from services.analysis.meter import Judge, judged, parsed
from services.analysis.readings import METERS, grids
from services.analysis.tempogram import pulse

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "services/analysis/weights/rhythm.json"
CARD = ROOT / "services/analysis/weights/rhythm.md"
REGISTRY = ROOT / "services/models/registry.py"
FITS, JUDGES = 0, 1  # streams of seeds
CHUNK = 20  # tracks of a stored piece
MEMBERS = 3

Heard = tuple[RhythmActivations, rhythm_rows.Truth]


def _key() -> str:
    drums = (rhythm_drums, role_acoustic, role_machines, role_material, role_shapes, role_synth)
    made_by = (rhythm_material, rhythm_music, activations, *drums)
    return hashlib.sha256(b"".join(Path(str(m.__file__)).read_bytes() for m in made_by)).hexdigest()[:12]


def _chunk(job: tuple[str, str, int, int]) -> Path:
    """Render and hear a piece of a stream, unless it is stored."""
    work, key, stream, first = job
    path = Path(work) / f"rhythm-{key}" / f"{stream}-{first:05d}.pickle"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        rows = [rhythm_rows.heard((work, stream, seed)) for seed in range(first, first + CHUNK)]
        part = path.with_suffix(".part")
        part.write_bytes(pickle.dumps([(a.to_bytes(), truth) for a, truth in rows]))
        part.rename(path)
    return path


def _load(path: Path) -> list[Heard]:
    rows = pickle.loads(path.read_bytes())  # noqa: S301  our own file
    return [(RhythmActivations.from_bytes(data), truth) for data, truth in rows]


def _rows(path: Path) -> list[rhythm_rows.Row]:
    found = [rhythm_rows.row(a, truth) for a, truth in _load(path)]
    return [r for r in found if r is not None]


def temperature(networks: Judge, rows: Sequence[Heard]) -> float:
    """The temperature at which what is right was likeliest, on tracks that were not fitted on."""
    kept = []
    for heard, truth in rows:
        if heard.onsets.any() and heard.duration_s >= 1.5:
            found = grids(pulse(heard), heard)
            readings, none = judged(found, networks)
            right = rhythm_rows.right(found, truth)
            if right or not truth.bpm:
                logs = np.log(np.array([r.probability for r in readings] + [none]) + 1e-30)
                places = [(r.grid, list(METERS).index(r.meter), r.first) in right for r in readings]
                kept.append((logs, np.array([*places, not truth.bpm])))

    def loss(heat: float) -> float:
        return -float(np.mean([np.log(np.exp(z / heat)[good].sum() / np.exp(z / heat).sum()) for z, good in kept]))

    return float(minimize_scalar(loss, bounds=(0.5, 4.0), method="bounded").x)


def _card(table: str, tracks: int, judges: int, heat: float) -> str:
    return f"""# rhythm: which reading of a pulse is right

{MEMBERS} judges of small networks (`services/analysis/meter.py`) on numbers that `services/analysis/readings.py` takes
from onsets in six bands and from pitch classes. File `rhythm.json`, {{bytes}} bytes, SHA-256 `{{sha256}}`.

- Licence: Apache-2.0, commercial use allowed. Trained here from nothing; no other model or data set was involved.
- Command: `make train-rhythm` (`deploy/training/train_rhythm.py`, seeded).
- Data: {tracks} tracks of 5 to 24 s made by `rhythm_music.py` and `rhythm_material.py`: drum parts drawn at random in
  seven meters or played by the product's own styles, on six kits of the Debian packages hydrogen-data and
  hydrogen-drumkits and on made drums, mixed and bent (`rhythm_drums.py`), with accompaniment by timgm6mb-soundfont
  (GPL-2), at tempi that hold, wander, ramp or jump; and tracks without a beat: noise, voices, drones, tones, knocks.
  No audio of them is shipped.
- Calibration: temperature {heat:.3f}, fitted on half of the judging tracks; the figures are of the other half.

## Figures on {judges} other tracks, on three kits that were not fitted on

Accuracy 1: tempo within 4 % (half of it forgiven where the backbeat is on 3); accuracy 2 forgives 2, 3, 1/2, 1/3.
Beat and downbeat F: 70 ms. Meter: the right one of seven; 2/4 told as 4/4 counts as wrong.

{table}

Limits: everything here is rendered, by the same generator that made what was fitted on. Music without drums, meters
that change, and half against double tempo of sparse patterns are told with less certainty, as the confidence shows.
"""


def write(members: list[dict], heat: float, card: str) -> None:
    """Weights, card and pin."""
    data = json.dumps({"temperature": round(heat, 4), "members": members}, separators=(",", ":")).encode()
    digest = hashlib.sha256(data).hexdigest()
    WEIGHTS.parent.mkdir(exist_ok=True)
    WEIGHTS.write_bytes(data)
    CARD.write_text(card.replace("{sha256}", digest).replace("{bytes}", str(len(data))))
    pin = r'(file="services/analysis/weights/rhythm.json",\n\s+sha256=)"\w+"'
    REGISTRY.write_text(re.sub(pin, rf'\1"{digest}"', REGISTRY.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--tracks", type=int, default=3_000)
    parser.add_argument("--judges", type=int, default=600)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    rhythm_material.load(asked.work)  # downloads and renders once, before processes share it
    key = _key()
    jobs = [(str(asked.work), key, JUDGES, first) for first in range(0, asked.judges, CHUNK)]
    jobs += [(str(asked.work), key, FITS, first) for first in range(0, asked.tracks, CHUNK)]
    with ProcessPoolExecutor() as pool:
        paths = list(pool.map(_chunk, jobs))
        judges = [row for path in pool.map(_load, paths[: -(-asked.judges // CHUNK)]) for row in path]
        rows = [row for part in pool.map(_rows, paths[-(-asked.judges // CHUNK) :]) for row in part]
    import rhythm_net

    data = rhythm_net.Data(rows)
    members = [rhythm_net.stored(rhythm_net.fit(data, seed)) for seed in range(MEMBERS)]
    networks = parsed(json.dumps({"temperature": 1.0, "members": members}).encode())
    heat = temperature(networks, judges[::2])
    networks = replace(networks, temperature=heat)
    table = rhythm_report.table([rhythm_report.told(a, truth, networks) for a, truth in judges[1::2]])
    print(table)
    if not asked.check:
        write(members, round(heat, 4), _card(table, asked.tracks, len(judges[1::2]), heat))


if __name__ == "__main__":
    main()
