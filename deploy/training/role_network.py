"""The network that hears roles, and how it is trained: dense layers, in torch.

Every batch is drawn anew so that sources and classes keep their shares, and its pictures are equalised, filled with a
floor of noise and masked at random: what a microphone and a room may do must not change the answer.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from role_material import FONT_NAME
from role_rows import BYTE, Rows
from torch import nn
from torch.nn import functional

from services.beats.classifier import LONG_SHAPE, PARTS, SHORT_SHAPE, WIDTH, reduced
from services.beats.picture import Pictures
from services.beats.types import INSTRUMENTS

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]

HIDDEN = (128, 64)
BATCH, STEPS = 128, 2000
RATE_MAX, WEIGHT_DECAY, SMOOTHING = 2e-3, 0.05, 0.05
WARM = 0.1  # of the steps, over which the rate rises; it falls as a cosine after
DROP, DROP_INPUT = 0.35, 0.15  # chances that a hidden unit and that an input is hidden
MIX = 0.2  # of a batch's sounds are a mixture of two, in numbers (Zhang et al., "mixup", 2018)
CLIP_SIGMA = 4.0  # a feature further out than this says no more than one at the edge
JITTER = 0.15  # standard deviations of noise on each feature
CURVE = 0.08  # standard deviation of the random equaliser, of the 75 dB of a picture
CURVE_POINTS = 6
FLOOR = 0.35  # highest floor of noise, of the 75 dB
STRIPE = 0.25  # chance that a stripe of a picture is hidden
SHARES = {"kits": 0.4, "font": 0.2, "made": 0.4}  # of a batch
MOST = 400  # a row is drawn at most once in so many: the one shaker of the kits is no whole class
CLASSES = {  # how often one is met, in what each source has of them; drums are asked for more than all else
    "kick": 10, "snare": 12, "rim": 7, "clap": 7, "tom": 12, "hat_closed": 12, "hat_open": 9, "ride": 7, "crash": 7,
    "shaker": 3, "perc": 6, "bass": 3, "tonal": 3, "vocal": 3, "texture": 4,
}  # fmt: skip
LOAD = 4096  # rows whose pictures are reduced at a time
SILENT = torch.tensor(0.0)


class RoleNet(nn.Module):
    """What is read of a sound (n, WIDTH) to logits (n, 15). `mean`, `scale`: (WIDTH,)."""

    def __init__(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        layers: list[nn.Module] = [nn.Dropout(DROP_INPUT)]
        for before, after in pairwise((WIDTH, *HIDDEN)):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(DROP)]
        self.layers = nn.Sequential(*layers, nn.Linear(HIDDEN[-1], len(INSTRUMENTS)))

    def forward(self, sounds: torch.Tensor) -> torch.Tensor:
        return self.layers(((sounds - self.mean) / self.scale).clamp(-CLIP_SIGMA, CLIP_SIGMA))


def inputs_of(rows: Rows) -> Floats:
    """What the network reads of every row, float32 (n, WIDTH)."""
    out = np.empty((len(rows.y), WIDTH), np.float32)
    out[:, : PARTS[0]] = rows.vector
    for a in range(0, len(out), LOAD):
        part = slice(a, a + LOAD)
        drawn = (x[part].astype(np.float32) / BYTE for x in (rows.long, rows.short, rows.partials))
        out[part, PARTS[0] :] = np.concatenate([p.reshape(len(p), -1) for p in reduced(Pictures(*drawn))], axis=1)
    return out


def odds(rows: Rows, train: Ints) -> npt.NDArray[np.float64]:
    """How likely each training row is drawn: SHARES by source, within a source CLASSES."""
    kit, y = rows.kit[train], rows.y[train]
    source = np.where(kit == "made", "made", np.where(kit == FONT_NAME, "font", "kits"))
    wanted = np.array([CLASSES[name] for name in INSTRUMENTS], dtype=np.float64)
    p = np.zeros(len(train))
    for name, share in SHARES.items():
        here = source == name
        counts = np.bincount(y[here], minlength=len(INSTRUMENTS))
        weight = np.minimum(wanted / np.maximum(counts, 1), wanted.sum() / MOST)[y[here]]
        p[here] = share * weight / weight.sum()
    return p / p.sum()


def bent(sounds: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The same sounds through an equaliser, over a floor of noise, with stripes hidden; features jittered apart."""
    features, long, short, partials = sounds.split(PARTS, dim=1)
    n = len(sounds)
    places = torch.randn(n, 1, CURVE_POINTS) * torch.rand(n, 1, 1) * CURVE
    floor = (torch.rand(n, 1, 1) - 0.5).clamp(min=0) * 2 * FLOOR
    out = [features + JITTER * scale * torch.randn_like(features)]
    for part, shape in ((long, LONG_SHAPE), (short, SHORT_SHAPE)):
        picture = part.unflatten(1, shape)
        curve = functional.interpolate(places, shape[0], mode="linear", align_corners=True)
        heard = picture > 0
        picture = torch.where(heard, picture + curve.transpose(1, 2), SILENT)
        picture = torch.where(heard, picture + 1 - picture.amax(dim=(1, 2), keepdim=True), SILENT)
        picture = torch.maximum(picture, floor)
        out.append(striped(striped(picture, 1, 4), 2, 3).flatten(1))
    tilt = torch.linspace(-1, 1, PARTS[3]) * torch.randn(n, 1) * CURVE
    out.append((partials.roll(int(torch.randint(-1, 2, ())), 1) + tilt).clamp(0, 1))
    return torch.cat(out, dim=1)


def striped(picture: torch.Tensor, axis: int, most: int) -> torch.Tensor:
    """Silence in a stripe of up to `most` along an axis (1 or 2), in some of the batch."""
    n, size = len(picture), picture.shape[axis]
    start = torch.randint(0, size, (n, 1))
    at = torch.arange(size).unsqueeze(0)
    hidden = (at >= start) & (at < start + torch.randint(1, most + 1, (n, 1))) & (torch.rand(n, 1) < STRIPE)
    return torch.where(hidden.unsqueeze(3 - axis), SILENT, picture)


def rate_at(step: int) -> float:
    """The learning rate: a straight rise, then half a cosine down to nothing."""
    warm = WARM * STEPS
    if step < warm:
        return RATE_MAX * (step + 1) / warm
    return RATE_MAX * 0.5 * (1 + float(np.cos(np.pi * (step - warm) / (STEPS - warm))))


def fit(x: Floats, y: Ints, chances: npt.NDArray[np.float64], train: Ints, seed: int) -> RoleNet:
    """A network trained on some rows of x (n, WIDTH) and y (n,), drawn with `chances` (one for each of `train`)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = RoleNet(torch.from_numpy(x[train].mean(axis=0)), torch.from_numpy(x[train].std(axis=0) + 0.02)).train()
    scale = net.scale[: PARTS[0]]
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE_MAX, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY)
    edges = np.cumsum(chances)
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = rate_at(step)
        places = train[np.minimum(np.searchsorted(edges, rng.random(BATCH)), len(train) - 1)]
        wanted = functional.one_hot(torch.from_numpy(y[places]), len(INSTRUMENTS)).float()
        wanted = wanted * (1 - SMOOTHING) + SMOOTHING / len(INSTRUMENTS)
        sounds = bent(torch.from_numpy(x[places]), scale)
        keep = torch.from_numpy(np.where(rng.random(BATCH) < MIX, rng.beta(0.4, 0.4, BATCH), 1)).float().unsqueeze(1)
        other = torch.from_numpy(rng.permutation(BATCH))
        sounds, wanted = (keep * v + (1 - keep) * v[other] for v in (sounds, wanted))
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(sounds)
        loss = functional.cross_entropy(logits.float(), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return net.eval()


@torch.no_grad()
def answers(net: RoleNet, x: Floats) -> npt.NDArray[np.float64]:
    """Log-probabilities (n, 15) for what is read of sounds (n, WIDTH)."""
    return np.asarray(functional.log_softmax(net(torch.from_numpy(x)), dim=1).double().numpy())
