"""The hostile corpus through the whole product: refused in a sentence, nothing left behind, the house stays up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests import hostile
from tests.kits import kit_wavs
from tests.live import KEY, Live

pytestmark = pytest.mark.faults

# Resident memory of one instance's processes while the corpus passes: two web processes, two workers with their
# children (numpy, scipy and the decoders loaded), Redis, sweeper and one decoder cage at its 512 MB bound.
GROUP_MB = 2500


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[hostile.Hostile]:
    return hostile.build(tmp_path_factory.mktemp("hostile"))


class Watch:
    """Asks /health and adds up memory until told to stop."""

    def __init__(self, live: Live) -> None:
        self.live, self.stopping = live, threading.Event()
        self.slowest_s, self.failures, self.most_mb = 0.0, 0, 0.0
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        group = psutil.Process(self.live.process.pid)
        while not self.stopping.is_set():
            began = time.perf_counter()
            try:
                self.failures += requests.get(f"{self.live.url}/health", timeout=5).status_code != 200
            except requests.RequestException:
                self.failures += 1
            self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
            self.most_mb = max(self.most_mb, _group_mb(group))
            self.stopping.wait(0.2)

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()


def _group_mb(group: psutil.Process) -> float:
    total = 0
    for process in [group, *group.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


@pytest.fixture(scope="module")
def watch(live: Live) -> Iterator[Watch]:
    watching = Watch(live)
    yield watching
    watching.stop()


def post(live: Live, path: Path, name: str) -> requests.Response:
    with path.open("rb") as file:
        return requests.post(
            f"{live.url}/v1/beat",
            files=[("samples", (name, file, "audio/wav"))],
            data={"bpm": 96},
            headers={"X-API-Key": KEY, "Prefer": "wait=60"},
            timeout=90,
        )


def test_the_corpus_is_refused_in_sentences_and_leaves_nothing(
    live: Live, corpus: list[hostile.Hostile], watch: Watch
) -> None:
    assert len(corpus) >= 40
    before = {a["asset_id"] for a in live.get("/v1/assets?limit=100").json()["assets"]}
    wrong = []
    for one in corpus:
        answer = post(live, one.path, one.path.name)
        body = answer.json()
        sentence = body.get("errors", [{}])[0].get("message", "") or body.get("detail", "")
        if answer.status_code != one.status or len(sentence) < 12 or "/tmp" in answer.text or "Error" in sentence:
            wrong.append((one.name, one.status, answer.status_code, body.get("detail")))
    assert wrong == []
    assert {a["asset_id"] for a in live.get("/v1/assets?limit=100").json()["assets"]} == before
    assert live.beat(kit_wavs(), bars=1, seed=5).status_code == 200


def test_seven_hours_in_a_small_file_are_cut_off(live: Live, tmp_path: Path, watch: Watch) -> None:
    one = hostile.seven_hours(tmp_path)
    began = time.monotonic()
    answer = post(live, one.path, "long.mp3")
    assert answer.status_code == 413
    assert "preprocess" in answer.json()["detail"]
    assert time.monotonic() - began < 30


def test_every_hostile_name_is_only_a_name(live: Live, watch: Watch) -> None:
    sounds = list(kit_wavs(400).values())
    parts = [("samples", (name, sounds[i % len(sounds)], "audio/wav")) for i, name in enumerate(hostile.NAMES)]
    answer = live.post("/v1/beat", files=parts, data={"bpm": 96, "bars": 1})
    assert answer.status_code == 200, answer.text
    names = [s["name"] for s in answer.json()["meta"]["samples"]]
    assert all(0 < len(name) <= 200 and not any(c in name for c in "/\0\r\n\u202e") for name in names)


def test_meanwhile_the_house_stood(watch: Watch) -> None:
    watch.stop()
    print(f"\nslowest /health {1000 * watch.slowest_s:.0f} ms, most memory {watch.most_mb:.0f} MB (bound {GROUP_MB})")
    assert watch.failures == 0
    assert watch.slowest_s < 5
    assert watch.most_mb < GROUP_MB
