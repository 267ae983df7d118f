"""A whole instance of the product for tests: started as `make run` does, on a free port, in its own directory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
KEY = "test-key-0123456789-0123456789-0123456789"
START_S = 60.0
STOP_S = 20.0


def free_port() -> int:
    """A loopback port that nothing listens on just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Live:
    """A running instance: `url`, its key, its data directory and an HTTP session that carries the key."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "stack.log"
        env = {k: v for k, v in os.environ.items() if k not in ("MONGODB_URI", "REDIS_URL")}
        own = {
            "APP_ENV": "test",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATA_DIR": str(self.data),
            "BOOTSTRAP_API_KEY": KEY,
            "MIN_FREE_GB": "0.1",
        }
        self.env = {**env, **own, **settings}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "up"], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["X-API-Key"] = KEY

    def ready(self, within_s: float = START_S) -> Live:
        """Wait until /ready says so."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            try:
                if requests.get(f"{self.url}/ready", timeout=5).status_code == 200:
                    return self
            except requests.RequestException:
                pass
            if self.process.poll() is not None:
                raise AssertionError(f"the stack ended: {self.log.read_text()[-4000:]}")
            time.sleep(0.1)
        raise AssertionError(f"not ready: {self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        """TERM, as systemd or docker would."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(self.url + path, timeout=60, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.http.post(self.url + path, timeout=90, **options)

    def beat(self, files: Mapping[str, bytes], **fields: Any) -> requests.Response:
        """POST /v1/beat with WAV files by name."""
        parts = [("samples", (name, data, "audio/wav")) for name, data in files.items()]
        return self.post("/v1/beat", files=parts, data={"bpm": 96, **fields})

    def processes(self, words: str) -> list[int]:
        """The pids of this instance's processes whose command line holds the words."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environ = (entry / "environ").read_bytes()
            except (OSError, UnicodeDecodeError):
                continue
            if words in line and f"DATA_DIR={self.data}".encode() in environ.split(b"\0"):
                found.append(int(entry.name))
        return sorted(found)
