"""Who is asked: the services in this process, or a running server over HTTP. Both give the same answers.

In this process the seconds are those of the CPU after decoding; over HTTP they are those of the clock, decoding,
queue and transfer included.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import requests

from services.analysis.types import BeatHints
from services.audio.decode import Decoded, Limits, all_decoded, decode_files, encoded
from services.beats.oneshot import oneshot_trim
from services.beats.role_assign import judge
from services.jobs.types import Report
from services.transcription.types import Hit
from tests.bench.ears.score_music import Findings
from tests.bench.ears.score_roles import Answer

LONGEST_S = 7_200.0
BATCH = 16  # sounds a request
WAIT_S = 60
POLL_S = 0.2
KEPT = 2_048  # analyses that are remembered, so that tempo and key of a track are asked once


@dataclass(frozen=True, slots=True)
class Drums:
    """The hits of a recording, the seconds spent on it, and its length."""

    hits: tuple[Hit, ...]
    spent_s: float
    duration_s: float


class Ears(Protocol):
    """Whoever hears."""

    def roles(self, paths: Sequence[Path]) -> list[Answer]:
        """Each one-shot judged by itself."""
        ...

    def drums(self, path: Path) -> Drums:
        """The hits of a recording."""
        ...

    def findings(self, path: Path) -> Findings:
        """The analysis of a recording."""
        ...

    def place(self) -> str:
        """Where this is, for the report."""
        ...


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Decoded]:
    """A recording decoded as the product does it."""
    with tempfile.TemporaryDirectory() as folder:
        (one,) = all_decoded(decode_files([encoded(path)], Limits(max_s=LONGEST_S), folder))
        try:
            yield one
        finally:
            one.pcm.close()


class Here:
    """The services in this process."""

    def roles(self, paths: Sequence[Path]) -> list[Answer]:
        """Each one-shot judged by itself."""
        answers = [self._role(path) for path in (*paths[:1], *paths)]
        return answers[1:]  # the first loads the model

    def _role(self, path: Path) -> Answer:
        with _opened(path) as one:
            clip = one.clip()
        trim = oneshot_trim(clip, path.name).trim
        start = time.process_time()
        heard = judge(clip.cut(trim.start_s, trim.end_s), trim.attack_s - trim.start_s)
        return Answer(heard.instrument, heard.instruments, heard.role, time.process_time() - start)

    def drums(self, path: Path) -> Drums:
        """The hits of a recording."""
        from services.transcription.network import listen
        from services.transcription.pipeline import strokes_of

        with _opened(path) as one:
            start = time.process_time()
            hits = tuple(stroke.hit for stroke in strokes_of(listen(one.pcm)))
            return Drums(hits, time.process_time() - start, one.duration_s)

    @lru_cache(maxsize=KEPT)  # noqa: B019  one of it lives as long as the process
    def findings(self, path: Path) -> Findings:
        """The analysis of a recording."""
        from services.analysis.document import analysis_to_doc
        from services.analysis.pipeline import derive, listen

        quiet: Report = lambda _stage, _share: None  # noqa: E731  nobody watches
        with _opened(path) as one:
            start = time.process_time()
            made = analysis_to_doc(derive(listen(one.pcm, quiet), BeatHints()))
            return _findings(made, one.duration_s, time.process_time() - start)

    def place(self) -> str:
        """Where this is, for the report."""
        return "services in this process; times are CPU seconds after decoding"


class There:
    """A running server, asked with a key."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.http = url.rstrip("/"), requests.Session()
        self.http.headers["X-API-Key"] = key

    def roles(self, paths: Sequence[Path]) -> list[Answer]:
        """Each one-shot judged by itself; the time of a request is shared evenly."""
        answers = []
        for i in range(0, len(paths), BATCH):
            batch = paths[i : i + BATCH]
            body, spent_s = self._post("/v1/roles", "samples", batch)
            heard = {Path(s["name"]).stem: s for s in body["samples"]}
            for path in batch:
                s = heard[path.stem]
                answers.append(Answer(s["instrument"], s["instruments"], s["role"], spent_s / len(batch)))
        return answers

    def drums(self, path: Path) -> Drums:
        """The hits of a recording."""
        body, spent_s = self._post("/v1/transcriptions", "audio", [path])
        fields = ("time_s", "instrument", "variant", "velocity", "confidence")
        return Drums(tuple(Hit(**{f: e[f] for f in fields}) for e in body["events"]), spent_s, _length_s(path))

    @lru_cache(maxsize=KEPT)  # noqa: B019  one of it lives as long as the process
    def findings(self, path: Path) -> Findings:
        """The analysis of a recording."""
        body, spent_s = self._post("/v1/analyses", "audio", [path])
        return _findings(body, body["duration_s"], spent_s)

    def place(self) -> str:
        """Where this is, for the report."""
        return f"the server at {self.url}; times are seconds of the clock, everything included"

    def _post(self, route: str, field: str, paths: Sequence[Path]) -> tuple[dict[str, Any], float]:
        """The finished answer of a request and the seconds until it was there."""
        start = time.monotonic()
        files = [(field, (path.name, path.read_bytes(), "application/octet-stream")) for path in paths]
        answer = self.http.post(self.url + route, files=files, headers={"Prefer": f"wait={WAIT_S}"}, timeout=2 * WAIT_S)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        if answer.status_code == 202:
            body = self._result(answer.headers["Location"])
        return body, time.monotonic() - start

    def _result(self, location: str) -> dict[str, Any]:
        """The result of a job once it has ended. Raises RuntimeError if it failed."""
        address = location if location.startswith("http") else self.url + location
        while True:
            job = self.http.get(address, timeout=WAIT_S).json()
            if job["state"] == "succeeded":
                return dict(job["result"])
            if job["state"] in ("failed", "canceled"):
                raise RuntimeError(f"{address}: {job['state']}: {job.get('error')}")
            time.sleep(POLL_S)


def _length_s(path: Path) -> float:
    with _opened(path) as one:
        return one.duration_s


def _findings(body: Mapping[str, Any], duration_s: float, spent_s: float) -> Findings:
    """An analysis of the API as what is scored of it."""
    return Findings(
        bpm=body["bpm"],
        bpm_confidence=body["bpm_confidence"] or 0.0,
        beats_s=tuple(body["beats_s"]),
        downbeats_s=tuple(body["downbeats_s"]),
        meter=body["meter"],
        key=body["key"],
        keys=tuple(k["key"] for k in body["keys"]),
        tuning_cents=body["tuning_cents"],
        sections=tuple((s["start_s"], s["end_s"], s["label"]) for s in body["sections"]),
        duration_s=duration_s,
        spent_s=spent_s,
    )
