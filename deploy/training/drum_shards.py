"""Rendered tracks on disk, some to a shard, so that training can begin while rendering goes on."""

from __future__ import annotations

import hashlib
import pickle
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import drum_sounds
import numpy as np
import numpy.typing as npt
import role_acoustic
import role_machines
import role_material
import role_shapes
import role_synth
from drum_render import Hits, track
from drum_sounds import Piece, sources

SHARD = 96  # tracks
LOOK_AGAIN_S = 2.0
SOURCES = (role_acoustic, role_machines, role_material, role_shapes, role_synth, drum_sounds)


@dataclass(frozen=True)
class Shard:
    """Levels uint8 (tracks, frames, 84) and the tracks' hits."""

    levels: npt.NDArray[np.uint8]
    hits: list[Hits]


@dataclass(frozen=True)
class Plan:
    """What to render: a name, the kits to draw from, and the stream of seeds."""

    name: str
    kits: tuple[str, ...]
    stream: int


def path(work: Path, plan: Plan, place: int) -> Path:
    """Where a shard lies."""
    return work / "shards" / f"{plan.name}-{place:04d}.npz"


_found: dict[str, list[Piece]] = {}


def _prepare(root: Path, work: Path, kits: tuple[str, ...]) -> None:
    code = [Path(str(m.__file__)).read_text() for m in SOURCES]
    cached = work / f"drum-sounds-{hashlib.sha256(repr((kits, code)).encode()).hexdigest()[:12]}.pickle"
    if not cached.exists():
        with tempfile.TemporaryDirectory(dir=work) as scratch:  # the font is rendered through files
            cached.with_suffix(".part").write_bytes(pickle.dumps(sources(root, Path(scratch), kits)))
        cached.with_suffix(".part").replace(cached)
    _found.update(pickle.loads(cached.read_bytes()))  # noqa: S301  written by the lines above


def _render(job: tuple[Plan, int, Path, list[Path]]) -> None:
    plan, place, target, beds = job
    tracks = [track(place * SHARD + i, plan.stream, _found, beds) for i in range(SHARD)]
    rows = [(i, *hit) for i, one in enumerate(tracks) for hit in one.hits]
    part = target.with_suffix(".part.npz")
    np.savez(part, levels=np.stack([t.levels for t in tracks]), hits=np.array(rows, dtype=np.float64).reshape(-1, 4))
    part.replace(target)


def render(work: Path, plan: Plan, count: int, beds: list[Path], processes: int = 1) -> None:
    """Render the first `count` shards of a plan where they are missing."""
    root = role_material.fetch(work)
    (work / "shards").mkdir(exist_ok=True)
    todo = [(plan, i, path(work, plan, i), beds) for i in range(count) if not path(work, plan, i).exists()]
    if todo:
        setup = partial(_prepare, root, work, plan.kits)
        with ProcessPoolExecutor(processes, initializer=setup) as pool:
            list(pool.map(_render, todo))


def load(file: Path) -> Shard:
    """A shard, once it is there."""
    while not file.exists():
        time.sleep(LOOK_AGAIN_S)
    with np.load(file) as data:
        rows, levels = data["hits"], data["levels"]
    hits: list[Hits] = [[] for _ in range(len(levels))]
    for track_, time_s, drum, velocity in rows.tolist():
        hits[int(track_)].append((time_s, int(drum), velocity))
    return Shard(levels, hits)
