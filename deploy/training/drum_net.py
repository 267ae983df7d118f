"""The drum network in torch: a small convolutional picture reader and a dilated temporal stack.

Input (batch, frames, 84) levels of `services/transcription/spectrum.py`; output (batch, frames, 23) logits: five
families, nine drums, nine velocities. Only dilated convolutions over time (S. Bai, J. Z. Kolter and V. Koltun, "An
Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling", 2018): what is heard at a
frame depends on REACH frames either side and on nothing else, so that pieces of a recording give what the whole gives.
"""

from __future__ import annotations

import torch
from torch import nn

BANDS = 84
WIDTH = 192
CHANNELS = (32, 48, 64)
HEIGHT = 11  # of the picture after three halvings of the bands
DILATIONS = (1, 2, 4, 8, 16, 32, 64)
REACH = 4 + sum(DILATIONS)  # frames: four picture layers of one frame, then the stack
FAMILIES, DRUMS = 5, 9
OUTPUTS = FAMILIES + 2 * DRUMS
USUAL_LEVEL = 1.2  # about the mean of the input


def _layer(inputs: int, outputs: int, height: int = 3, step: int = 1) -> nn.Sequential:
    """A convolution over 3 frames and `height` bands with its normalisation; `step` bands at a time."""
    conv = nn.Conv2d(inputs, outputs, (3, height), stride=(1, step), padding=(1, height // 2), bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Dilated(nn.Module):
    """A residual block over time."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(WIDTH, WIDTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(WIDTH)
        self.mix = nn.Conv1d(WIDTH, WIDTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, WIDTH, frames) to the same."""
        return x + self.mix(torch.relu(self.norm(self.wide(x))))


class DrumNet(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c = CHANNELS
        # Halving the bands in the first layer costs little accuracy and half of the time.
        self.picture = nn.Sequential(_layer(1, a, 5, 2), _layer(a, b, 3, 2), _layer(b, c), _layer(c, c, 3, 2))
        self.narrow = nn.Conv1d(c * HEIGHT, WIDTH, 1)
        self.drop = nn.Dropout(0.1)
        self.stack = nn.Sequential(*[Dilated(d) for d in DILATIONS])
        self.answer = nn.Conv1d(WIDTH, OUTPUTS, 1)
        with torch.no_grad():
            self.answer.bias[: FAMILIES + DRUMS] = -4.0  # hits are rare

    def forward(self, levels: torch.Tensor) -> torch.Tensor:
        """(batch, frames, BANDS) to (batch, frames, OUTPUTS)."""
        x = self.picture((levels - USUAL_LEVEL).unsqueeze(1))
        batch, channels, frames, height = x.shape
        x = x.permute(0, 1, 3, 2).reshape(batch, channels * height, frames)
        x = self.drop(torch.relu(self.narrow(x)))
        return self.answer(torch.relu(self.stack(x))).transpose(1, 2)


class Shipped(nn.Module):
    """What is exported: one recording's levels (frames, BANDS) to probabilities and velocities (frames, OUTPUTS)."""

    def __init__(self, net: DrumNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, levels: torch.Tensor) -> torch.Tensor:
        """(frames, BANDS) to (frames, OUTPUTS), all 0..1."""
        return torch.sigmoid(self.net(levels.unsqueeze(0))[0])
