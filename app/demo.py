"""`make run`: the whole stack on embedded defaults, two beats from the bundled sounds through HTTP, then serving."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from app import client
from app.config import Settings
from app.stack import CannotStart, refuse_taken_port

ROOT = Path(__file__).resolve().parent.parent
SOUNDS = ROOT / "deploy" / "sounds"
OUT = Path("demo")
START_S = 60.0
STOP_S = 20.0
POLL_S = 0.1
LOG_TAIL_CHARS = 2000  # of the stack's log, shown when it does not start


def run(settings: Settings, *, once: bool) -> int:
    """Start `python -m app up` as a child, make the beats, then serve until it ends or Ctrl-C; `once` stops it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # TERM, like Ctrl-C, ends the stack as well
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        refuse_taken_port(settings)
    except CannotStart as err:
        print(err, file=sys.stderr)
        return 2
    with log_of(settings).open("ab") as log:
        stack = subprocess.Popen(
            [sys.executable, "-m", "app", "up"], cwd=ROOT, env=_environ(settings), stdout=log, stderr=log
        )
    print(f"Starting the stack (log: {log_of(settings)}) ...", flush=True)
    try:
        _wait_ready(settings, stack)
        beat = _make(settings)
        if not once:
            _say_where(settings, beat)
            return stack.wait()
    except KeyboardInterrupt:
        return 0
    except (client.Refused, TimeoutError, requests.RequestException) as err:
        print(f"The demo could not be made: {err}", file=sys.stderr)
        return 1
    finally:
        _stop(stack)
    return 0


def log_of(settings: Settings) -> Path:
    """Where the stack's log goes, so that the terminal shows the beats."""
    return settings.data_dir / "stack.log"


def _environ(settings: Settings) -> dict[str, str]:
    return {**os.environ, "DATA_DIR": str(settings.data_dir), "PYTHONUNBUFFERED": "1"}


def _wait_ready(settings: Settings, stack: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    detail = "no answer"
    while time.monotonic() < until:
        if stack.poll() is not None:
            tail = log_of(settings).read_text(errors="replace")[-LOG_TAIL_CHARS:]
            raise TimeoutError(f"the stack ended with status {stack.returncode}:\n{tail}")
        try:
            answer = requests.get(f"http://127.0.0.1:{settings.port}/ready", timeout=2)
        except requests.RequestException:
            time.sleep(POLL_S)
            continue
        if answer.status_code == 200:
            return
        detail = answer.text
        time.sleep(POLL_S)
    raise TimeoutError(f"the stack was not ready within {START_S:.0f} s: {detail}")


def _make(settings: Settings) -> dict[str, object]:
    """Two beats: boombap cut from one kitchen recording, house from single sounds. The first is written to demo/."""
    server = client.Client(f"http://127.0.0.1:{settings.port}", client.own_key(settings))
    with tempfile.TemporaryDirectory() as folder:
        kitchen = Path(folder) / "kitchen.wav"
        subprocess.run(
            [sys.executable, str(ROOT / "deploy" / "make_kitchen.py"), str(kitchen)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        first = server.beat(
            [kitchen], {"bpm": 92, "bars": 8, "style": "boombap", "mode": "preprocess", "title": "Kitchen"}
        )
    sounds = sorted(SOUNDS.glob("*.flac"))
    second = server.beat(
        sounds, {"bpm": 124, "bars": 8, "style": "house", "mode": "oneshot", "title": "House of things"}
    )
    for name, file in (("audio.wav", "beat.wav"), ("beat.mid", "beat.mid")):
        server.save(first, name, OUT / file)
    (OUT / "beat.json").write_text(json.dumps(first, indent=1))
    for beat in (first, second):
        print(f"\n== {beat['title']}\n{client.table(beat)}\n{client.grid(beat)}")
    print(f"\nWrote {OUT}/beat.wav, {OUT}/beat.mid and {OUT}/beat.json (the first of the two).", flush=True)
    return first


def _say_where(settings: Settings, beat: dict[str, object]) -> None:
    key = client.own_key(settings)
    base = f"http://127.0.0.1:{settings.port}"
    # production logs are kept and read by others: there the key stays in its file
    prod = settings.app_env == "prod"
    shown = "$(cat DATA_DIR/run/first-key)" if prod else key
    fragment = "" if prod else f"#key={key}&beat={beat['job_id']}"
    print(
        f"""
Listen:    {base}/{fragment}
API:       {base}/docs
The beat:  curl -H "X-API-Key: {shown}" {base}/v1/beat/{beat["job_id"]}
Stop:      Ctrl-C""",
        flush=True,
    )


def _stop(stack: subprocess.Popen[bytes]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut the stop short
    if stack.poll() is None:
        stack.send_signal(signal.SIGTERM)
        try:
            stack.wait(STOP_S)
        except subprocess.TimeoutExpired:
            stack.kill()
            stack.wait()
