"""The judge of rhythm as torch modules, and its fit: one softmax over all readings of a track and "no rhythm".

A track has about a thousand readings; the right ones and a sample of the others are shown, drawn half evenly and half
by how likely the judge now finds them, each weighed by how rarely it is drawn. Needs torch, one thread, seeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rhythm_rows import Row
from torch import Tensor, nn

from services.analysis.meter import CLIP_SIGMA
from services.analysis.readings import BAR_VALUES, METERS

PLACE_OUT = 6  # what is told of each beat of a bar
HIDDEN = {"beat": 24, "none": 8, "bar": 16}
DROPOUT, DECAY, RATE, EPOCHS, BATCH = 0.1, 3e-3, 4e-3, 45, 24
SHOWN = 120  # readings of a track beside the right ones
REDRAW = 15  # epochs between draws
DIGITS = 4  # significant, of a stored weight
STILL = 1e-3  # a feature that moves less is not scaled

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
    """One hidden layer to one number; for a bar its beats go through `place` first."""

    def __init__(self, x: Floats, hidden: int, beats: int = 0, place: Place | None = None) -> None:
        super().__init__()
        self.cut, self.beats, self.place = beats * BAR_VALUES, beats, place
        told = np.concatenate([np.zeros((2, beats * PLACE_OUT), np.float32), x[:2, self.cut :] * 0], axis=1)
        self.scaled = Scaled(told)
        rest = Scaled(x[:, self.cut :])
        self.scaled.mean[beats * PLACE_OUT :] = rest.mean
        self.scaled.scale[beats * PLACE_OUT :] = rest.scale
        self.first, self.last, self.drop = nn.Linear(told.shape[1], hidden), nn.Linear(hidden, 1), nn.Dropout(DROPOUT)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        if self.place is not None:
            each = self.place(x[:, : self.cut].reshape(len(x), self.beats, BAR_VALUES)).reshape(len(x), -1)
            x = torch.cat([each, x[:, self.cut :]], dim=1)
        return self.last(self.drop(torch.relu(self.first(self.drop(self.scaled(x))))))[:, 0]


class Data:
    """All rows end to end: where a track's grids begin, its readings (n, 3) and which of them are right."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = [r for r in rows if r.right or not r.beating]
        self.begins = np.cumsum([0] + [len(r.beat) for r in self.rows])
        self.beat = np.concatenate([r.beat for r in self.rows])
        self.bars = {m: np.concatenate([r.bars[m].reshape(-1, r.bars[m].shape[2]) for r in self.rows]) for m in METERS}
        self.none = np.stack([r.none for r in self.rows])
        self.readings = [self._readings(len(r.beat)) for r in self.rows]
        pairs = zip(self.rows, self.readings, strict=True)
        self.right = [np.array([tuple(h) in r.right for h in hs.tolist()]) for r, hs in pairs]

    @staticmethod
    def _readings(count: int) -> npt.NDArray[np.int64]:
        return np.array([(g, i, k) for i, m in enumerate(METERS) for g in range(count) for k in range(METERS[m][0])])

    def places(self, track: int, readings: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(n, 3): rows of `beat`, which meter, rows of `bars` of that meter."""
        beats = np.array([METERS[m][0] for m in METERS])[readings[:, 1]]
        grid = self.begins[track] + readings[:, 0]
        return np.stack([grid, readings[:, 1], grid * beats + readings[:, 2]], axis=1)


class Member(nn.Module):
    """One judge."""

    def __init__(self, data: Data) -> None:
        super().__init__()
        each = [data.bars[m][:2_000, : METERS[m][0] * BAR_VALUES].reshape(-1, BAR_VALUES) for m in METERS]
        self.place = Place(np.concatenate(each))
        self.beat, self.none = Score(data.beat, HIDDEN["beat"]), Score(data.none, HIDDEN["none"])
        self.bars = nn.ModuleList(Score(data.bars[m], HIDDEN["bar"], METERS[m][0], self.place) for m in METERS)

    def scores(self, tensors: dict[str, Tensor], places: npt.NDArray[np.int64]) -> Tensor:
        """(n,) of readings at `places` (n, 3)."""
        rows, back = np.unique(places[:, 0], return_inverse=True)
        out = self.beat(tensors["beat"][rows])[torch.tensor(back)]
        for i, (m, net) in enumerate(zip(METERS, self.bars, strict=True)):
            here = np.flatnonzero(places[:, 1] == i)
            if len(here):
                out = out.index_add(0, torch.tensor(here), net(tensors[m][places[here, 2]]))
        return out


def _draw(member: Member, data: Data, tensors: dict[str, Tensor], rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Of each track: places, logarithms of weights, which are right."""
    member.eval()
    out = []
    with torch.no_grad():
        beat = member.beat(tensors["beat"]).numpy()
        bars = [net(tensors[m]).numpy() for m, net in zip(METERS, member.bars, strict=True)]
    for t, (readings, right) in enumerate(zip(data.readings, data.right, strict=True)):
        places = data.places(t, readings)
        score = beat[places[:, 0]]
        for i, values in enumerate(bars):
            here = places[:, 1] == i
            score[here] = score[here] + values[places[here, 2]]
        wrong = np.flatnonzero(~right)
        likely = np.exp(score[wrong] - score[wrong].max())
        chance = 0.5 * likely / likely.sum() + 0.5 / len(wrong)
        drawn = rng.choice(len(wrong), size=SHOWN, p=chance)
        chosen = np.concatenate([np.flatnonzero(right), wrong[drawn]])
        weight = np.concatenate([np.zeros(right.sum()), -np.log(chance[drawn] * SHOWN)])
        out.append((places[chosen], weight, right[chosen]))
    member.train()
    return out


def _loss(
    member: Member, tensors: dict[str, Tensor], part: npt.NDArray[np.int64], shown: list[tuple[Any, ...]]
) -> Tensor:
    """The mean of -log of the probability of what is right, over the tracks `part`."""
    places = np.concatenate([shown[t][0] for t in part])
    owner = torch.tensor(np.repeat(np.arange(len(part)), [len(shown[t][0]) for t in part]))
    weight = torch.tensor(np.concatenate([shown[t][1] for t in part]), dtype=torch.float32)
    right = torch.tensor(np.concatenate([shown[t][2] for t in part]))
    score, none = member.scores(tensors, places) + weight, member.none(tensors["none"][part])
    top = torch.full((len(part),), -1e9).scatter_reduce(0, owner, score.detach(), "amax")
    top = torch.maximum(top, none.detach())
    each, nothing = torch.exp(score - top[owner]), torch.exp(none - top)
    whole = torch.zeros(len(part)).index_add(0, owner, each) + nothing
    good = torch.zeros(len(part)).index_add(0, owner, each * right)
    beating = torch.zeros(len(part)).index_add(0, owner, right.float()) > 0
    return (torch.log(whole + 1e-12) - torch.log(torch.where(beating, good, nothing) + 1e-12)).mean()


def fit(data: Data, seed: int) -> Member:
    """A member fitted on tracks."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    member = Member(data)
    tensors = {m: torch.tensor(x) for m, x in data.bars.items()}
    tensors |= {"beat": torch.tensor(data.beat), "none": torch.tensor(data.none)}
    steps = torch.optim.AdamW(member.parameters(), lr=RATE, weight_decay=DECAY)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(steps, EPOCHS)
    shown: list[tuple[Any, ...]] = []
    for epoch in range(EPOCHS):
        if epoch % REDRAW == 0:
            shown = _draw(member, data, tensors, rng)
        order, total = rng.permutation(len(data.rows)), 0.0
        for at in range(0, len(order), BATCH):
            loss = _loss(member, tensors, order[at : at + BATCH], shown)
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
