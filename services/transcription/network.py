"""The drum network on a recording of any length: chunks with their surroundings, the same answer as the whole at once.

What it does. The recording is read twice: once for its loudest sample, so that nothing depends on its level, and once
in chunks of CHUNK frames with HALO more on either side. The network looks REACH frames either way and no further
(deploy/training/drum_net.py), so every frame is heard as if the whole recording had been given. Memory: one chunk
(some 40 MB) and 92 bytes a frame of answers, 33 MB an hour.

Conventions. Channels are averaged; 44.1 kHz; frame k is at k * FRAME_S seconds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, AudioSource
from services.models import onnx, registry
from services.transcription.spectrum import (
    BEFORE,
    FRAME_S,
    HOP,
    RISE_FLOOR_DB,
    STRUCK,
    WINDOW,
    bands,
    frames_of,
    low_tones,
    rises,
)
from services.transcription.types import DRUMS, FAMILIES, Activations, Floats

REACH = 131  # frames that the network looks either way
HALO = REACH + BEFORE + 1 + STRUCK[1]  # frames read either side of a chunk
CHUNK = 2000  # frames heard at a time: 20 s
PEAK_BLOCK = 1 << 20  # samples
SILENCE_PEAK = 1e-4  # -80 dBFS: less is the noise of 16 bits
LOUDEST = 1e4  # full scales: beyond, a float file is broken


def _nobody(_: float) -> None:
    """For a caller that does not ask how far the work is."""


def listen(source: AudioSource, report: Callable[[float], None] = _nobody) -> Activations:
    """Activations of a whole recording at 44.1 kHz; `report` hears the share done, 0..1, and may raise to stop.

    Silence (a loudest sample under -80 dBFS) gives zeros. Raises ValueError for another rate, DamagedModel when the
    weights are not ours.
    """
    if source.rate_hz != HOUSE_RATE_HZ:
        raise ValueError(f"expected {HOUSE_RATE_HZ} Hz, not {source.rate_hz}")
    peak, total = _peak(source), frames_of(source.frames)
    answers = np.zeros((total, len(FAMILIES) + 2 * len(DRUMS)), dtype=np.float32)
    low_hz = np.zeros(total, dtype=np.float32)
    risen = np.full((len(FAMILIES), total), RISE_FLOOR_DB, dtype=np.float32)
    if peak >= SILENCE_PEAK:
        session = onnx.session(registry.DRUMS)
        name = session.get_inputs()[0].name
        for first in range(0, total, CHUNK):
            last = min(first + CHUNK, total)
            a, b = max(0, first - HALO), min(total, last + HALO)
            levels = bands(_scaled(source, a, b, peak), b - a)
            answers[first:last] = session.run(None, {name: levels})[0][first - a : last - a]
            low_hz[first:last] = low_tones(levels)[first - a : last - a]
            risen[:, first:last] = rises(levels)[:, first - a : last - a]
            report(last / total)
    parts = np.split(answers.T, [len(FAMILIES), len(FAMILIES) + len(DRUMS)])
    families, drums, velocities = (np.ascontiguousarray(part) for part in parts)
    return Activations(FRAME_S, families, drums, velocities, low_hz, risen, peak)


def _mono(source: AudioSource, start: int, count: int) -> Floats:
    """The mean of the channels, zeros outside the source and for what is not finite."""
    out = np.zeros(count, dtype=np.float32)
    a, b = max(0, start), min(source.frames, start + count)
    if b > a:
        mixed = source.read(a, b - a).mean(axis=0, dtype=np.float32)
        out[a - start : b - start] = np.clip(np.nan_to_num(mixed, posinf=0.0, neginf=0.0), -LOUDEST, LOUDEST)
    return out


def _peak(source: AudioSource) -> float:
    """The loudest sample of the mean of the channels."""
    blocks = (_mono(source, at, min(PEAK_BLOCK, source.frames - at)) for at in range(0, source.frames, PEAK_BLOCK))
    return max((float(np.abs(block).max()) for block in blocks), default=0.0)


def _scaled(source: AudioSource, first: int, last: int, peak: float) -> Floats:
    """Samples under the frames first..last, the recording's loudest being 1."""
    count = (last - first - 1) * HOP + WINDOW
    return _mono(source, first * HOP - WINDOW // 2, count) / np.float32(peak)
