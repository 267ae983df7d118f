"""How well the product hears: every table of figures, each with a 95 % interval, beside what others publish.

    make bench-ears                                      builds the labelled material into var/ears once, prints all
    make bench-ears ARGS="--only adt,tempo --limit 40"   some parts, the first recordings of each folder
    make bench-ears ARGS="--data FOLDER"                 labelled recordings of your own; the format: labels.py
    make bench-ears ARGS="--url URL --key KEY"           a running server over HTTP instead of this process

Building needs apt-get, dpkg-deb and fluidsynth (Debian or Ubuntu) and a few minutes; `--takes N` renders every style N
times. Parts: roles, adt (drum transcription), tempo (beats and meter too), key, sections, and slices, which only this
process is asked for. `--json FILE` also writes the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.version import code_version
from tests.bench.ears import build, labels, report, slices_table
from tests.bench.ears.hearing import Ears, Here, There

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / "var/ears"
PACKAGES = ROOT / "var/training"  # where the trainings keep the same packages
SLICES = "slices"


def main() -> None:
    """Print the tables; ends with a sentence where something is missing."""
    args = _arguments()
    ears: Ears = There(args.url, args.key) if args.url else Here()
    try:
        data = args.data or build.built(CACHE, PACKAGES, args.takes, lambda said: print(said, flush=True))
        print(_conditions(data, ears), flush=True)
        documents = list(_printed(args, report.Task(data, ears, args.limit)))
    except (build.CannotBuild, labels.BadLabels) as problem:
        sys.exit(str(problem))
    if args.json:
        args.json.write_text(json.dumps(documents, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench-ears", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = [*report.PARTS, SLICES]
    parser.add_argument("--data", type=Path, help="a folder of labelled recordings instead of the built material")
    parser.add_argument("--only", default=",".join(known), help=f"parts with commas between: {', '.join(known)}")
    parser.add_argument("--limit", type=int, help="the first so many recordings of each folder")
    parser.add_argument("--takes", type=int, default=build.TAKES, help="times that every style is rendered")
    parser.add_argument("--url", help="a running server, such as http://127.0.0.1:8000")
    parser.add_argument("--key", default="", help="its API key")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    args = parser.parse_args()
    args.only = [part for part in args.only.split(",") if part]
    unknown = sorted(set(args.only) - set(known))
    if unknown:
        parser.error(f"there is no part {unknown[0]}: {', '.join(known)}")
    if args.data and not args.data.is_dir():
        parser.error(f"{args.data} is no folder")
    return args


def _conditions(data: Path, ears: Ears) -> str:
    """Where, on what and with which code."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    load = f"load {os.getloadavg()[0]:.1f}"
    counted = {name: len(labels.rows_of(data / name)) for name in build.PARTS}
    held = ", ".join(f"{name} {count}" for name, count in counted.items() if count)
    return (
        f"# Ears\n\n{machine}, {load}, code {code_version()}\n{ears.place()}\n"
        f"{data}: {held or 'no labelled recordings'}\n"
        "In brackets: 95 % bootstrap intervals over recordings, 1,000 resamples, seeded."
    )


def _printed(args: argparse.Namespace, task: report.Task) -> Iterator[dict[str, Any]]:
    """The tables of every part, printed as they come."""
    for name, part in report.PARTS.items():
        if name not in args.only:
            continue
        began = time.monotonic()
        print(f"\n## {name}", flush=True)
        for table in part(task):
            print(f"\n{table.text()}", flush=True)
            yield {"part": name, **table.document()}
        print(f"\n({time.monotonic() - began:.0f} s)", flush=True)
    if SLICES in args.only and (task.data / SLICES).is_dir() and not args.url:
        print(f"\n## {SLICES}\n", flush=True)
        print(slices_table.tables(list(slices_table.recordings(task.data / SLICES, "test"))))


if __name__ == "__main__":
    main()
