"""Sounds: from decoded audio to stored, judged samples (Stage 1 and 2 for one source).

A source is one upload. In `oneshot` mode it is one sound, kept whole with a trim; in `preprocess` mode Stage 1 cuts
it into many. Every cut is stored as 24-bit WAV at 44.1 kHz, so that later stages never decode again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from services.audio.clip import AudioSource, Clip
from services.audio.wavfile import write_wav
from services.beats.oneshot import OneshotTrim, oneshot_trim
from services.beats.preprocess import Slice, SliceRequest, Slicing, cut_clip, slice_source
from services.beats.request import SourceInfo
from services.beats.role_assign import judge
from services.beats.types import Sample, SourceRef, Trim
from services.jobs.types import Report

CUT_BITS = 24
SAMPLE_ID_HEX = 16


@dataclass(frozen=True, slots=True)
class Cut:
    """A sound before it is stored: the sample it will be and its 24-bit WAV."""

    sample: Sample
    wav: bytes


def sample_id_of(sha256: str, start_frame: int, end_frame: int) -> str:
    """The id of a cut: the first 16 hex digits of the SHA-256 of source hash and cut, in 44.1 kHz frames."""
    return hashlib.sha256(f"{sha256}:{start_frame}:{end_frame}".encode()).hexdigest()[:SAMPLE_ID_HEX]


def whole(clip: Clip, info: SourceInfo) -> tuple[Cut, list[str]]:
    """A one-shot upload as a sample (kept whole, trimmed to its strongest hit), and warnings for the user."""
    trim = oneshot_trim(clip, info.name)
    sample_id = sample_id_of(info.sha256, 0, clip.frames)
    warnings = [trim.warning] if trim.warning else []
    return _judged(clip, sample_id, info, trim), warnings


def slices(
    source: AudioSource, info: SourceInfo, request: SliceRequest, report: Report | None = None
) -> tuple[list[Slice], list[str]]:
    """Stage 1 over a source: the kept slices and warnings."""
    found: Slicing = slice_source(source, request, report)
    return list(found.slices), [f"{info.name}: {w}" for w in found.warnings]


def cuts(source: AudioSource, info: SourceInfo, found: list[Slice]) -> Iterator[Cut]:
    """The found slices as stored, judged samples, in the given order."""
    stem = info.name.rpartition(".")[0] or info.name
    for number, piece in enumerate(found, 1):
        clip = cut_clip(source, piece)
        sample_id = slice_id(info, source.rate_hz, piece)
        yield _sliced(clip, sample_id, info, piece, f"{stem} {number:03d}")


def slice_id(info: SourceInfo, rate_hz: int, piece: Slice) -> str:
    """The sample id of a slice."""
    return sample_id_of(info.sha256, round(piece.start_s * rate_hz), round(piece.end_s * rate_hz))


def _sliced(clip: Clip, sample_id: str, info: SourceInfo, piece: Slice, name: str) -> Cut:
    attack_s = piece.attack_s - piece.start_s
    wav = write_wav(clip, CUT_BITS)
    heard = judge(clip, attack_s)
    sample = Sample(
        sample_id=sample_id,
        asset_id=info.asset_id,
        name=name,
        blob=hashlib.sha256(wav).hexdigest(),
        role=heard.role,
        roles=heard.roles,
        instrument=heard.instrument,
        instruments=heard.instruments,
        confidence=heard.confidence,
        pool_role=heard.role,
        reason="",
        source=SourceRef(info.asset_id, piece.start_s, piece.end_s),
        trim=Trim(0.0, clip.duration_s),
        onset_s=piece.onset_s - piece.start_s,
        attack_s=attack_s,
        loudness_db=piece.loudness_db,
        quality=piece.quality,
        features=heard.features,
    )
    return Cut(sample, wav)


def _judged(clip: Clip, sample_id: str, info: SourceInfo, found: OneshotTrim) -> Cut:
    wav, trim = write_wav(clip, CUT_BITS), found.trim
    heard = judge(clip.cut(trim.start_s, trim.end_s), trim.attack_s - trim.start_s)
    sample = Sample(
        sample_id=sample_id,
        asset_id=info.asset_id,
        name=info.name,
        blob=hashlib.sha256(wav).hexdigest(),
        role=heard.role,
        roles=heard.roles,
        instrument=heard.instrument,
        instruments=heard.instruments,
        confidence=heard.confidence,
        pool_role=heard.role,
        reason="",
        source=SourceRef(info.asset_id, 0.0, clip.duration_s),
        trim=Trim(trim.start_s, trim.end_s),
        onset_s=trim.onset_s,
        attack_s=trim.attack_s,
        features=heard.features,
        alternatives=tuple(Trim(a.start_s, a.end_s) for a in found.alternatives),
    )
    return Cut(sample, wav)
