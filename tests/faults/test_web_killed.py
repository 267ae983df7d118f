"""kill -9 of a web process in the middle of an upload: the client sees it, nothing is left, the next request works."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.faults import table
from tests.kits import kit_wavs
from tests.live import KEY, Live

pytestmark = pytest.mark.faults


def half_an_upload(live: Live) -> socket.socket:
    """A multipart request whose second half never comes."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="samples"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        + kit_wavs()["rain.wav"]
    )
    head = (
        f"POST /v1/beat HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: {2 * len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", live.port), timeout=10)
    connection.sendall(head.encode() + body)
    return connection


def web_workers(live: Live) -> list[int]:
    pids = live.processes("gunicorn")
    return [p for p in pids if int(Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()[1]) in pids]


def test_kill_web_workers_mid_upload(tmp_path: Path) -> None:
    live = Live(tmp_path).ready()
    try:
        done = live.beat(kit_wavs(), bars=1).json()
        connections = [half_an_upload(live) for _ in range(4)]
        time.sleep(0.5)
        killed = web_workers(live)
        assert len(killed) == 2
        began = time.monotonic()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        for connection in connections:
            with connection:
                try:
                    assert connection.recv(100) == b""
                except ConnectionResetError:
                    pass
        live.http.close()
        live.ready(20)
        again = time.monotonic() - began
        assert live.get(f"/v1/beat/{done['job_id']}").status_code == 200
        assert live.beat(kit_wavs(2), bars=1).status_code == 200
        assert live.get("/v1/jobs").json()["jobs"][-1]["state"] == "succeeded"
        table.ROWS.append(("kill -9 web workers mid-upload", 2, again, time.monotonic() - began))
    finally:
        live.stop()
