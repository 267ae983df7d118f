"""What a one-shot sounds like, in numbers: envelope, spectrum, pitch, and how many hits it holds.

Everything is measured on the mono fold, scaled to its own peak (so gain changes nothing), from the physical onset on,
and never past `WINDOW_S`: a drum has said what it is by then, and Stage 2 must stay under 5 ms a sample. The spectral
part follows the usual descriptors of Peeters, "A large set of audio features for sound description" (2004), taken
separately over the attack, the body and the tail, because a snare and a clap differ in when they are noisy and not in
whether. No learned part lives here: the numbers go to `classifier.py`, the readable ones also to the user.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.fft
import soxr

from services.audio.clip import HOUSE_RATE_HZ, Clip
from services.beats.bands import BANDS_HZ, PARTS
from services.beats.picture import Pictures, draw

Floats = npt.NDArray[np.float32]

WINDOW_S = 1.5  # seconds after the onset that are looked at
PRE_S = 0.002  # kept before the onset, so that the rise itself is measured
MIN_S = 0.1  # shorter sounds are padded with silence to this
LOOKBACK_S = 0.3  # how far before a given attack the onset may lie: the slow rise of a breath
ATTACK_SLACK = (10, 30)  # ms before and after a given attack among which the loudest is taken for it
ONSET_RATIO = 0.1  # -20 dB of the peak: the onset's threshold
SILENCE_PEAK = 1e-4  # -80 dBFS: nothing that a 16-bit recording could tell from its noise
FOLD_LOSS = 0.01  # a mono fold that keeps less than 1 % of the energy cancelled: the loudest channel is taken
FINE = 44  # samples: about 1 ms, the grain of the attack
COARSE = 220  # samples: about 5 ms, the grain of the decay
FFT, HOP = 1024, 441  # 23 ms windows each 10 ms
EARLY, LATE = 3072, 9216  # samples: a low pitch is compared between the first 70 ms and the next 140
SHARES = 16_384  # samples: the 0.37 s over which the energy is divided, 2.7 Hz bins
LAGS = 1024  # samples: periods down to 43 Hz
LONG = 8192  # samples: 186 ms, 5.4 Hz bins, for pitch and tones
FLOOR_DB = -70.0  # levels below the loudest are read as this
DECAYS_DB = (10, 20, 40)
DECAY_BANDS_HZ = (20, 150, 800, 4000, 9000, 18_000)
MELS, CEPSTRA = 30, 14
MEL_LOW_HZ, MEL_HIGH_HZ = 30.0, 18_000.0
LOW_FLOOR = 1e-4  # of the energy: a low partial under it is leakage, and the sound has no low pitch
LATE_FLOOR = 1e-4  # of the early energy: a late partial under it has died
STROKE_RATIO = 0.25  # -12 dB of the loudest: what counts as a stroke
BAND_FLOOR = 0.003  # -50 dB: a band below this beside the loudest one is not heard, and rings for no time
TONE_FLOOR = 1e-7  # of the whole energy, in each bin: tones below it are not heard
OFFSET_POINTS = 8192  # samples that the estimate of DC looks at
PITCH_LOW_HZ, PITCH_HIGH_HZ = 50.0, 1500.0
EPS = 1e-12
WIDE = ("sub", "low", "mid", "high", "air")  # the bands of DECAY_BANDS_HZ
TONE_BINS = {"low": (4, 60), "mid": (60, 500), "high": (500, 3000)}  # of LONG: 22-320 Hz, to 2.7 kHz, to 16 kHz

# What a user is shown, units in the names; then what only the classifier reads.
READABLE: tuple[str, ...] = (
    "attack_ms", "peak_ms", *(f"decay_{db}db_ms" for db in DECAYS_DB), "temporal_centroid_ms", "energy_90_ms",
    "crest_db", "strokes", "early_strokes", "roughness_db", "zero_crossings_hz", "pitch_hz", "pitch_strength",
    "low_pitch_hz", "pitch_drop_octaves", *(f"{name}_tonality_db" for name in TONE_BINS),
    *(f"energy_{a}_{b}hz" for a, b in pairwise(BANDS_HZ)),
    *(f"{part}_{kind}" for part in PARTS for kind in ("level_db", "centroid_hz", "rolloff_hz", "flatness")),
)  # fmt: skip
HIDDEN: tuple[str, ...] = (
    "_low_hold", *(f"_{name}_{kind}" for name in TONE_BINS for kind in ("flat", "peaky")),
    *(f"_{name}_{kind}" for name in WIDE for kind in ("peak", "decay_10db", "decay_25db")),
    *(f"_{part}_{kind}" for part in PARTS for kind in ("spread", "crest", *(f"cep_{i:02d}" for i in range(CEPSTRA)))),
)  # fmt: skip
NAMES = READABLE + HIDDEN
LOG_KINDS = ("_ms", "_hz", "_peak", "_10db", "_25db", "_spread", "strokes")  # lengths, pitches, counts
RATIO_KINDS = ("_flatness", "_peaky")  # shares of a whole


@dataclass(frozen=True, slots=True)
class Features:
    """`vector`: float64 (len(NAMES),), with `pictures` for the classifier; `named`: the readable ones, with units."""

    vector: npt.NDArray[np.float64]
    named: dict[str, float]
    pictures: Pictures


def extract(clip: Clip, attack_s: float | None = None) -> Features | None:
    """Features of the first `WINDOW_S` seconds of a sound of any length and rate, or None for silence.

    `attack_s`: the first strong peak in seconds, where Stage 1 has found one; otherwise the loudest moment counts.
    Silence means a peak under -80 dBFS after removing DC, or no frames. Values do not depend on gain.
    """
    mono = fold(clip)
    seg = segment(mono, attack_s)
    if seg is None:
        return None
    found = {**_envelope(seg), **_tones(seg)}
    power, whole = _stft(seg), _power(seg[:SHARES], SHARES)
    found |= _bands(whole, power) | _parts(power)
    named = {k: round(float(found[k]), 6) for k in READABLE}
    vector = _compress(np.array([found[k] for k in NAMES], dtype=np.float64))
    return Features(vector, named, draw(seg, power, whole))


def fold(clip: Clip) -> Floats:
    """The clip as mono at 44.1 kHz without DC, float32 (n,). Channels that cancel give the loudest one instead."""
    if clip.frames == 0:
        return np.zeros(0, np.float32)
    mono = clip.mono()
    if clip.channels > 1:
        energies = np.einsum("cn,cn->c", clip.samples, clip.samples)
        if float(mono @ mono) < FOLD_LOSS * float(energies.mean()):
            mono = clip.samples[int(np.argmax(energies))]
    if clip.rate_hz != HOUSE_RATE_HZ:
        mono = soxr.resample(np.ascontiguousarray(mono), clip.rate_hz, HOUSE_RATE_HZ)
    if mono.size == 0:
        return np.zeros(0, np.float32)
    return np.asarray(mono - _offset(mono), dtype=np.float32)


def _offset(mono: Floats) -> float:
    """DC as the middle of the quartiles: a short sound's own mean is not DC, and silence around it counts for more."""
    some = mono[:: max(1, mono.size // OFFSET_POINTS)]
    low, high = some.size // 4, some.size - 1 - some.size // 4
    ordered = np.partition(some, (low, high))
    return float(ordered[low] + ordered[high]) / 2


def segment(mono: Floats, attack_s: float | None) -> Floats | None:
    """The sound from just before its onset, peak 1, at least `MIN_S` long; None for silence."""
    env = _grain(np.abs(mono), FINE)
    if env.size == 0 or float(env.max()) < SILENCE_PEAK:
        return None
    first, peak = 0, int(np.argmax(env))
    if attack_s is not None:
        low = min(max(0, round(attack_s * HOUSE_RATE_HZ / FINE) - ATTACK_SLACK[0]), env.size - 1)
        near = low + int(np.argmax(env[low : low + sum(ATTACK_SLACK)]))
        if env[near] > ONSET_RATIO * env[peak]:
            first, peak = max(0, near - round(LOOKBACK_S * HOUSE_RATE_HZ / FINE)), near
    onset = first + int(np.argmax(env[first : peak + 1] >= ONSET_RATIO * env[peak]))
    start = onset * FINE - round(PRE_S * HOUSE_RATE_HZ)
    seg = mono[max(0, start) : start + round(WINDOW_S * HOUSE_RATE_HZ)]
    seg = np.pad(seg, (max(0, -start), max(0, round(MIN_S * HOUSE_RATE_HZ) - seg.size)))
    return np.asarray(seg / np.abs(seg).max(), dtype=np.float32)


def _grain(x: Floats, size: int) -> Floats:
    """Maximum of each run of `size` samples (the last one may be short)."""
    full = x.size // size
    top = x[: full * size].reshape(full, size).max(axis=1)
    return np.asarray(np.append(top, x[full * size :].max()) if x.size % size else top)


def _last_above(env: Floats, ratio: float) -> int:
    """Grains from the maximum to the last one at or above ratio times the maximum."""
    peak = int(np.argmax(env))
    return int(np.flatnonzero(env[peak:] >= ratio * env[peak])[-1])


def _envelope(seg: Floats) -> dict[str, float]:
    """Attack, decays, centre of gravity in time, crest, roughness and number of strokes."""
    fine = _grain(np.abs(seg), FINE)
    fine_ms = 1000 * FINE / HOUSE_RATE_HZ
    high = int(np.argmax(fine >= 0.9 * fine.max()))
    low = int(np.argmax(fine >= ONSET_RATIO * fine.max()))
    rms = np.sqrt(_mean_grain(seg * seg, COARSE))
    coarse_ms = 1000 * COARSE / HOUSE_RATE_HZ
    found = {"attack_ms": max(1, high - low) * fine_ms, "peak_ms": int(np.argmax(fine)) * fine_ms}
    for db in DECAYS_DB:
        found[f"decay_{db}db_ms"] = (1 + _last_above(rms, 10 ** (-db / 20))) * coarse_ms
    energy = rms * rms
    total = float(energy.sum()) + EPS
    found["temporal_centroid_ms"] = float(energy @ np.arange(energy.size)) / total * coarse_ms
    found["energy_90_ms"] = (1 + int(np.searchsorted(np.cumsum(energy), 0.9 * total))) * coarse_ms
    found["crest_db"] = -10 * float(np.log10(np.mean(seg[: HOUSE_RATE_HZ // 10] ** 2) + EPS))
    smooth = np.convolve(fine, np.full(4, 0.25, np.float32), mode="same")
    found["strokes"] = float(_strokes(smooth))
    found["early_strokes"] = float(_strokes(smooth[:80]))
    sustained = rms[: 1 + _last_above(rms, 0.1)]
    drop = np.diff(20 * np.log10(sustained + 1e-4))
    found["roughness_db"] = float(np.abs(drop - drop.mean()).mean()) if drop.size > 2 else 0.0
    found["zero_crossings_hz"] = float(np.count_nonzero(np.diff(np.signbit(seg[:8820])))) / 0.4
    return found


def _mean_grain(x: Floats, size: int) -> Floats:
    return np.asarray(x[: x.size // size * size].reshape(-1, size).mean(axis=1))


def _strokes(env: Floats) -> int:
    """Peaks at -12 dB or more of the loudest that stand 6 dB over the valley before them."""
    count, valley, ceiling = 0, 0.0, 0.0
    rising = True
    loud = np.flatnonzero(env >= STROKE_RATIO)
    for v in env[: 1 + int(loud[-1]) if loud.size else 0].tolist():  # nothing after the last loud grain can count
        if rising:
            ceiling = max(ceiling, v)
            if v < ceiling * 0.5:
                count += ceiling >= STROKE_RATIO
                rising, valley = False, v
        else:
            valley = min(valley, v)
            if v > valley * 2 and v > 0.02:
                rising, ceiling = True, v
    return count + int(rising and ceiling >= STROKE_RATIO)


def _stft(seg: Floats) -> Floats:
    """Power spectra, float32 (frames, FFT / 2 + 1), one each 10 ms."""
    padded = np.pad(seg, (0, FFT))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[: seg.size : HOP]
    return _power(frames * _WINDOW, FFT)


def _power(x: Floats, size: int) -> Floats:
    """Power spectrum along the last axis, zero-padded to `size`."""
    spectrum = scipy.fft.rfft(x, size)
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return np.asarray(power, dtype=np.float32)


def _bands(whole: Floats, power: Floats) -> dict[str, float]:
    """How the energy divides over bands, and how long each wide band rings."""
    edges = np.rint(np.array(BANDS_HZ) / (HOUSE_RATE_HZ / 2) * (whole.size - 1)).astype(int)
    per = np.array([whole[a:b].sum(dtype=np.float64) for a, b in pairwise(edges)])
    share = per / (per.sum() + EPS)
    found = {f"energy_{a}_{b}hz": float(s) for (a, b), s in zip(pairwise(BANDS_HZ), share, strict=True)}
    wide = np.sqrt(power @ _DECAY_BANK.T)
    heard = wide.max(axis=0) > BAND_FLOOR * wide.max()
    for i, name in enumerate(WIDE):
        band = wide[:, i]
        found[f"_{name}_peak"] = float(np.argmax(band)) if heard[i] else 0.0
        for db in (10, 25):
            found[f"_{name}_decay_{db}db"] = float(_last_above(band, 10 ** (-db / 20))) if heard[i] else 0.0
    return found


def _parts(power: Floats) -> dict[str, float]:
    """Shape of the spectrum in attack, body and tail: centroid, spread, rolloff, flatness, crest, level, cepstra."""
    loudest = float(power.sum(axis=1).max()) + EPS
    found: dict[str, float] = {}
    shape = np.full(FFT // 2 + 1, EPS, np.float32)
    for part, (a, b) in PARTS.items():
        frames = power[a:b]
        level = 10 * np.log10(float(frames.sum()) / (b - a) / loudest + EPS)
        if level > FLOOR_DB:
            shape = frames.mean(axis=0)  # a part that is silent keeps the shape of the one before
        found[f"{part}_level_db"] = max(FLOOR_DB, float(level))
        found |= _shape(part, shape / (float(shape.sum()) + EPS))
    return found


def _shape(part: str, mean: Floats) -> dict[str, float]:
    """One spectrum of sum 1: where it lies, how wide, how flat, and its cepstrum."""
    centre = float(mean @ _FREQS)
    body = mean[2:400] + TONE_FLOOR
    mel = np.maximum(10 * np.log10(mean @ _MEL_BANK.T + EPS), FLOOR_DB)
    found = {
        f"{part}_centroid_hz": centre,
        f"_{part}_spread": float(np.sqrt(mean @ (_FREQS - centre) ** 2)),
        f"{part}_rolloff_hz": float(_FREQS[min(_FREQS.size - 1, int(np.searchsorted(np.cumsum(mean), 0.85)))]),
        f"{part}_flatness": float(np.exp(np.log(body).mean()) / body.mean()),
        f"_{part}_crest": float(10 * np.log10(body.max() / body.mean())),
    }
    return found | {f"_{part}_cep_{i:02d}": float(c) for i, c in enumerate(_DCT @ mel)}


def _tones(seg: Floats) -> dict[str, float]:
    """Pitch, how tonal the body is, and how far a low pitch falls (a kick's sweep)."""
    body = np.zeros(LONG, np.float32)
    part = seg[441 : 441 + LONG]
    body[: part.size] = part
    spectrum = _power(body * _LONG_WINDOW, LONG)
    auto = scipy.fft.irfft(_power(body, LONG + LAGS))[:LAGS]  # padded just enough that no lag looked at wraps
    auto = auto / (auto[0] + EPS) / _AUTO_TAPER
    low, high = round(HOUSE_RATE_HZ / PITCH_HIGH_HZ), round(HOUSE_RATE_HZ / PITCH_LOW_HZ)
    below = np.flatnonzero(auto[:high] < 0)  # the first lobe is the signal against itself, not a period
    start = max(low, int(below[0]) if below.size else high - 1)
    lag = start + int(np.argmax(auto[start:high])) if start < high else high
    found = {"pitch_hz": HOUSE_RATE_HZ / lag, "pitch_strength": max(0.0, min(1.0, float(auto[lag])))}
    total = float(spectrum.sum()) + EPS
    for name, (a, b) in TONE_BINS.items():
        band = spectrum[a:b] + total * TONE_FLOOR
        found[f"{name}_tonality_db"] = float(10 * np.log10(band.max() / band.mean()))
        found[f"_{name}_flat"] = float(np.log(band).mean() - np.log(band.mean()))
        few = band.size - max(3, band.size // 50)
        found[f"_{name}_peaky"] = float(np.partition(band, few)[few:].sum() / band.sum())
    early, late = _low_pitch(seg[:EARLY]), _low_pitch(seg[EARLY:LATE])
    settled = late[0] if late[1] > early[1] * LATE_FLOOR else early[0]
    both = early[0] > 0 and settled > 0
    found["low_pitch_hz"] = settled
    found["pitch_drop_octaves"] = float(np.clip(np.log2(early[0] / settled), -2, 3)) if both else 0.0
    found["_low_hold"] = (
        float(np.clip(10 * np.log10((late[1] + EPS) / (early[1] + EPS)), FLOOR_DB, 20)) if both else 0.0
    )
    return found


@lru_cache(maxsize=64)
def _hann(size: int) -> Floats:
    return np.hanning(size).astype(np.float32)


def _low_pitch(x: Floats) -> tuple[float, float]:
    """Frequency in Hz and energy of the strongest partial between 30 and 400 Hz; zeros where there is none to hear."""
    spectrum = _power(x * _hann(x.size), LONG)
    low = spectrum[6:75]
    best = int(np.argmax(low))
    if low[best] <= LOW_FLOOR * float(spectrum.sum()):
        return 0.0, 0.0
    return (best + 6) * HOUSE_RATE_HZ / LONG, float(low[best])


def _compress(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Logarithms where an ear counts in ratios, in the order of NAMES; the classifier gets those."""
    out = values.copy()
    out[_RATIOS] = np.log10(out[_RATIOS] + 1e-5)
    out[_LOGS] = np.log1p(out[_LOGS])
    return out


def _bank(edges: tuple[int, ...]) -> Floats:
    """Rectangular bands, float32 (bands, bins)."""
    return np.stack([(a <= _FREQS) & (b > _FREQS) for a, b in pairwise(edges)]).astype(np.float32)


def _mel_bank() -> Floats:
    """Triangles evenly spaced on O'Shaughnessy's mel scale, each of unit sum, float32 (MELS, bins)."""
    ends = 2595 * np.log10(1 + np.array([MEL_LOW_HZ, MEL_HIGH_HZ]) / 700)
    hz = 700 * (10 ** (np.linspace(ends[0], ends[1], MELS + 2) / 2595) - 1)
    rising = (_FREQS - hz[:-2, None]) / (hz[1:-1, None] - hz[:-2, None])
    falling = (hz[2:, None] - _FREQS) / (hz[2:, None] - hz[1:-1, None])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


_FREQS = (np.arange(FFT // 2 + 1) * HOUSE_RATE_HZ / FFT).astype(np.float32)
_WINDOW = np.hanning(FFT).astype(np.float32)
_LONG_WINDOW = np.hanning(LONG).astype(np.float32)
_AUTO_TAPER = (1 - np.arange(LAGS) / LONG).astype(np.float32)
_DECAY_BANK = _bank(DECAY_BANDS_HZ)
_MEL_BANK = _mel_bank()
_DCT = np.sqrt(2 / MELS) * np.cos(np.pi * np.arange(CEPSTRA)[:, None] * (np.arange(MELS) + 0.5) / MELS)
_RATIOS = np.array([k.startswith("energy_") or k.endswith(RATIO_KINDS) for k in NAMES])
_LOGS = np.array([k.endswith(LOG_KINDS) for k in NAMES]) & ~_RATIOS
