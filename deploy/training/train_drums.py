"""Trains the drum network from nothing and writes services/transcription/weights/drums.onnx, its card and its pin.

usage: PYTHONPATH=. python deploy/training/train_drums.py WORK [--threads N] [--check]

WORK keeps downloaded packages, beds, rendered tracks and weights, so that a second run is short. Needs apt-get,
dpkg-deb, fluidsynth and deploy/requirements/train.txt. Rendering runs beside training.

First a network learns without the kits in LEFT_OUT; what it hears in tracks of these kits guides the thresholds and is
the figure to believe. Then it goes on learning with all kits, and is shipped. `--check` stops before that.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import threading
import warnings
from pathlib import Path

import drum_beds
import drum_card
import drum_learn
import drum_report
import drum_shards
import role_material
import torch
from drum_net import BANDS, DrumNet, Shipped

from services.transcription.hits import THRESHOLDS

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "services/transcription/weights/drums.onnx"
REGISTRY = ROOT / "services/models/registry.py"
LEFT_OUT = ("BJA_Pacific", "TR808EmulationKit", "Audiophob")
SEED = 1
BEDS = 400
FOLD_ROUNDS, ALL_ROUNDS = (40, 24), (40, 24, 24)  # shards; the rate falls in each round
OPSET = 17
FOLD = drum_shards.Plan("fold", tuple(k for k in role_material.KITS if k not in LEFT_OUT), 0)
JUDGE = drum_shards.Plan("judge", LEFT_OUT, 1)
ALL = drum_shards.Plan("all", role_material.KITS, 2)


def beside(work: Path, plan: drum_shards.Plan, count: int, beds: list[Path]) -> threading.Thread:
    """Render a plan in a process of its own while something else goes on."""
    thread = threading.Thread(target=drum_shards.render, args=(work, plan, count, beds), daemon=True)
    thread.start()
    return thread


def export(net: DrumNet) -> str:
    """Write the weights as ONNX with any number of frames, and pin their hash; returns it."""
    WEIGHTS.parent.mkdir(exist_ok=True)
    example = torch.zeros(400, BANDS)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter that needs nothing but onnx is called an old one
        torch.onnx.export(
            Shipped(net).eval(),
            (example,),
            str(WEIGHTS),
            input_names=["levels"],
            output_names=["answers"],
            dynamic_axes={"levels": {0: "frames"}, "answers": {0: "frames"}},
            opset_version=OPSET,
            dynamo=False,
        )
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    pinned = r'(file="services/transcription/weights/drums.onnx",\n\s+sha256=)"\w+"'
    REGISTRY.write_text(re.sub(pinned, rf'\1"{digest}"', REGISTRY.read_text()))
    return digest


def judged(net: DrumNet, tracks: drum_shards.Shard, *, choose: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Thresholds and figures on tracks; the thresholds are chosen there, or those that ship."""
    heard = drum_report.heard(net, tracks)
    thresholds = drum_report.best_thresholds(heard) if choose else dict(THRESHOLDS)
    drum_report.with_thresholds(thresholds)
    return thresholds, drum_report.figures(heard)


def in_rounds(
    work: Path, plan: drum_shards.Plan, rounds: tuple[int, ...], start: Path | None, beds: list[Path]
) -> Path:
    """Learn a plan, so many new shards a round; the weights after the last. `start`: weights to begin with."""
    first = 0
    for place, count in enumerate(rounds):
        after = work / f"drums-{plan.name}-{place}.pt"
        if not after.exists():
            rendering = beside(work, plan, first + count, beds)
            files = [drum_shards.path(work, plan, i) for i in range(first, first + count)]
            drum_learn.learn(files, SEED + plan.stream + place, start, after)
            rendering.join()
        start, first = after, first + count
    assert start is not None
    return start


def loaded(file: Path) -> DrumNet:
    """A network from its saved weights."""
    net = DrumNet()
    net.load_state_dict(torch.load(file, weights_only=True))
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    work: Path = args.work
    root = role_material.fetch(work)
    beds = drum_beds.build(root / role_material.FONT, work / "beds", BEDS, 2)
    drum_shards.render(work, JUDGE, 1, beds)
    judge = drum_shards.load(drum_shards.path(work, JUDGE, 0))
    fold_file = in_rounds(work, FOLD, FOLD_ROUNDS, None, beds)
    thresholds, unheard = judged(loaded(fold_file), judge, choose=True)
    print("best thresholds on kits never heard, for services/transcription/hits.py:", thresholds)
    print("kits never heard:", json.dumps(unheard, indent=1))
    if args.check:
        return
    net = loaded(in_rounds(work, ALL, ALL_ROUNDS, fold_file, beds))
    _, heard = judged(net, judge, choose=False)
    digest = export(net)
    figures = {"kits_never_heard": unheard, "kits_heard": heard}
    facts = {
        "weights": sum(p.numel() for p in net.parameters()) / 1e6,
        "sha256": digest,
        "shards": sum(FOLD_ROUNDS) + sum(ALL_ROUNDS),
        "fold_shards": sum(FOLD_ROUNDS),
        "all_shards": sum(ALL_ROUNDS),
        "left_out": ", ".join(LEFT_OUT),
        "count": len(judge.levels),
    }
    WEIGHTS.with_suffix(".md").write_text(drum_card.card(figures, facts, WEIGHTS))
    metrics = {"left_out": list(LEFT_OUT), **figures, "sha256": digest}
    WEIGHTS.with_suffix(".metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    print("kits heard:", json.dumps(heard, indent=1), digest)


if __name__ == "__main__":
    main()
