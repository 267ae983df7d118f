"""Drum tracks from sounds, parts and beds: audio and the hits in it, as a network may meet them.

Tracks come alone, in a mix, or as a separator leaves them (the bed faint behind), in rooms, compressed, saturated,
equalised, through narrow bands and lossy codecs. A tenth hold no drums at all. Hits closer than MERGE_S on one drum are
one, as they are to a listener.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import av
import drum_beds
import drum_patterns
import numpy as np
import numpy.typing as npt
import role_synth
import scipy.signal
from drum_sounds import Kit, Layer, Piece, draw_kit

from services.transcription.spectrum import HOP, WINDOW, bands, frames_of
from services.transcription.types import DRUMS

RATE_HZ = 44_100
TRACK_S = 16.0
MERGE_S = 0.02
NO_DRUMS = 0.13  # of the tracks
NOT_MUSIC = 0.5  # of these: noise, voices, tones
ALONE = 0.4
MIX_DB = (-6.0, 12.0)  # of the bed against the drums
LEAK_DB = (-30.0, -12.0)

Mono = npt.NDArray[np.float32]
Rng = np.random.Generator
Hits = list[tuple[float, int, float]]  # seconds, place in DRUMS, velocity


@dataclass(frozen=True)
class Track:
    """Levels as uint8 (frames, 84), 1/60 each, and its hits."""

    levels: npt.NDArray[np.uint8]
    hits: Hits


LEVEL_STEPS = 60.0  # of uint8 per unit of level: 4.2 is the most


@dataclass(frozen=True)
class Touch:
    """How velocity becomes level: a line above 1 - `law` (a power for 1), with the layers' own levels or all alike."""

    law: float
    layered: bool

    def level(self, velocity: float, layer: Layer) -> float:
        """Of a stroke against the piece's hardest."""
        own = layer.peak if self.layered else 1.0
        return own * ((1 - self.law) + self.law * velocity) ** (1.5 if self.law > 0.9 else 1.0)


def strike(out: Mono, piece: Piece, stroke: drum_patterns.Stroke, touch: Touch, gain: float) -> float:
    """Add one stroke; where it begins to sound, s."""
    layer = piece.at(stroke.velocity)
    at = round(stroke.time_s * RATE_HZ)
    x = layer.audio[: max(0, out.size - at)]
    out[at : at + x.size] += gain * touch.level(stroke.velocity, layer) * x
    return stroke.time_s + layer.onset / RATE_HZ


def play(rng: Rng, kit: Kit, strokes: list[drum_patterns.Stroke], seconds: float) -> tuple[Mono, Hits]:
    """The part on the kit: dry audio, and what sounds when."""
    out = np.zeros(round(seconds * RATE_HZ), dtype=np.float32)
    touch = Touch(float(rng.choice([0.75, 0.75, 1.0])), bool(rng.random() < 0.5))
    gains = {drum: float(10 ** (rng.normal(0, 4) / 20)) for drum in kit}
    metal = float(10 ** (-rng.uniform(0, 15) / 20))  # kits differ most in how loud their metal is
    for drum in ("hat_closed", "hat_open", "ride", "crash", "shaker"):
        if drum in gains and rng.random() < 0.8:
            gains[drum] *= metal * float(rng.uniform(0.5, 1.0))
    fixed = {drum: pieces[int(rng.integers(len(pieces)))] for drum, pieces in kit.items()}
    hits: Hits = []
    for s in strokes:
        drum = s.drum if s.drum in kit else "hat_closed" if s.drum in ("ride", "crash", "hat_open") else "snare"
        if drum not in kit:
            continue
        piece = kit[drum][int(rng.integers(len(kit[drum])))] if drum == "tom" else fixed[drum]
        begins = strike(out, piece, s, touch, gains[drum])
        if drum in DRUMS and begins < seconds:
            hits.append((begins, DRUMS.index(drum), s.velocity))
    return out, merged(hits)


def merged(hits: Hits) -> Hits:
    """One drum struck twice within MERGE_S is one hit, the harder of both."""
    out: Hits = []
    last: dict[int, int] = {}
    for time_s, drum, velocity in sorted(hits):
        before = last.get(drum)
        if before is not None and time_s - out[before][0] < MERGE_S:
            out[before] = (out[before][0], drum, max(velocity, out[before][2]))
            continue
        last[drum] = len(out)
        out.append((time_s, drum, velocity))
    return out


def _rms(x: Mono) -> float:
    return float(np.sqrt(np.mean(np.square(x)) + 1e-12))


def room(rng: Rng, x: Mono) -> Mono:
    """A room made of decaying noise, its direct sound untouched."""
    n = round(role_synth.log_uniform(rng, 0.08, 1.2) * RATE_HZ)
    tail = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    tail = scipy.signal.sosfilt(
        scipy.signal.butter(1, role_synth.log_uniform(rng, 1500, 9000), fs=RATE_HZ, output="sos"), tail
    )
    tail[: round(rng.uniform(0.002, 0.02) * RATE_HZ)] = 0
    wet = scipy.signal.oaconvolve(x, tail / np.sqrt(np.sum(tail**2) + 1e-9))[: x.size]
    return np.asarray(x + wet * role_synth.log_uniform(rng, 0.05, 0.5), dtype=np.float32)


def squeezed(rng: Rng, x: Mono) -> Mono:
    """A compressor of 2:1 to 8:1 on blocks of 3 ms, with a release."""
    block = 132
    power = np.add.reduceat(x**2, np.arange(0, x.size, block)) / block
    level = 10 * np.log10(scipy.signal.lfilter([0.15], [1, -0.85], power) + 1e-9)
    over = np.maximum(0, level - (float(level.max()) - rng.uniform(6, 24)))
    gain_db = -over * (1 - 1 / rng.uniform(2, 8))
    gain = np.interp(np.arange(x.size), np.arange(level.size) * block, 10 ** (gain_db / 20))
    return np.asarray(x * gain, dtype=np.float32)


def coded(rng: Rng, x: Mono) -> Mono:
    """Through MP3 at a low rate and back, aligned by what the decoder tells of its delay (0 with a gapless header)."""
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp3") as out:
        stream = out.add_stream("libmp3lame", rate=RATE_HZ, layout="mono")
        stream.bit_rate = int(rng.choice([48_000, 64_000, 96_000]))
        pcm = (np.clip(x, -1, 1) * 32_000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16p", layout="mono")
        frame.rate = RATE_HZ
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    sink.seek(0)
    with av.open(sink, format="mp3") as back:
        decoded = [f.to_ndarray()[0] for f in back.decode(audio=0)]
    y = np.concatenate(decoded).astype(np.float32)
    return np.pad(y, (0, max(0, x.size - y.size)))[: x.size]


def narrowed(rng: Rng, x: Mono) -> Mono:
    """As a telephone or a recording of 8 or 16 kHz keeps it: nothing above a steep edge, sometimes no lows either."""
    edge = scipy.signal.butter(8, role_synth.log_uniform(rng, 3000, 8000), fs=RATE_HZ, output="sos")
    y = scipy.signal.sosfilt(edge, x)
    if rng.random() < 0.4:
        high = scipy.signal.butter(1, role_synth.log_uniform(rng, 100, 300), "highpass", fs=RATE_HZ, output="sos")
        y = scipy.signal.sosfilt(high, y)
    return np.asarray(y, dtype=np.float32)


def masked(rng: Rng, drums: Mono, bed: Mono) -> Mono:
    """Drums as a separator leaves them: the mix times a soft mask of how much of each spot is drums."""
    _, _, d = scipy.signal.stft(drums, RATE_HZ, nperseg=2048, noverlap=1536)
    _, _, b = scipy.signal.stft(bed, RATE_HZ, nperseg=2048, noverlap=1536)
    power = float(rng.uniform(1, 2))
    mask = np.abs(d) ** power / (np.abs(d) ** power + np.abs(b) ** power + 1e-9)
    mask = np.maximum(mask, 10 ** (rng.uniform(*LEAK_DB) / 20))
    _, y = scipy.signal.istft((d + b) * mask, RATE_HZ, nperseg=2048, noverlap=1536)
    return np.pad(y, (0, max(0, drums.size - y.size)))[: drums.size].astype(np.float32)


def noise_bed(rng: Rng, size: int) -> Mono:
    """Coloured or white noise, sometimes swelling; voices one after another; or tones and drones."""
    kind = rng.random()
    if kind < 0.45:
        x = rng.standard_normal(size)
        if rng.random() < 0.7:
            low, high = role_synth.log_uniform(rng, 30, 500), role_synth.log_uniform(rng, 800, 18_000)
            x = role_synth.noise(rng, size, low, high, 1)
        if rng.random() < 0.4:
            points = rng.uniform(0.1, 1, int(rng.integers(3, 20)))
            x = x * np.interp(np.arange(size), np.linspace(0, size, points.size), points)
        return np.asarray(x / (np.abs(x).max() + 1e-9), dtype=np.float32)
    if kind < 0.6:
        t, x = np.arange(size) / RATE_HZ, np.zeros(size)
        for _ in range(int(rng.integers(1, 5))):
            hz, wobble = role_synth.log_uniform(rng, 30, 5000), role_synth.log_uniform(rng, 0.1, 8)
            x += rng.uniform(0.2, 1) * np.sin(2 * np.pi * hz * t + rng.uniform(0, 3) * np.sin(2 * np.pi * wobble * t))
        return np.asarray(x / np.abs(x).max(), dtype=np.float32)
    out, at = np.zeros(size, dtype=np.float32), 0
    while at < size:
        voice = np.asarray(role_synth.vocal(rng), dtype=np.float32)[: size - at]
        out[at : at + voice.size] += voice
        at += round(voice.size * rng.uniform(0.5, 1.2)) + 1
    return out


def _bed(rng: Rng, paths: list[Path], size: int) -> tuple[Mono, float, int]:
    """A bed with its tempo and meter; sometimes noise or voices with any tempo."""
    if rng.random() < 0.12:
        return noise_bed(rng, size), float(rng.uniform(50, 220)), int(rng.choice(drum_beds.METERS))
    bed = drum_beds.load(paths[int(rng.integers(len(paths)))])
    bar = round(60 / bed.bpm * bed.meter * RATE_HZ)
    latest = max(0, (bed.audio.size - size) // bar)
    audio = bed.audio[bar * int(rng.integers(latest + 1)) :][:size]
    if rng.random() < 0.2:
        audio = audio + noise_bed(rng, audio.size) * _rms(audio)
    bpm = bed.bpm if rng.random() < 0.85 else float(rng.uniform(50, 220))
    return np.pad(audio, (0, size - audio.size)).astype(np.float32), bpm, bed.meter


def _effects(rng: Rng, x: Mono) -> Mono:
    """What happens to a finished mix."""
    if rng.random() < 0.2:
        x = squeezed(rng, x)
    if rng.random() < 0.25:
        x = np.tanh(x / (np.abs(x).max() + 1e-9) * role_synth.log_uniform(rng, 0.8, 6)).astype(np.float32)
    if rng.random() < 0.25:
        kind = "highpass" if rng.random() < 0.5 else "lowpass"
        hz = role_synth.log_uniform(rng, 30, 120) if kind == "highpass" else role_synth.log_uniform(rng, 7000, 16_000)
        x = scipy.signal.sosfilt(scipy.signal.butter(1, hz, kind, fs=RATE_HZ, output="sos"), x).astype(np.float32)
    if rng.random() < 0.3:
        x = scipy.signal.lfilter([1, float(rng.uniform(-0.4, 0.4))], [1], x).astype(np.float32)
    if rng.random() < 0.06:
        x = narrowed(rng, x)
    x = x / (np.abs(x).max() + 1e-9)
    if rng.random() < 0.08:
        x = coded(rng, x * 0.9)
    if rng.random() < 0.3:
        x = x + rng.standard_normal(x.size).astype(np.float32) * 10 ** (-float(rng.uniform(35, 75)) / 20)
    return x.astype(np.float32)


def audio_of(rng: Rng, found: dict[str, list[Piece]], beds: list[Path]) -> tuple[Mono, Hits]:
    """One track of TRACK_S, peak about 1, and its hits in time order."""
    size, fate = round(TRACK_S * RATE_HZ), rng.random()
    if fate < NO_DRUMS * NOT_MUSIC:
        return _effects(rng, noise_bed(rng, size)), []
    bed, bpm, quarters = _bed(rng, beds, size)
    if fate < NO_DRUMS:
        return _effects(rng, bed), []
    drums, hits = play(rng, draw_kit(rng, found), drum_patterns.strokes(rng, TRACK_S, bpm, quarters), TRACK_S)
    if rng.random() < 0.35:
        drums = room(rng, drums)
    if rng.random() < 0.2:
        drums = squeezed(rng, drums)
    if fate < NO_DRUMS + ALONE:
        return _effects(rng, drums), hits
    scale = _rms(drums) / _rms(bed) if hits else 1.0
    how = rng.random()
    if how < 0.12:
        return _effects(rng, masked(rng, drums, bed * scale * 10 ** (float(rng.uniform(-6, 6)) / 20))), hits
    span = LEAK_DB if how < 0.2 else MIX_DB
    level_db = float(rng.triangular(span[0], min(0.0, span[1]), span[1])) if span[0] < min(0.0, span[1]) else span[0]
    return _effects(rng, drums + bed * scale * 10 ** (level_db / 20)), hits


def levels_of(audio: Mono) -> npt.NDArray[np.uint8]:
    """The network's picture of a track, stored in bytes."""
    x = audio / max(1e-9, float(np.abs(audio).max()))
    half = WINDOW // 2
    levels = bands(np.pad(x, (half, half + HOP)), frames_of(x.size))
    return np.rint(np.minimum(levels * LEVEL_STEPS, 255)).astype(np.uint8)


def track(seed: int, stream: int, found: dict[str, list[Piece]], beds: list[Path]) -> Track:
    """The track of a seed in a stream of seeds (0 trains, others judge)."""
    audio, hits = audio_of(np.random.default_rng([23, stream, seed]), found, beds)
    return Track(levels_of(audio), hits)
