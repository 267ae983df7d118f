"""Trains the role classifier from nothing and writes services/beats/weights/roles.onnx, its figures, card and pin.

usage: PYTHONPATH=. python deploy/training/train_roles.py WORK [--check]

WORK holds the downloaded packages and the measured sounds, so that a second run is short. Needs apt-get, dpkg-deb,
fluidsynth and deploy/requirements/train.txt. `--check` evaluates and writes nothing. Every kit is judged by networks
that never heard it (leave one kit out); the temperature is fitted on those answers, and the shipped networks are then
trained on everything.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import role_graph
import role_material
import role_network
import role_report
import role_rows
import torch
from role_network import RoleNet
from role_rows import CLEAN, Rows
from scipy.optimize import minimize_scalar
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "services/beats/weights/roles.onnx"
CARD = ROOT / "services/beats/weights/roles.md"
METRICS = ROOT / "services/beats/weights/roles.metrics.json"
REGISTRY = ROOT / "services/models/registry.py"
SHARED_AUTHORS = (
    ("Millo_MultiLayered2", "Millo_MultiLayered3", "Millo-Drums_v.1"),
    ("TR808EmulationKit", "HardElectro1"),
)
SEED = 1
NETWORKS = 3

Floats = npt.NDArray[np.float64]
Group = tuple[str, ...]
Answers = tuple[npt.NDArray[np.intp], Floats]


class Bench:
    """What every process that trains holds: set once, before the processes are forked."""

    rows: Rows
    x: npt.NDArray[np.float32]


def hold(rows: Rows, x: npt.NDArray[np.float32]) -> None:
    """In a worker process: the material, and matrices on one core, since every core has a process of its own."""
    Bench.rows, Bench.x = rows, x
    threadpool_limits(1)
    torch.set_num_threads(1)


def fit_one(job: tuple[Group, int]) -> bytes:
    """The weights of a network that never heard some kits."""
    group, seed = job
    train = np.flatnonzero(~np.isin(Bench.rows.kit, group))
    net = role_network.fit(Bench.x, Bench.rows.y, role_network.odds(Bench.rows, train), train, SEED + seed)
    held = io.BytesIO()
    torch.save(net.state_dict(), held)
    return held.getvalue()


def loaded(weights: bytes) -> RoleNet:
    """A trained network from its weights."""
    state = torch.load(io.BytesIO(weights), weights_only=True)
    net = RoleNet(state["mean"], state["scale"])
    net.load_state_dict(state)
    return net.eval()


def heard(members: list[RoleNet], x: npt.NDArray[np.float32]) -> Floats:
    """The members' mean log-probabilities."""
    return np.asarray(np.mean([role_network.answers(net, x) for net in members], axis=0))


def trained(rows: Rows, x: npt.NDArray[np.float32], groups: list[Group]) -> dict[Group, list[RoleNet]]:
    """For each group of kits the networks that never heard it."""
    jobs = [(group, seed) for group in groups for seed in range(NETWORKS)]
    found: dict[Group, list[RoleNet]] = {group: [] for group in groups}
    with ProcessPoolExecutor(initializer=hold, initargs=(rows, x)) as pool:
        for (group, _), weights in zip(jobs, pool.map(fit_one, jobs), strict=True):
            found[group].append(loaded(weights))
            print(f"trained without {', '.join(group) or 'nothing'}", flush=True)
    return found


def unheard(rows: Rows, x: npt.NDArray[np.float32], group: Group, members: list[RoleNet]) -> Answers:
    """The rows of a group's untouched sounds and what is answered to them."""
    test = np.flatnonzero(np.isin(rows.kit, group) & (rows.guise == CLEAN))
    return test, heard(members, x[test])


def joined(answers: list[Answers]) -> Answers:
    """The answers of some groups as one."""
    return np.concatenate([rows for rows, _ in answers]), np.concatenate([logits for _, logits in answers])


def temperature_of(logits: Floats, y: npt.NDArray[np.int64]) -> float:
    """The temperature at which unheard answers are likeliest."""

    def surprise(log_t: float) -> float:
        return role_report.surprise(role_report.softmax(logits / np.exp(log_t)), y)

    return float(np.exp(minimize_scalar(surprise, bounds=(-1.5, 1.5), method="bounded").x))


def write(data: bytes, card: str, metrics: dict[str, object]) -> str:
    """Write weights, figures, card and pin; returns the hash."""
    digest = hashlib.sha256(data).hexdigest()
    WEIGHTS.write_bytes(data)
    CARD.write_text(card.replace("{sha256}", digest).replace("{bytes}", str(len(data))))
    METRICS.write_text(json.dumps({"sha256": digest} | metrics, indent=1) + "\n")
    pinned = r'(file="services/beats/weights/roles.onnx",\n\s+sha256=)"\w+"'
    REGISTRY.write_text(re.sub(pinned, rf'\1"{digest}"', REGISTRY.read_text()))
    return digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    rows = role_rows.material(args.work)
    x = role_network.inputs_of(rows)
    kits: list[Group] = [(kit,) for kit in role_material.KITS]
    authors = [g for g in kits if not any(g[0] in shared for shared in SHARED_AUTHORS)] + list(SHARED_AUTHORS)
    members = trained(rows, x, [*kits, *SHARED_AUTHORS, ()])
    answers = {g: unheard(rows, x, g, members[g]) for g in [*kits, *SHARED_AUTHORS]}
    by_kit, by_author = joined([answers[g] for g in kits]), joined([answers[g] for g in authors])
    temperature = temperature_of(by_kit[1], rows.y[by_kit[0]])
    resubstituted = heard(members[()], x[by_kit[0]])
    reports = {
        "leave_one_kit_out": role_report.evaluate(rows, *by_kit, temperature),
        "leave_one_author_out": role_report.evaluate(rows, *by_author, temperature),
        "resubstitution": role_report.evaluate(rows, by_kit[0], resubstituted, temperature),
    }
    text = role_report.lines(reports)
    print(f"{len(rows.y)} rows, temperature {temperature:.3f}\n{text}")
    if not args.check:
        data = role_graph.build(members[()], temperature)
        print(write(data, role_report.card(rows, text, temperature), role_report.metrics(reports, temperature)))


if __name__ == "__main__":
    main()
