"""Sources to samples inside a job: decode, Stage 1 and 2, each source's result kept under its stage key."""

from __future__ import annotations

import base64
import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.tasks import JobContext
from db import assets, corrections, samples, stages
from services.audio.decode import Decoded, Encoded, Limits, NotDecodable, decode_files
from services.beats import sounds
from services.beats.corrections import Said, because, corrected
from services.beats.document import sample_from_doc, to_doc
from services.beats.preprocess import SliceRequest
from services.beats.request import SourceInfo
from services.beats.types import ONESHOT_MAX_S, Sample
from services.errors import FieldError, Invalid, NotFound, ServiceError, SourceExpired
from services.version import code_version

PEAKS = 800  # points of a waveform picture: two for each pixel of a phone
CUTS_AT_ONCE = 64  # WAVs that wait for the disk together; each is at most 2 s, or one whole one-shot
PEAK_BLOCK = 1 << 18  # frames read at a time for peaks
ADVICE = "A longer recording goes with mode=preprocess, which cuts it into one-shots."
SILENT = "is silent: record it again a little louder"


@dataclass(frozen=True, slots=True)
class Heard:
    """Samples in the order of their sources, and what the user should know."""

    samples: tuple[Sample, ...] = ()
    warnings: tuple[str, ...] = field(default=())


@contextlib.contextmanager
def decoded(
    ctx: JobContext, sources: Sequence[dict[str, Any]], limits: Limits, *, silence: bool = False
) -> Iterator[list[Decoded]]:
    """The sources as PCM, all or none; on failure the assets that only this request brought are removed.

    `silence`: a silent file is an answer, too; else it is refused. Raises NotAudio, TooLarge or Invalid with an entry
    per refused file; SourceExpired when an upload is gone.
    """
    with contextlib.ExitStack() as opened:
        try:
            files = [Encoded(_open(ctx, s, opened), s["container"], s["name"]) for s in sources]
            seconds = max(1.0, sum(s.get("duration_s") or limits.max_s for s in sources))
            found = decode_files(
                files, limits, ctx.blobs.staging(), lambda s: ctx.report("decode", min(0.3, 0.3 * s / seconds))
            )
            whole = _all_usable(sources, found, silence=silence)
        except ServiceError:
            assets.remove_unheard(ctx.deps.store, tuple(ctx.job.get("fresh") or ()))
            raise
        for one in whole:
            opened.callback(one.pcm.close)
        _note(ctx, sources, whole)
        yield whole


def _open(ctx: JobContext, source: dict[str, Any], opened: contextlib.ExitStack) -> int:
    try:
        return opened.enter_context(ctx.blobs.open(source["sha256"])).fileno()
    except NotFound:
        raise SourceExpired(f"{source['name']} has expired: upload it again.") from None


def _all_usable(
    sources: Sequence[dict[str, Any]], found: Sequence[Decoded | NotDecodable], *, silence: bool
) -> list[Decoded]:
    """The files, if all can be decoded and, but for `silence`, heard. Raises the first refusal with an entry for each
    refused file."""
    whole, refused = [], []
    for source, one in zip(sources, found, strict=True):
        if isinstance(one, NotDecodable):
            refused.append((source["field"], one.error))
        elif one.silent and not silence:
            refused.append((source["field"], Invalid(f"{source['name']} {SILENT}", code="silent")))
        else:
            whole.append(one)
    if refused:
        first = refused[0][1]
        first.errors = tuple(FieldError(name, error.message) for name, error in refused)
        raise first
    return whole


def _note(ctx: JobContext, sources: Sequence[dict[str, Any]], found: Sequence[Decoded]) -> None:
    """Keep what decoding found, for the assets that had not been decoded before."""
    facts = {
        source["asset_id"]: {
            "duration_s": round(one.duration_s, 6),
            "channels": one.info.channels,
            "rate_hz": one.info.rate_hz,
            "codec": one.info.codec,
            "peaks": peaks(one),
        }
        for source, one in zip(sources, found, strict=True)
        if "sample_id" not in source and assets.audio_facts(ctx.deps.store, source["asset_id"]) is None
    }
    assets.note_audio(ctx.deps.store, facts)
    ctx.measure(sum(one.duration_s for one in found))


def peaks(one: Decoded) -> str:
    """Lowest and highest sample of at most 800 equal parts of a file, as base64 of signed bytes (1/127 each)."""
    pcm = one.pcm
    edges = np.linspace(0, pcm.frames, min(PEAKS, pcm.frames) + 1).astype(int)
    per_block = max(1, PEAK_BLOCK // max(1, int(edges[1] - edges[0])))
    pairs = np.zeros((len(edges) - 1, 2))
    for first in range(0, len(edges) - 1, per_block):
        last = min(len(edges) - 1, first + per_block)
        block = pcm.read(int(edges[first]), int(edges[last] - edges[first]))
        starts = edges[first:last] - edges[first]
        pairs[first:last, 0] = np.minimum.reduceat(block.min(axis=0), starts)
        pairs[first:last, 1] = np.maximum.reduceat(block.max(axis=0), starts)
    return base64.b64encode(np.rint(pairs.clip(-1, 1) * 127).astype(np.int8).tobytes()).decode()


def hear(ctx: JobContext, sources: Sequence[dict[str, Any]], mode: str, max_slices: int) -> Heard:
    """Stage 1 and 2 for every source, in order; sources heard before come from their stage keys, unless told not to.

    What the owner has corrected is heeded last, so that no kept result hides it.
    """
    said = said_by_owner(ctx)
    known = {i: old for i, s in enumerate(sources) if (old := _known(ctx, s, mode, max_slices)) is not None}
    todo = [i for i in range(len(sources)) if i not in known]
    made: dict[int, tuple[list[sounds.Cut], list[str]]] = {}
    if todo:
        limits = (
            Limits(max_s=ONESHOT_MAX_S, advice=ADVICE)
            if mode == "oneshot"
            else Limits(max_s=ctx.deps.settings.max_audio_s)
        )
        with decoded(ctx, [sources[i] for i in todo], limits) as pcms:
            for done, (i, pcm) in enumerate(zip(todo, pcms, strict=True)):
                made[i] = _hear_one(ctx, sources[i], pcm, (mode, max_slices))
                ctx.report("roles", 0.3 + 0.5 * (done + 1) / len(todo))
        store_cuts(ctx, [cut for cuts, _ in made.values() for cut in cuts])
        for i, (cuts, warnings) in made.items():
            known[i] = Heard(tuple(cut.sample for cut in cuts), tuple(warnings))
        _keep(ctx, {_key(ctx, sources[i], mode, max_slices): known[i] for i in made}, said)
    found = [known[i] for i in range(len(sources))]
    return Heard(
        tuple(corrected(s, said) for h in found for s in h.samples), tuple(w for h in found for w in h.warnings)
    )


def said_by_owner(ctx: JobContext) -> Said:
    """What the job's owner has corrected until now."""
    return Said.of(corrections.said_by(ctx.deps.store, ctx.job["owner"]))


def _hear_one(
    ctx: JobContext, source: dict[str, Any], pcm: Decoded, how: tuple[str, int]
) -> tuple[list[sounds.Cut], list[str]]:
    """Stage 1 and 2 for one source: its cuts, and warnings."""
    mode, max_slices = how
    info = SourceInfo(source.get("asset_id") or "", source["sha256"], source["name"])
    if mode == "oneshot":
        cut, warnings = sounds.whole(pcm.clip(), info)
        return [cut], warnings
    found, warnings = sounds.slices(pcm.pcm, info, SliceRequest(max_slices=max_slices), ctx.report)
    return list(sounds.cuts(pcm.pcm, info, found)), warnings


def store_cuts(ctx: JobContext, cuts: Iterable[sounds.Cut]) -> list[Sample]:
    """Put the cuts' WAVs into the blob store, some at a time; the samples that name them."""
    out, waiting = [], iter(cuts)
    while batch := list(itertools.islice(waiting, CUTS_AT_ONCE)):
        ctx.blobs.put_many([cut.wav for cut in batch])
        out += [cut.sample for cut in batch]
    return out


def keep_samples(ctx: JobContext, heard: Iterable[Sample], said: Said) -> None:
    """Put samples into the owner's library, as the owner's corrections would have them."""
    told = (corrected(s, said) for s in heard)
    docs = [to_doc(replace(s, reason=because(s))) for s in told]
    samples.save_samples(ctx.deps.store, ctx.job["owner"], docs)


def _keep(ctx: JobContext, found: dict[str, Heard], said: Said) -> None:
    """Remember the sources' stage results, and the samples in the owner's library."""
    owner, docs = ctx.job["owner"], {key: [to_doc(s) for s in heard.samples] for key, heard in found.items()}
    stages.save_stages(
        ctx.deps.store, owner, {key: {"samples": docs[key], "warnings": list(found[key].warnings)} for key in found}
    )
    keep_samples(ctx, [s for heard in found.values() for s in heard.samples], said)


def _key(ctx: JobContext, source: dict[str, Any], mode: str, max_slices: int) -> str:
    facts = {
        "code": code_version(),
        "sha256": source["sha256"],
        "mode": mode,
        "name": source["name"],
        "max_slices": max_slices if mode == "preprocess" else 0,
    }
    return stages.stage_key(ctx.job["owner"], "sounds", facts)


def _known(ctx: JobContext, source: dict[str, Any], mode: str, max_slices: int) -> Heard | None:
    """What this owner already has of a source: a sample named by id, or a stage result whose blobs are all there."""
    if "sample_id" in source:
        doc = samples.sample(ctx.deps.store, ctx.job["owner"], source["sample_id"])
        sample = sample_from_doc({k: v for k, v in doc.items() if k in Sample.__dataclass_fields__})
        return Heard((replace(sample, name=source["name"]),)) if ctx.blobs.touch(doc["blob"]) else None
    if ctx.job["params"].get("no_cache") or assets.audio_facts(ctx.deps.store, source["asset_id"]) is None:
        return None
    body = stages.stage(ctx.deps.store, _key(ctx, source, mode, max_slices))
    if body is None or not all(ctx.blobs.touch(s["blob"]) for s in body["samples"]):
        return None
    return Heard(tuple(sample_from_doc(s) for s in body["samples"]), tuple(body["warnings"]))
