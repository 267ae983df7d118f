"""A terminal client of the HTTP API: what any other client would do, with a progress bar."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests

from app.config import Settings

TIMEOUT_S = 60.0
POLL_S = 0.25
BAR_CHARS = 30
SHOWN_BARS = 4
FIELDS = ("bpm", "bars", "style", "meter", "mode", "seed", "density", "swing", "humanize", "title")
Progress = Callable[[str, float], None]


class Refused(Exception):
    """A problem document, as one sentence with its fields."""

    def __init__(self, problem: dict[str, Any]) -> None:
        detail = problem.get("detail", "")
        others = [e for e in problem.get("errors", []) if e["message"] not in detail]
        fields = "".join(f"\n  {e['field']}: {e['message']}" for e in others)
        super().__init__(f"{problem.get('detail', 'the server refused')}{fields}")
        self.problem = problem


class Client:
    """A server at `url`, asked with an API key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self.http = requests.Session()
        self.http.trust_env = False  # a proxy in the environment must not see the key
        self.http.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str) -> requests.Response:
        """GET; raises Refused for a problem."""
        return self._checked(self.http.get(self.url + path, timeout=TIMEOUT_S))

    def beat(self, files: Sequence[Path], fields: dict[str, Any], progress: Progress | None = None) -> dict[str, Any]:
        """Make a beat and wait for it. Raises Refused with the server's own sentence."""
        with ExitStack() as opened:
            parts = [("samples", (f.name, opened.enter_context(f.open("rb")))) for f in files]
            form = {k: str(v) for k, v in fields.items() if v is not None}
            answer = self.http.post(
                f"{self.url}/v1/beat",
                files=parts,
                data=form,
                headers={"Prefer": "respond-async"},
                timeout=TIMEOUT_S * 10,
            )
        job = self._checked(answer).json()
        while "state" in job and job["state"] in ("queued", "running"):
            if progress:
                progress(job.get("stage") or job["state"], job["progress"])
            time.sleep(POLL_S)
            job = self.get(f"/v1/jobs/{job['job_id']}").json()
        if job.get("state") in ("failed", "canceled"):
            raise Refused(job["error"])
        body: dict[str, Any] = self.get(f"/v1/beat/{job['job_id']}").json()
        return body

    def save(self, beat: dict[str, Any], name: str, path: Path) -> None:
        """Download a file of a beat."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.get(beat["links"][name]).content)

    def _checked(self, answer: requests.Response) -> requests.Response:
        if answer.status_code >= 400:
            is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
            raise Refused(answer.json() if is_problem else {"detail": f"the server answered {answer.status_code}"})
        return answer


def make_beat(args: argparse.Namespace, settings: Settings) -> int:
    """`python -m app beat`: upload, wait, save. Exit status 1 with the server's sentence when it refuses."""
    files = [found for named in args.files for found in (sorted(named.iterdir()) if named.is_dir() else [named])]
    missing = [str(f) for f in files if not f.is_file()]
    if missing:
        print(f"There is no file {', '.join(missing)}.", file=sys.stderr)
        return 2
    key = args.key or own_key(settings)
    if not key:
        print("No API key: pass --key, or set BOOTSTRAP_API_KEY.", file=sys.stderr)
        return 2
    client = Client(args.url or f"http://127.0.0.1:{settings.port}", key)
    try:
        beat = client.beat(files, {name: getattr(args, name) for name in FIELDS}, _bar)
        _bar("done", 1.0)
        print(file=sys.stderr)
        for name in ("audio.wav", "beat.mid"):
            client.save(beat, name, args.out / f"beat{Path(name).suffix}")
    except Refused as err:
        print(f"\n{err}", file=sys.stderr)
        return 1
    except requests.ConnectionError:
        print(f"\nNo server answers at {client.url}: start one with `make run`.", file=sys.stderr)
        return 1
    (args.out / "beat.json").write_text(json.dumps(beat, indent=1))
    print(table(beat), grid(beat), f"\nWrote {args.out}/beat.wav, beat.mid and beat.json", sep="\n")
    return 0


def own_key(settings: Settings) -> str:
    """The key of the instance in DATA_DIR: the bootstrap key, else the one made at first start."""
    first = settings.run_dir / "first-key"
    return settings.bootstrap_api_key or (first.read_text().strip() if first.exists() else "")


def _bar(stage: str, progress: float) -> None:
    full = round(progress * BAR_CHARS)
    print(f"\r[{'#' * full}{'.' * (BAR_CHARS - full)}] {progress:4.0%} {stage:12}", end="", file=sys.stderr, flush=True)


def table(beat: dict[str, Any]) -> str:
    """The samples of a beat with their roles, as text."""
    counts: dict[str, int] = {}
    for event in beat["events_json"]:
        counts[event["sample_id"]] = counts.get(event["sample_id"], 0) + 1
    rows = [f"{'sample':26} {'pool':8} {'heard as':8} {'instrument':11} {'sure':>5} {'hits':>5}"]
    for s in sorted(beat["meta"]["samples"], key=lambda s: (s["pool_role"] or "", s["name"])):
        rows.append(
            f"{s['name'][:26]:26} {s['pool_role'] or '-':8} {s['role']:8} {s['instrument']:11} "
            f"{s['confidence']:5.0%} {counts.get(s['sample_id'], 0):5}"
        )
    return "\n".join(rows)


def grid(beat: dict[str, Any]) -> str:
    """The first four bars of a beat as a step grid: `#` loud, `+` middle, `.` soft, `-` nothing."""
    g = beat["grid_json"]
    shown = f", the first {SHOWN_BARS} of them" if g["bars"] > SHOWN_BARS else ""
    lines = [f"\n{beat['meta']['style']}, {g['bpm']:g} bpm, {g['meter']}, {g['bars']} bars{shown}"]
    for role in ("CORE", "ACCENT", "MOTION", "FILL", "TEXTURE"):
        cells = [["-"] * g["steps_per_bar"] for _ in range(min(SHOWN_BARS, g["bars"]))]
        for e in beat["events_json"]:
            if e["role"] == role and e["bar"] < len(cells) and not e["muted"]:
                cells[e["bar"]][e["step"]] = "#" if e["velocity"] > 0.66 else "+" if e["velocity"] > 0.33 else "."
        lines.append(f"{role:8} " + "|".join("".join(bar) for bar in cells))
    return "\n".join(lines)
