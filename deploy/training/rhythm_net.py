"""The judge of rhythm as torch modules, and its fit: one softmax over all readings of a track and "no rhythm".

A track has about a thousand readings. Needs torch, one thread, seeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rhythm_rows import Row
from torch import Tensor, nn

from services.analysis.meter import CLIP_SIGMA, turned
from services.analysis.readings import BAR_BEATS, BAR_VALUES, METERS

PLACE_OUT = 8  # what is told of each beat of a bar
HIDDEN = {"beat": 24, "none": 8, "bar": 16}
DROPOUT, DECAY, RATE, EPOCHS, BATCH = 0.1, 3e-3, 4e-3, 18, 24
DIGITS = 4  # significant, of a stored weight
STILL = 1e-3  # a feature that moves less is not scaled
FIRSTS = np.cumsum([0] + [beats for beats, _ in METERS.values()]).tolist()  # where a meter's readings begin
READINGS = FIRSTS[-1]  # of a grid: each beat of each meter's bar may be the first

Floats = npt.NDArray[np.float32]


class Scaled(nn.Module):
    """Features centred, divided and clipped."""

    def __init__(self, x: Floats) -> None:
        super().__init__()
        deviation = x.std(axis=0)
        self.register_buffer("mean", torch.tensor(x.mean(axis=0)))
        self.register_buffer("scale", torch.tensor(np.where(deviation < STILL, 1.0, deviation).astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.mean) / self.scale).clamp(-CLIP_SIGMA, CLIP_SIGMA)


class Place(nn.Module):
    """What one beat is within its bar."""

    def __init__(self, x: Floats) -> None:
        super().__init__()
        self.scaled, self.layer = Scaled(x), nn.Linear(x.shape[1], PLACE_OUT)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.layer(self.scaled(x)))


class Score(nn.Module):
    """One hidden layer to one number. `x`: examples; the bars of a meter have `told` numbers of `Place` before them."""

    def __init__(self, x: Floats, hidden: int, told: int = 0) -> None:
        super().__init__()
        self.scaled = Scaled(np.concatenate([np.zeros((len(x), told), np.float32), x], axis=1))
        self.first, self.last, self.drop = (
            nn.Linear(told + x.shape[1], hidden),
            nn.Linear(hidden, 1),
            nn.Dropout(DROPOUT),
        )
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.drop(torch.relu(self.first(self.drop(self.scaled(x))))))[..., 0]

    def bars(self, each: Tensor, common: Tensor, begins: Tensor) -> Tensor:
        """(n, beats): the same for bars from each beat on, of (n, beats, PLACE_OUT), (n, c) and (n, beats).

        What the bars of a grid share is multiplied once, which makes a fit faster.
        """
        n, beats, _ = each.shape
        told = beats * PLACE_OUT
        weights = self.first.weight
        each = self.drop(each.clamp(max=CLIP_SIGMA))[:, torch.tensor(turned(beats))].reshape(n, beats, told)
        shared = self.scaled(torch.cat([each[:, 0], common, begins[:, :1]], dim=1))[:, told:-1]
        begin = ((begins - self.scaled.mean[-1]) / self.scaled.scale[-1]).clamp(-CLIP_SIGMA, CLIP_SIGMA)
        hidden = each @ weights[:, :told].T + begin[:, :, None] * weights[:, -1]
        hidden = hidden + (self.drop(shared) @ weights[:, told:-1].T + self.first.bias)[:, None]
        return self.last(self.drop(torch.relu(hidden)))[..., 0]


class Data:
    """All rows end to end: where a track's grids begin, and which of its readings (grids, READINGS) are right."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = [r for r in rows if r.right or not r.beating]
        self.begin = np.cumsum([0] + [len(r.beat) for r in self.rows])
        self.beat = torch.tensor(np.concatenate([r.beat for r in self.rows]))
        self.common = torch.tensor(np.concatenate([r.common for r in self.rows]))
        self.none = torch.tensor(np.stack([r.none for r in self.rows]))
        self.bars = {b: torch.tensor(np.concatenate([r.bars[b] for r in self.rows])) for b in BAR_BEATS}
        self.begins = {b: torch.tensor(np.concatenate([r.begins[b] for r in self.rows])) for b in BAR_BEATS}
        right = np.zeros((len(self.beat), READINGS), bool)
        for row, at in zip(self.rows, self.begin, strict=False):
            for grid, meter, first in row.right:
                right[at + grid, FIRSTS[meter] + first] = True
        self.right = torch.tensor(right)


class Member(nn.Module):
    """One judge."""

    def __init__(self, data: Data) -> None:
        super().__init__()
        self.place = Place(np.concatenate([data.bars[b][:4_000].reshape(-1, BAR_VALUES).numpy() for b in BAR_BEATS]))
        self.beat, self.none = Score(data.beat.numpy(), HIDDEN["beat"]), Score(data.none.numpy(), HIDDEN["none"])
        self.bars = nn.ModuleList()
        for beats, _ in METERS.values():
            shared = torch.cat([data.common, data.begins[beats][:, :1]], dim=1).numpy()
            self.bars.append(Score(shared, HIDDEN["bar"], beats * PLACE_OUT))

    def forward(self, data: Data, grids: Tensor) -> Tensor:
        """(n, READINGS): the scores of every reading of `grids` (n,)."""
        each = {beats: self.place(data.bars[beats][grids]) for beats in BAR_BEATS}
        out = []
        for (beats, _), net in zip(METERS.values(), self.bars, strict=True):
            out.append(net.bars(each[beats], data.common[grids], data.begins[beats][grids]))
        return torch.cat(out, dim=1) + self.beat(data.beat[grids])[:, None]


def _loss(member: Member, data: Data, part: npt.NDArray[np.int64]) -> Tensor:
    """The mean of -log of the probability of what is right, over the tracks `part`."""
    sizes = np.diff(data.begin)[part]
    owner = np.repeat(np.arange(len(part)), sizes)
    place = np.concatenate([np.arange(n) for n in sizes])
    grids = torch.tensor(data.begin[part][owner] + place)
    score = torch.full((len(part), int(sizes.max()), READINGS), -torch.inf)
    right = torch.zeros(score.shape, dtype=torch.bool)
    score[owner, place], right[owner, place] = member(data, grids), data.right[grids]
    every = torch.cat([score.flatten(1), member.none(data.none[part])[:, None]], dim=1)
    right = torch.cat([right.flatten(1), ~right.flatten(1).any(dim=1, keepdim=True)], dim=1)
    return (every.logsumexp(dim=1) - every.masked_fill(~right, -torch.inf).logsumexp(dim=1)).mean()


def fit(data: Data, seed: int) -> Member:
    """A member fitted on tracks."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    member = Member(data)
    steps = torch.optim.AdamW(member.parameters(), lr=RATE, weight_decay=DECAY)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(steps, EPOCHS)
    for epoch in range(EPOCHS):
        order, total = rng.permutation(len(data.rows)), 0.0
        for at in range(0, len(order), BATCH):
            loss = _loss(member, data, order[at : at + BATCH])
            steps.zero_grad()
            loss.backward()
            steps.step()
            total += float(loss.detach()) * len(order[at : at + BATCH])
        slower.step()
        print(f"member {seed} epoch {epoch}: {total / len(order):.4f}", flush=True)
    return member.eval()


def stored(member: Member) -> dict[str, Any]:
    """The member as the product reads it."""
    nets = {"beat": member.beat, "none": member.none} | dict(zip(METERS, member.bars, strict=True))
    out = {name: _net(net.scaled, [net.first, net.last]) for name, net in nets.items()}
    out["place"] = _net(member.place.scaled, [member.place.layer])
    return out


def _net(scaled: Scaled, layers: list[nn.Linear]) -> dict[str, Any]:
    return {
        "mean": _rounded(scaled.mean),
        "scale": _rounded(scaled.scale),
        "layers": [[_rounded(layer.weight.T), _rounded(layer.bias)] for layer in layers],
    }


def _rounded(values: Tensor) -> Any:
    if values.dim() > 1:
        return [_rounded(v) for v in values]
    return [float(f"{v:.{DIGITS}g}") for v in values.detach().tolist()]
