"""What a recording's harmony is made of: notes by pitch class, bass apart, with tuning and timbre, five times a second.

The spectrum of a long window shows steady tones as peaks and strokes as ground: peaks are placed between the bins
(Smith & Serra 1987), their ground is taken off, and what lies off the tuning's grid fades out, so drums leave little.
The tuning is the mean direction of all peaks on the circle of a semitone. Peaks are explained by notes with overtones,
without which a chord's fifths and thirds would be heard as notes of their own (after Mauch & Dixon 2010, with the
multiplicative updates of Lee & Seung 2001), and notes are folded into twelve classes: those of the bass, and the rest.

Frame k lies at k * FRAME_S .. (k + 1) * FRAME_S. Arrays are float32 with frames last. Listening is in blocks: two hours
take some 80 MB while they are heard and 6 MB afterwards.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft
import soxr
from scipy.ndimage import uniform_filter1d

from services.audio.clip import HOUSE_RATE_HZ, AudioSource, Samples

RATE_HZ = 11_025  # tones are heard up to 5 kHz, which holds the first overtones of every melody
HOP = 2_048  # at RATE_HZ
FRAME_S = HOP / RATE_HZ  # 186 ms
WINDOW = 4_096  # 371 ms: a semitone apart from 100 Hz on
LOW_WINDOW = 8_192  # 743 ms, for the bass: a semitone apart from 50 Hz on
LOW_HZ = 220.0  # below it the long window is read
LOWEST_HZ, HIGHEST_HZ = 38.0, 5_000.0
BLOCK_FRAMES = 96  # heard at a time: 18 s
HOUSE_HOP = HOP * HOUSE_RATE_HZ // RATE_HZ
RESAMPLING = "MQ"  # what folds back below 5 kHz is 100 dB down

GROUND_BINS = 41  # neighbours whose geometric mean is the ground under a peak: about 110 Hz
ABOVE_GROUND = 3.0  # times the ground: what noise seldom reaches
FLOOR = 10 ** (-55 / 20)  # of the frame's strongest peak: below lie window sidelobes and dither
SILENT_RMS = 10 ** (-70 / 20)  # of full scale: below, a frame has no notes

NOTE_LOW, NOTES = 24, 88  # C1 and up: MIDI numbers on which peaks are placed
OVERTONES = (0, 12, 19, 24, 28, 31, 34, 36, 38, 40)  # semitones above the note, nearest to its multiples
OVERTONE_FALL = 0.7  # each is so much softer than the one below: between a flute and a clavinet
ROUNDS = 30  # of updates; the notes hardly change after twenty
BASS_TOP = 52  # MIDI number up to which a note is the bass's, fading over an octave
TREBLE_TOP = 96  # above, tones tell timbre rather than notes; fading over an octave
TUNED_HZ = (110.0, 2_500.0)  # of peaks that tell the tuning: lower ones are read too coarsely

MEL_BANDS, TIMBRES = 32, 13
MEL_HZ = (40.0, 16_000.0)
TIMBRE_WINDOW = 4_096
TINY = 1e-10

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Harmony:
    """What was heard in each frame; frames is 0 for an empty recording, and all notes are 0 in silence.

    `chroma`, `bass` (12, frames): how strong each pitch class from C to B sounds, 0..1 of the recording's strongest.
    `tonal` (frames,): the share 0..1 of the energy that lies in steady tones. `level_db` (frames,): mean square, -100
    for silence. `timbre` (13, frames): cepstrum of the mel spectrum, the first its mean in dB.
    `tuning_cents`: where the notes lie above A = 440 Hz, -50..50. `in_tune` 0..1: how well they keep to it.
    """

    chroma: Floats
    bass: Floats
    tonal: Floats
    level_db: Floats
    timbre: Floats
    tuning_cents: float
    in_tune: float

    @property
    def frames(self) -> int:
        return int(self.chroma.shape[1])

    def to_bytes(self) -> bytes:
        """Arrays as float16 in a zipped NumPy archive: the same harmony, the same bytes."""
        packed = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        packed = {k: v.astype(np.float16) if v.ndim else v.astype(np.float32) for k, v in packed.items()}
        target = io.BytesIO()
        np.savez_compressed(target, allow_pickle=False, **packed)
        return target.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> Harmony:
        """The inverse of `to_bytes`, to half precision. Raises ValueError or KeyError for anything else."""
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            rows = {f.name: held[f.name] for f in fields(Harmony)}
        arrays = {k: v.astype(np.float32) for k, v in rows.items() if v.ndim}
        return Harmony(**arrays, tuning_cents=float(rows["tuning_cents"]), in_tune=float(rows["in_tune"]))


class _Peaks(NamedTuple):
    """Peaks of some frames: which frame, MIDI pitch with its fraction, amplitude above the ground; all (peaks,)."""

    frame: npt.NDArray[np.int32]
    pitch: Floats
    strength: Floats


def listen_harmony(source: AudioSource, report: Callable[[float], None] | None = None) -> Harmony:
    """The harmony of a recording at 44.1 kHz of any length and number of channels, which are heard as their mean.

    `report` gets the share done, 0..1, every 18 s of audio, and may raise. Raises ValueError for another rate.
    """
    if source.rate_hz != HOUSE_RATE_HZ:
        raise ValueError(f"harmony is heard at {HOUSE_RATE_HZ} Hz, not at {source.rate_hz} Hz")
    total = -(-source.frames // HOUSE_HOP)
    peaks: list[_Peaks] = []
    tonal, level = np.zeros(total, np.float32), np.zeros(total, np.float32)
    timbre = np.zeros((TIMBRES, total), np.float32)
    at = 0
    for block, house in _blocks(source, total):
        n = len(house)
        found, tonal[at : at + n] = _tones(block, n)
        peaks.append(found._replace(frame=found.frame + np.int32(at)))
        level[at : at + n], timbre[:, at : at + n] = _colour(house)
        at += n
        if report is not None:
            report(at / total)
    every = _joined(peaks)
    cents, in_tune = _tuning(every)
    chroma, bass = _classes(every, total, cents)
    return Harmony(chroma, bass, tonal, level, timbre, cents, in_tune)


def _blocks(source: AudioSource, total: int) -> Iterator[tuple[Samples, Samples]]:
    """Of each BLOCK_FRAMES: mono at RATE_HZ with the long window's margins, and (frames, HOUSE_HOP) at the house's."""
    stream = soxr.ResampleStream(HOUSE_RATE_HZ, RATE_HZ, 1, dtype="float32", quality=RESAMPLING)
    margin = (LOW_WINDOW - HOP) // 2
    ready = np.zeros(margin, np.float32)
    waiting: list[Samples] = []
    for first in range(0, total, BLOCK_FRAMES):
        count = min(BLOCK_FRAMES, total - first)
        got = source.read(first * HOUSE_HOP, count * HOUSE_HOP)
        mono = np.zeros(count * HOUSE_HOP, np.float32)
        mono[: got.shape[1]] = got.mean(axis=0, dtype=np.float32)
        waiting.append(mono.reshape(count, HOUSE_HOP))
        last = first + count == total
        ready = np.concatenate([ready, stream.resample_chunk(mono, last=last)])
        if last:
            rest = sum(len(w) for w in waiting)
            ready = np.pad(ready, (0, max(0, rest * HOP + 2 * margin - len(ready))))
        while waiting and len(ready) >= len(waiting[0]) * HOP + 2 * margin:
            house = waiting.pop(0)
            yield ready[: len(house) * HOP + 2 * margin], house
            ready = ready[len(house) * HOP :]


def _tones(block: Samples, frames: int) -> tuple[_Peaks, Floats]:
    """The peaks of `frames` frames, and the share of their energy in peaks."""
    low, low_power = _peaks(block, LOW_WINDOW, frames, (LOWEST_HZ, LOW_HZ))
    margin = (LOW_WINDOW - WINDOW) // 2
    high, power = _peaks(block[margin:], WINDOW, frames, (LOW_HZ, HIGHEST_HZ))
    every = _joined([low, high])
    loudest = np.zeros(frames, np.float32)
    np.maximum.at(loudest, every.frame, every.strength)
    kept = every.strength > FLOOR * loudest[every.frame]
    every = _Peaks(every.frame[kept], every.pitch[kept], every.strength[kept])
    # A steady tone of amplitude a in a Hann window has a power of 1.5 a^2 bins, whatever its frequency.
    in_tones = 1.5 * np.bincount(every.frame, every.strength.astype(np.float64) ** 2, frames)
    return every, (in_tones / np.maximum(low_power + power, TINY)).clip(0, 1).astype(np.float32)


def _peaks(block: Samples, window: int, frames: int, band_hz: tuple[float, float]) -> tuple[_Peaks, Floats]:
    """Peaks of a band in `frames` windows that begin HOP apart, in amplitude; and the band's power in each frame."""
    cut = np.lib.stride_tricks.sliding_window_view(block, window)[::HOP][:frames]
    hann = _hann(window)
    spectrum = np.abs(scipy.fft.rfft(cut * hann, axis=1)) * np.float32(2 / hann.sum())
    a, b = (round(hz * window / RATE_HZ) for hz in band_hz)
    held = spectrum[:, a - 1 : b + 1]
    decibel = np.log(np.maximum(held, TINY))
    ground = np.exp(uniform_filter1d(decibel, GROUND_BINS * window // WINDOW, axis=1, mode="nearest"))
    left, mid, right = decibel[:, :-2], decibel[:, 1:-1], decibel[:, 2:]
    over = held[:, 1:-1] > ABOVE_GROUND * ground[:, 1:-1]
    loud = np.sqrt(np.square(held).sum(axis=1, keepdims=True)) > SILENT_RMS
    frame, at = np.nonzero((mid > left) & (mid >= right) & over & loud)
    below, here, above = left[frame, at], mid[frame, at], right[frame, at]
    shift = 0.5 * (below - above) / (below - 2 * here + above)
    top = np.exp(here - 0.25 * (below - above) * shift)
    hz = (at + a + shift) * (RATE_HZ / window)
    pitch = 69 + 12 * np.log2(hz / 440)
    strength = top - ground[:, 1:-1][frame, at]
    found = _Peaks(frame.astype(np.int32), pitch.astype(np.float32), strength.astype(np.float32))
    return found, np.square(held[:, 1:-1]).sum(axis=1)


def _joined(parts: Sequence[_Peaks]) -> _Peaks:
    nothing = np.zeros(0, np.float32)
    return _Peaks(
        np.concatenate([nothing.astype(np.int32), *(p.frame for p in parts)]),
        np.concatenate([nothing, *(p.pitch for p in parts)]),
        np.concatenate([nothing, *(p.strength for p in parts)]),
    )


def _tuning(peaks: _Peaks) -> tuple[float, float]:
    """Where the peaks lie between the semitones, in cents -50..50, and how much they agree, 0..1; 0 and 0 of none."""
    low, high = (69 + 12 * np.log2(hz / 440) for hz in TUNED_HZ)
    some = (peaks.pitch > low) & (peaks.pitch < high)
    weights = np.sqrt(peaks.strength[some].astype(np.float64))
    if not weights.size:
        return 0.0, 0.0
    turn = (weights * np.exp(2j * np.pi * peaks.pitch[some])).sum() / weights.sum()
    return float(np.angle(turn) * 50 / np.pi), float(abs(turn))


def _classes(peaks: _Peaks, frames: int, cents: float) -> tuple[Floats, Floats]:
    """Chroma of treble and bass, float32 (12, frames) each, of the recording's strongest note in a class."""
    chroma, bass = np.zeros((12, frames), np.float32), np.zeros((12, frames), np.float32)
    pitch = peaks.pitch - np.float32(cents / 100) - NOTE_LOW
    note = np.rint(pitch).astype(np.int32)
    weight = np.cos(np.pi * (pitch - note)) ** 2 * peaks.strength
    inside = (note >= 0) & (note < NOTES)
    cell, weight = note[inside] + NOTES * peaks.frame[inside].astype(np.int64), weight[inside]
    order = np.argsort(cell, kind="stable")
    cell, weight = cell[order], weight[order]
    treble_share, bass_share = folding()
    for first in range(0, frames, BLOCK_FRAMES * 8):
        count = min(BLOCK_FRAMES * 8, frames - first)
        a, b = np.searchsorted(cell, (first * NOTES, (first + count) * NOTES))
        heard = np.bincount(cell[a:b] - first * NOTES, weight[a:b], count * NOTES).reshape(count, NOTES).T
        notes = _explained(heard.astype(np.float32))
        chroma[:, first : first + count] = treble_share @ notes
        bass[:, first : first + count] = bass_share @ notes
    return chroma / max(TINY, float(chroma.max(initial=0))), bass / max(TINY, float(bass.max(initial=0)))


def _explained(heard: Floats) -> Floats:
    """The notes (NOTES, frames) whose overtones come nearest to `heard`, of the same shape, by divergence."""
    tones = _tones_of_notes()
    notes = np.maximum(heard, TINY)
    share = tones.sum(axis=0)[:, None]
    for _ in range(ROUNDS):
        notes = notes * (tones.T @ (heard / np.maximum(tones @ notes, TINY))) / share
    return notes


@functools.cache
def _tones_of_notes() -> Floats:
    """What each note sounds like: (NOTES heard, NOTES played)."""
    table = np.zeros((NOTES, NOTES), np.float32)
    for note in range(NOTES):
        for k, above in enumerate(OVERTONES):
            if note + above < NOTES:
                table[note + above, note] += OVERTONE_FALL**k
    return table


@functools.cache
def folding() -> tuple[Floats, Floats]:
    """Which class a note belongs to, (12, NOTES): for the treble and for the bass."""
    midi = np.arange(NOTES) + NOTE_LOW
    classes = np.equal.outer(np.arange(12), midi % 12)
    bass = np.clip((BASS_TOP + 12 - midi) / 12, 0, 1)
    treble = np.clip((midi - BASS_TOP + 12) / 12, 0, 1) * np.clip((TREBLE_TOP + 12 - midi) / 12, 0, 1)
    return (classes * treble).astype(np.float32), (classes * bass).astype(np.float32)


def _colour(house: Samples) -> tuple[Floats, Floats]:
    """Level in dB and timbre of frames at the house's rate, (frames,) and (TIMBRES, frames)."""
    mean_square = np.square(house).mean(axis=1)
    level = 10 * np.log10(np.maximum(mean_square, TINY))
    halves = house.reshape(-1, TIMBRE_WINDOW) * _hann(TIMBRE_WINDOW)
    spectrum = scipy.fft.rfft(halves, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    mel = (power @ _mel()).reshape(len(house), -1, MEL_BANDS).mean(axis=1)
    cepstrum = scipy.fft.dct(10 * np.log10(np.maximum(mel, 1e-7)), axis=1, norm="ortho")[:, :TIMBRES]
    return level.astype(np.float32), cepstrum.T.astype(np.float32)


@functools.cache
def _mel() -> Floats:
    """Triangles over MEL_HZ, even in mel (O'Shaughnessy 1987): (bins, MEL_BANDS), each of sum 1."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in MEL_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, MEL_BANDS + 2) / 2595) - 1)
    hz = np.arange(TIMBRE_WINDOW // 2 + 1) * HOUSE_RATE_HZ / TIMBRE_WINDOW
    rise = (hz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    fall = (edges[2:] - hz[:, None]) / np.diff(edges)[1:]
    table = np.maximum(0, np.minimum(rise, fall))
    return np.asarray(table / table.sum(axis=0), np.float32)


@functools.cache
def _hann(n: int) -> Samples:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)
