"""A server is asked over HTTP, at once or through a job, and its answers are read as those of the services are."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.transcription.types import Hit
from tests.bench.ears.hearing import There

KEY = "k" * 40
HITS = [{"id": "e1", "time_s": 0.25, "instrument": "kick", "variant": None, "velocity": 0.7, "confidence": 0.9,
         "alternatives": [{"instrument": "tom", "probability": 0.1}]}]  # fmt: skip
ANALYSIS = {
    "duration_s": 1.0, "bpm": 120.0, "bpm_confidence": 0.8, "beats_s": [0.0, 0.5], "downbeats_s": [0.0], "meter": "4/4",
    "key": None, "keys": [{"key": "C major", "probability": 0.2}], "tuning_cents": None,
    "sections": [{"start_s": 0.0, "end_s": 1.0, "label": "A", "confidence": 1.0}],
}  # fmt: skip
SAMPLES = [{"name": "a.wav", "instrument": "snare", "instruments": {"snare": 0.8}, "role": "ACCENT"}]


class Door(BaseHTTPRequestHandler):
    """Answers roles at once, and everything else with a job that is done when it is asked for the second time."""

    asked: dict[str, int]

    def do_POST(self) -> None:
        assert self.headers["X-API-Key"] == KEY
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/roles":
            return self.say(200, {"samples": SAMPLES})
        return self.say(202, {"state": "queued"}, {"Location": f"/v1/jobs/{self.path.rsplit('/', 1)[1]}"})

    def do_GET(self) -> None:
        kind = self.path.rsplit("/", 1)[1]
        type(self).asked[kind] = self.asked.get(kind, 0) + 1
        results = {"transcriptions": {"events": HITS}, "analyses": ANALYSIS}
        done = self.asked[kind] > 1
        self.say(200, {"state": "succeeded", "result": results[kind]} if done else {"state": "running"})

    def say(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def there() -> Iterator[There]:
    Door.asked = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    ears = There(f"http://127.0.0.1:{server.server_port}/", KEY)
    ears.http.trust_env = False
    yield ears
    ears.http.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", np.zeros(44_100), 44_100)
    return tmp_path / "a.wav"


def test_roles_come_at_once(there, sound):
    (answer,) = there.roles([sound])
    assert (answer.instrument, answer.role) == ("snare", "ACCENT")
    assert answer.instruments == {"snare": 0.8}


def test_hits_come_through_a_job(there, sound):
    heard = there.drums(sound)
    assert heard.hits == (Hit(0.25, "kick", None, 0.7, 0.9),)
    assert heard.duration_s == pytest.approx(1.0)
    assert Door.asked == {"transcriptions": 2}


def test_an_analysis_is_asked_once(there, sound):
    first, second = there.findings(sound), there.findings(sound)
    assert first is second
    assert (first.bpm, first.key, first.keys, first.meter) == (120.0, None, ("C major",), "4/4")
    assert first.sections == ((0.0, 1.0, "A"),)
    assert Door.asked == {"analyses": 2}
