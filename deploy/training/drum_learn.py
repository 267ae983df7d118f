"""How the drum network learns: batches of crops, targets in frames, the loss, and the march through the shards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import drum_shards
import numpy as np
import numpy.typing as npt
import torch
from drum_net import BANDS, DRUMS, FAMILIES, OUTPUTS, DrumNet
from drum_render import LEVEL_STEPS, Hits
from torch.nn import functional

from services.transcription.spectrum import FRAME_S
from services.transcription.types import DRUMS as NAMES
from services.transcription.types import FAMILIES as MEMBERS

CROP = 480  # frames
BATCH = 10
REPLAYS = 4  # older shards seen again with each new one
HALF_WIDTH = 1.6  # frames: a hit's target falls from 1 to 0 over so many
RARE_WEIGHT = 3.0  # of a frame with a hit, above the 1 of any other
VELOCITY_WEIGHT = 8.0
RATE, RATE_END, DECAY = 2e-3, 2e-5, 0.02
WARM = 0.03  # of the steps
AVERAGE = 0.998  # of the slowly moving copy that is kept
SAVE_EVERY = 2  # shards

Floats = npt.NDArray[np.float32]
FAMILY_OF = [next(i for i, m in enumerate(MEMBERS.values()) if name in m) for name in NAMES]


def targets(hits: Hits, first: int, frames: int) -> Floats:
    """(frames, OUTPUTS): how near each frame is to a hit of each family and drum, and the velocity of that hit."""
    out = np.zeros((frames, OUTPUTS), dtype=np.float32)
    for time_s, drum, velocity in hits:
        at = time_s / FRAME_S - first
        if not -2 <= at < frames + 1:
            continue
        for k in range(max(0, int(at) - 1), min(frames, int(at) + 3)):
            near = 1 - abs(k - at) / HALF_WIDTH
            if near <= 0:
                continue
            family, own = FAMILY_OF[drum], FAMILIES + drum
            out[k, family] = max(out[k, family], near)
            if near > out[k, own]:
                out[k, own] = near
                out[k, own + DRUMS] = velocity
    return out


def crops(shard: drum_shards.Shard, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of crops through all tracks of a shard once, in random order: levels and targets."""
    tracks, frames = shard.levels.shape[:2]
    places = [(t, f) for t in range(tracks) for f in range(int(rng.integers(CROP // 2)), frames - CROP + 1, CROP)]
    order = rng.permutation(len(places))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        chosen = [places[int(i)] for i in order[start : start + BATCH]]
        levels = np.stack([shard.levels[t, f : f + CROP] for t, f in chosen]).astype(np.float32) / LEVEL_STEPS
        wanted = np.stack([targets(shard.hits[t], f, CROP) for t, f in chosen])
        yield varied(torch.from_numpy(levels), rng), torch.from_numpy(wanted)


def varied(levels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """The crops softer by up to 12 dB and coloured by a smooth curve of up to about 6 dB, each by its own."""
    count = levels.shape[0]
    gain_db = -rng.uniform(0, 12, (count, 1)) * (rng.random((count, 1)) < 0.6)
    points = rng.normal(0, 3, (count, 7)) * (rng.random((count, 1)) < 0.6)
    curve = np.stack([np.interp(np.linspace(0, 6, BANDS), np.arange(7), row) for row in points])
    factor = torch.from_numpy((10 ** ((gain_db + curve) / 20)).astype(np.float32)).unsqueeze(1)
    return torch.log10(1 + (10**levels - 1) * factor).clamp(0, 4.3)


def loss_of(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the hits, and the squared error of the velocities where a drum is hit."""
    heard, velocity = logits[..., : FAMILIES + DRUMS], logits[..., FAMILIES + DRUMS :]
    truth, strength = wanted[..., : FAMILIES + DRUMS], wanted[..., FAMILIES + DRUMS :]
    entropy = functional.binary_cross_entropy_with_logits(heard, truth, reduction="none")
    there = truth[..., FAMILIES:] * (strength > 0)
    error = there * (torch.sigmoid(velocity) - strength) ** 2
    return (entropy * (1 + RARE_WEIGHT * truth)).sum(-1).mean() + VELOCITY_WEIGHT * error.sum() / (1 + there.sum()) / 2


def rate_at(share: float) -> float:
    """The learning rate at a share of the steps: up in a line, down by half a cosine."""
    if share < WARM:
        return RATE * (share / WARM + 0.01)
    return float(RATE_END + (RATE - RATE_END) * 0.5 * (1 + np.cos(np.pi * (share - WARM) / (1 - WARM))))


def learn(files: list[Path], seed: int, start: Path | None, keep: Path, say: bool = True) -> DrumNet:
    """Train through the shards in order, each with REPLAYS older ones; `keep` receives the averaged weights.

    `start`: weights to begin with (then at a third of the rate). Waits for shards that are not rendered yet.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 5])
    net, average = DrumNet(), DrumNet()
    if start is not None:
        net.load_state_dict(torch.load(start, weights_only=True))
    average.load_state_dict(net.state_dict())
    scale = 1.0 if start is None else 0.4
    net = net.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    seen: list[drum_shards.Shard] = []
    began, steps = time.monotonic(), 0
    for i, file in enumerate(files):
        seen.append(drum_shards.load(file))
        again = rng.permutation(len(seen) - 1)[:REPLAYS].tolist() if i else []
        total, count = 0.0, 0
        for done, j in enumerate([len(seen) - 1, *again]):
            for group in optimiser.param_groups:
                group["lr"] = scale * rate_at((i + (done + 0.5) / (1 + len(again))) / len(files))
            for levels, wanted in crops(seen[j], rng):
                with torch.autocast("cpu", torch.bfloat16):
                    logits = net(levels)
                loss = loss_of(logits.float(), wanted)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimiser.step()
                steps += 1
                follow(average, net, min(AVERAGE, steps / (steps + 10)))
                total, count = total + loss.item(), count + 1
        if say:
            print(
                f"shard {i + 1}/{len(files)}  loss {total / max(1, count):.4f}  {time.monotonic() - began:.0f} s",
                flush=True,
            )
        if (i + 1) % SAVE_EVERY == 0 or i + 1 == len(files):
            torch.save(average.state_dict(), keep)
    return average.eval()


@torch.no_grad()
def follow(average: DrumNet, net: DrumNet, keep: float) -> None:
    """Move the averaged weights a little towards the present ones; counts and running means are copied."""
    for (name, a), b in zip(average.state_dict().items(), net.state_dict().values(), strict=True):
        if a.dtype.is_floating_point and "running" not in name:
            a.mul_(keep).add_(b, alpha=1 - keep)
        else:
            a.copy_(b)
