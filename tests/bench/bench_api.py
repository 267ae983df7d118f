"""The main job through HTTP and a worker: latency, throughput, reuse, the first file, and status with many clients.

Every request carries eight one-shots that nobody has sent before, so nothing comes from a cache but what is measured
as reuse. Client and server share the machine's cores.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import requests

from services.audio.clip import Clip
from services.audio.wavfile import write_wav
from tests.live import KEY, Live

RATE = 44_100
RUNS = 30


def one_shots(seed: int, count: int = 8, seconds: float = 1.0) -> list[tuple[str, bytes]]:
    """Decaying noises and tones, each different: (name, 16-bit mono WAV)."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(RATE * seconds)) / RATE
    out = []
    for i in range(count):
        f, decay = 55 * 2 ** (rng.uniform(0, 6)), rng.uniform(0.02, 0.25)
        tone = np.sin(2 * np.pi * f * t) * rng.uniform(0, 1) + rng.standard_normal(t.size) * rng.uniform(0, 0.6)
        samples = (0.5 * tone * np.exp(-t / decay)).clip(-1, 1).astype(np.float32)
        out.append((f"sound{i}.wav", write_wav(Clip(samples[None], RATE), 16)))
    return out


def prepared(live: Live, sounds: Sequence[tuple[str, bytes]], bars: int = 4) -> requests.PreparedRequest:
    """A request with its multipart body made: the client's own work on it is not what is measured."""
    parts = [("samples", (name, data, "audio/wav")) for name, data in sounds]
    fields = {"bpm": 120, "bars": bars, "style": "house"}
    return live.http.prepare_request(requests.Request("POST", f"{live.url}/v1/beat", files=parts, data=fields))


def sent(http: requests.Session, ready: requests.PreparedRequest) -> tuple[float, requests.Response]:
    """Seconds until the answer, and the answer."""
    began = time.perf_counter()
    answer = http.send(ready, timeout=90)
    took = time.perf_counter() - began
    assert answer.status_code == 200, answer.text[:500]
    return took, answer


def post(live: Live, sounds: Sequence[tuple[str, bytes]], bars: int = 4) -> tuple[float, dict]:
    """Seconds until the answer, and its body."""
    took, answer = sent(live.http, prepared(live, sounds, bars))
    return took, answer.json()


def quantiles(seconds: Sequence[float]) -> str:
    ms = sorted(1000 * s for s in seconds)
    p95, p99 = (ms[int(share * (len(ms) - 1))] for share in (0.95, 0.99))
    return f"p50 {statistics.median(ms):.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms (n={len(ms)})"


def own_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["X-API-Key"] = KEY
    return session


def latency(live: Live) -> None:
    times = [post(live, one_shots(seed))[0] for seed in range(RUNS + 5)][5:]
    print(f"| beat, 8 one-shots of 1 s, 4 bars, warm | {quantiles(times)} | p50 ≤ 150, p95 ≤ 300 |")
    same = one_shots(1)
    again = [post(live, same)[0] for _ in range(RUNS)]
    print(f"| the same request again (reuse) | {quantiles(again)} | p50 ≤ 15 |")
    firsts = []
    for seed in range(1000, 1000 + RUNS):
        beat = post(live, one_shots(seed))[1]
        began = time.perf_counter()
        assert live.get(beat["links"]["audio.wav"]).status_code == 200
        firsts.append(time.perf_counter() - began)
    print(f"| first audio.wav of it | {quantiles(firsts)} | ≤ 300 more |")


def throughput(live: Live, clients: int = 8, each: int = 12) -> None:
    asked = [prepared(live, one_shots(10_000 + i)) for i in range(clients * each)]

    def client(number: int) -> None:
        session = own_session()
        for ready in asked[number * each : (number + 1) * each]:
            sent(session, ready)

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    print(f"| throughput, {clients} clients | {clients * each / (time.perf_counter() - began):.1f} beats/s | ≥ 12 |")


def growth(live: Live) -> None:
    for count in (1, 8, 64):
        times = [post(live, one_shots(20_000 + 100 * count + i, count))[0] for i in range(5)]
        print(f"| {count} samples, 4 bars | p50 {1000 * statistics.median(times):.0f} ms (n=5) | |")
    for bars in (4, 16, 64):
        times = [post(live, one_shots(30_000 + 100 * bars + i), bars)[0] for i in range(5)]
        print(f"| 8 samples, {bars} bars | p50 {1000 * statistics.median(times):.0f} ms (n=5) | |")


def once_a_second(live: Live, path: str, clients: int = 50, seconds: int = 8) -> list[float]:
    """Each client asks once a second, not all at once."""

    def client(number: int) -> list[float]:
        session, times = own_session(), []
        time.sleep(number / clients)
        for _ in range(seconds):
            began = time.perf_counter()
            assert session.get(live.url + path, timeout=30).status_code == 200
            times.append(time.perf_counter() - began)
            time.sleep(max(0.0, 1 - times[-1]))
        return times[1:]

    with ThreadPoolExecutor(clients) as pool:
        return [t for times in pool.map(client, range(clients)) for t in times]


def watched(live: Live) -> None:
    job = post(live, one_shots(2))[1]["job_id"]
    print(f"| status, 50 clients once a second | {quantiles(once_a_second(live, f'/v1/jobs/{job}'))} | p99 ≤ 20 |")
    print(f"| health, 50 clients once a second | {quantiles(once_a_second(live, '/health'))} | p99 ≤ 10 |")
    with_held(live, lambda: once_a_second(live, "/health", clients=10))


def with_held(live: Live, ask: Callable[[], list[float]]) -> None:
    """/health while 50 event streams and 50 waiting requests are open on jobs that cannot start."""
    frozen = live.processes("app worker")
    import os
    import signal

    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        queued = live.post("/v1/skeleton", json={"bpm": 100, "seed": 999}, headers={"Prefer": "respond-async"}).json()
        stop = threading.Event()
        threads = [
            threading.Thread(target=_stream, args=(live, queued["job_id"], stop), daemon=True) for _ in range(50)
        ]
        threads += [threading.Thread(target=_waiter, args=(live, i), daemon=True) for i in range(50)]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        print(f"| health with 50 streams and 50 waiters open | {quantiles(ask())} | p99 ≤ 50 |")
        stop.set()
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


def _stream(live: Live, job: str, stop: threading.Event) -> None:
    with own_session().get(f"{live.url}/v1/jobs/{job}/events", stream=True, timeout=60) as answer:
        for _ in answer.iter_lines():
            if stop.is_set():
                return


def _waiter(live: Live, number: int) -> None:
    own_session().post(
        f"{live.url}/v1/skeleton", json={"bpm": 100, "seed": number}, headers={"Prefer": "wait=15"}, timeout=60
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        live = Live(Path(folder)).ready()
        try:
            print("| what | measured | target |\n|---|---|---|")
            for part in (latency, throughput, growth, watched):
                part(live)
        finally:
            live.stop()


if __name__ == "__main__":
    main()
