"""What of a recording speaks of its rhythm: where sound begins in six bands, and which notes sound when.

`onsets`: the log-compressed power of 36 bands, its rise over two frames against the loudest neighbour before (Böck and
Widmer, "Maximum filter vibrato suppression for onset detection", 2013), averaged into six wide bands at 100 frames a
second. `chroma`: bass and treble pitch classes at 10 frames a second. A recording is read twice, in blocks: the first
time for its level, so that the same music softer gives the same values.

Arrays are (bands, frames); values are rounded to half floats at once, so that a stored copy is the same as a new one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from services.audio.clip import HOUSE_RATE_HZ, AudioSource

FRAMES_PER_S = 100
HOP = HOUSE_RATE_HZ // FRAMES_PER_S
WINDOW = 2048  # samples, 46 ms: four bins below 100 Hz, where kicks lie
LAG = 2  # frames over which a rise is taken: neighbouring windows share too much
CHROMA_PER_S = 10
CHROMA_HOP = HOUSE_RATE_HZ // CHROMA_PER_S
CHROMA_WINDOW = 8192  # samples: 5.4 Hz a bin, a semitone at 90 Hz
BINS = 36  # narrow bands, spaced by logarithm
LOW_HZ, HIGH_HZ = 30.0, 16_000.0
EDGES_HZ = (30.0, 110.0, 280.0, 800.0, 2_500.0, 7_000.0, 16_000.0)  # of the six wide bands
BANDS = len(EDGES_HZ) - 1
BASS_HZ, TREBLE_HZ, TOP_HZ = 38.0, 230.0, 2_000.0  # where chroma listens
COMPRESSION = 60.0  # log(1 + 60 P / loud): 18 dB under a band's loud moments it begins to be linear
LOUD_PERCENTILE = 95.0  # of a band's power: its loud moments
QUIET_SHARE = 1e-5  # of the loudest band's power: a band 50 dB under it is not raised further
PROBE_S = 0.1  # between the frames that are asked for the level
SILENCE = 1e-4  # peak amplitude, -80 dB: nothing is heard in what is softer
BLOCK_FRAMES = 2_000  # 20 s of audio a block
FIRST_PASS, LAST_PASS = 0.2, 0.2  # shares of the work: the level, and the notes
OPPOSITE = 1e-3  # of the channels' power: with less left in their mean one channel is heard alone
MAGIC = "rhythm-1"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RhythmActivations:
    """`onsets` (6, frames) ≥ 0, frame k around k / 100 s; `chroma` (24, frames) 0..1, frame k around k / 10 s.

    The first twelve of `chroma` are the bass, from C. `peak`: the loudest sample of the channels' mean.
    """

    onsets: Floats
    chroma: Floats
    peak: float
    duration_s: float

    def to_bytes(self) -> bytes:
        """For a cache: a line of JSON, then both arrays as little-endian half floats."""
        head = {
            "kind": MAGIC,
            "frames": self.onsets.shape[1],
            "chroma_frames": self.chroma.shape[1],
            "peak": self.peak,
            "duration_s": self.duration_s,
        }
        arrays = self.onsets.astype("<f2").tobytes() + self.chroma.astype("<f2").tobytes()
        return json.dumps(head).encode() + b"\n" + arrays

    @classmethod
    def from_bytes(cls, data: bytes) -> RhythmActivations:
        """What `to_bytes` wrote. Raises ValueError for anything else."""
        line, _, rest = data.partition(b"\n")
        head = json.loads(line)
        if not isinstance(head, dict) or head.get("kind") != MAGIC:
            raise ValueError(f"these are no activations of kind {MAGIC}")
        values = np.frombuffer(rest, "<f2").astype(np.float32)
        cut = BANDS * int(head["frames"])
        return cls(
            values[:cut].reshape(BANDS, int(head["frames"])),
            values[cut:].reshape(24, int(head["chroma_frames"])),
            float(head["peak"]),
            float(head["duration_s"]),
        )


def _nobody(_: float) -> None:
    """For a caller that does not ask how far the work is."""


def listen_rhythm(source: AudioSource, report: Callable[[float], None] = _nobody) -> RhythmActivations:
    """The activations of a recording at 44.1 kHz, any length. `report` hears the share done, 0..1.

    Silence (a peak under -80 dB) and an empty recording give zeros. Memory: 4 kB and less for each second.
    """
    frames = source.frames // HOP + 1 if source.frames else 0
    slow = source.frames // CHROMA_HOP + 1 if source.frames else 0
    mono = _Mono(source, mean=not _cancels(source))
    peak, loud = _level(mono, report)
    onsets, chroma = np.zeros((BANDS, frames), np.float32), np.zeros((24, slow), np.float32)
    if peak >= SILENCE:
        _fill_onsets(mono, loud, onsets, report)
        for at, power in _powers(mono, CHROMA_WINDOW, CHROMA_HOP, BLOCK_FRAMES // 10):
            chroma[:, at : at + len(power)] = _chroma(power).T
            report(1 - LAST_PASS * (1 - (at + len(power)) / slow))
    report(1.0)
    return RhythmActivations(_half(onsets), _half(chroma), peak, source.frames / HOUSE_RATE_HZ)


def _half(values: Floats) -> Floats:
    return values.astype(np.float16).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Mono:
    """A recording as one channel: the mean of all, or the first where the mean would cancel."""

    source: AudioSource
    mean: bool

    @property
    def frames(self) -> int:
        return self.source.frames

    def read(self, start: int, count: int) -> Floats:
        """Samples start..start+count, zeros outside the recording."""
        first, last = max(0, start), min(self.frames, start + count)
        out = np.zeros(count, np.float32)
        if last > first:
            found = self.source.read(first, last - first)
            out[first - start : last - start] = found.mean(axis=0, dtype=np.float32) if self.mean else found[0]
        return out


def _cancels(source: AudioSource) -> bool:
    """Whether the channels are so opposite that little is left of their mean; asked of a second in every ten."""
    together, apart = 0.0, 0.0
    for start in range(0, source.frames if source.channels > 1 else 0, 10 * HOUSE_RATE_HZ):
        found = source.read(start, HOUSE_RATE_HZ).astype(np.float64)
        together += float((found.mean(axis=0) ** 2).sum())
        apart += float((found**2).mean(axis=0).sum())
    return together < OPPOSITE * apart


def _powers(source: _Mono, window: int, hop: int, block: int, lead: int = 0) -> Iterator[tuple[int, Floats]]:
    """(first frame, power spectra (frames, window // 2 + 1)) block by block; `lead` frames before each block too."""
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    total = source.frames // hop + 1 if source.frames else 0
    for at in range(0, total, block):
        count = min(block, total - at) + lead
        mono = source.read((at - lead) * hop - window // 2, (count - 1) * hop + window)
        cut = np.lib.stride_tricks.sliding_window_view(mono, window)[::hop]
        spectra = fft.rfft(cut * shape, axis=1)
        yield at, np.asarray(spectra.real**2 + spectra.imag**2, np.float32)


@cache
def _narrow() -> Floats:
    """(WINDOW // 2 + 1, BINS): triangles of equal weight over the logarithm of frequency, each at least a bin wide."""
    hz = np.fft.rfftfreq(WINDOW, 1 / HOUSE_RATE_HZ)
    centres = np.geomspace(LOW_HZ * 1.1, HIGH_HZ, BINS + 2)
    spacing = HOUSE_RATE_HZ / WINDOW
    for i in range(1, len(centres)):
        centres[i] = max(centres[i], centres[i - 1] + spacing)
    rise = (hz[:, None] - centres[:-2]) / (centres[1:-1] - centres[:-2])
    fall = (centres[2:] - hz[:, None]) / (centres[2:] - centres[1:-1])
    weights = np.clip(np.minimum(rise, fall), 0.0, None)
    return np.asarray(weights / weights.sum(axis=0), np.float32)


@cache
def _wide() -> Floats:
    """(BINS, BANDS): which narrow bands a wide one averages."""
    hz = np.fft.rfftfreq(WINDOW, 1 / HOUSE_RATE_HZ)
    centre = (hz[:, None] * _narrow()).sum(axis=0)
    member = (centre[:, None] >= EDGES_HZ[:-1]) & (centre[:, None] < EDGES_HZ[1:])
    return np.asarray(member / member.sum(axis=0), np.float32)


def _level(source: _Mono, report: Callable[[float], None]) -> tuple[float, Floats]:
    """The loudest sample, and the power (BINS,) of each narrow band's loud moments."""
    peak, seen = 0.0, [np.zeros((1, BINS), np.float32)]
    shape = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    size, step = BLOCK_FRAMES * HOP, round(PROBE_S * HOUSE_RATE_HZ)
    for start in range(0, source.frames, size):
        mono = source.read(start, min(size, source.frames - start))
        peak = max(peak, float(np.abs(mono).max(initial=0.0)))
        padded = np.pad(mono, (0, max(0, WINDOW - len(mono))))
        cut = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::step]
        spectra = fft.rfft(cut * shape, axis=1)
        seen.append((spectra.real**2 + spectra.imag**2).astype(np.float32) @ _narrow())
        report(FIRST_PASS * start / source.frames)
    loud = np.percentile(np.concatenate(seen), LOUD_PERCENTILE, axis=0)
    return peak, np.asarray(np.maximum(loud, max(QUIET_SHARE * loud.max(), 1e-12)), np.float32)


def _fill_onsets(source: _Mono, loud: Floats, onsets: Floats, report: Callable[[float], None]) -> None:
    scale = COMPRESSION / loud
    for at, power in _powers(source, WINDOW, HOP, BLOCK_FRAMES, LAG):
        levels = np.log1p((power @ _narrow()) * scale)
        before = levels[:-LAG]
        sides = np.pad(before, ((0, 0), (1, 1)), mode="edge")
        before = np.maximum(np.maximum(sides[:, :-2], sides[:, 2:]), before)
        rise = np.maximum(levels[LAG:] - before, 0.0) @ _wide()
        onsets[:, at : at + len(rise)] = rise.T
        report(FIRST_PASS + (1 - FIRST_PASS - LAST_PASS) * (at + len(rise)) / onsets.shape[1])


@cache
def _pitches() -> Floats:
    """(CHROMA_WINDOW // 2 + 1, 24): which pitch class a bin belongs to, bass first, then treble."""
    hz = np.fft.rfftfreq(CHROMA_WINDOW, 1 / HOUSE_RATE_HZ)[1:]
    midi = 69 + 12 * np.log2(hz / 440.0)
    out = np.zeros((len(hz) + 1, 24), np.float32)
    off = (midi[:, None] - np.arange(12) + 6) % 12 - 6
    near = np.exp(-0.5 * (off / 0.35) ** 2)
    bass, treble = (hz >= BASS_HZ) & (hz < TREBLE_HZ), (hz >= TREBLE_HZ) & (hz < TOP_HZ)
    out[1:, :12] = near * bass[:, None]
    out[1:, 12:] = near * treble[:, None]
    return out


def _chroma(power: Floats) -> Floats:
    """(frames, 24), each half of a frame of length 1, or 0 where nothing sounds."""
    amounts = np.sqrt(power) @ _pitches()
    halves = amounts.reshape(len(amounts), 2, 12)
    return np.asarray(halves / (np.linalg.norm(halves, axis=2, keepdims=True) + 1e-6)).reshape(len(amounts), 24)
