"""One correction changes what later sounds of the same owner are taken for, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np
import pytest
import requests

from app import keys
from app.deps import Deps
from services.audio.clip import Clip
from services.audio.wavfile import read_wav, write_wav
from services.beats.types import ROLES
from tests.kits import kit_wavs
from tests.live import Live
from tests.sounds import placed, room

_numbers = count()


class Owner:
    """A client with a key and an owner of its own, so that its corrections change nobody else's beats."""

    def __init__(self, live: Live, deps: Deps) -> None:
        name = f"corrector-{next(_numbers)}"
        self.key, _ = keys.create(deps, name, owner=name)
        self.url, self.http = live.url, requests.Session()
        self.http.trust_env = False
        self.http.headers["X-API-Key"] = self.key

    def roles(self, files: dict[str, bytes], **fields: Any) -> dict[str, Any]:
        parts = [("samples", (name, data, "audio/wav")) for name, data in files.items()]
        return self._json(self.http.post(f"{self.url}/v1/roles", files=parts, data=fields, timeout=90))

    def post(self, path: str, **options: Any) -> dict[str, Any]:
        return self._json(self.http.post(self.url + path, timeout=90, **options))

    def get(self, path: str) -> dict[str, Any]:
        return self._json(self.http.get(self.url + path, timeout=30))

    def patch(self, sample_id: str, **said: Any) -> requests.Response:
        path = f"{self.url}/v1/samples/{sample_id}"
        etag = self.http.get(path, timeout=30).headers["ETag"]
        return self.http.patch(path, json=said, headers={"If-Match": etag}, timeout=30)

    def say(self, sample_id: str, **said: Any) -> dict[str, Any]:
        return self._json(self.patch(sample_id, **said))

    @staticmethod
    def _json(answer: requests.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
def owner(live: Live, deps: Deps) -> Owner:
    return Owner(live, deps)


def sound(name: str, seed: int = 1) -> bytes:
    return kit_wavs(seed)[f"{name}.wav"]


def again(wav: bytes, gain: float = 0.3, noise: float = 0.001) -> bytes:
    """The same sound recorded once more: quieter, later, in a little noise."""
    clip = read_wav(wav)
    x = np.pad(gain * clip.samples[0], (2000, 3000))
    hiss = noise * np.random.Generator(np.random.PCG64(9)).standard_normal(x.size)
    return write_wav(Clip((x + hiss).astype(np.float32)[None], clip.rate_hz), 16)


def another(role: str) -> str:
    return ROLES[(ROLES.index(role) + 2) % len(ROLES)]  # type: ignore[arg-type]


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (sample,) = answer["samples"]
    found: dict[str, Any] = sample
    return found


def test_a_correction_moves_the_sounds_that_are_alike_and_says_so(owner: Owner) -> None:
    first = only(owner.roles({"knock.wav": sound("knock")}))
    assert (first["corrected_by"], first["reason"]) == ([], "")
    role = another(first["role"])
    owner.say(first["sample_id"], role=role, name="door knock")
    later = only(owner.roles({"later.wav": again(sound("knock"))}))
    assert (later["role"], later["locked"]) == (role, False)
    (by,) = later["corrected_by"]
    assert (by["sample_id"], by["name"]) == (first["sample_id"], "door knock")
    assert 0.5 < by["similarity"] <= 1
    assert later["confidence"] == later["roles"][role] == max(later["roles"].values())
    assert f"moved to {role} because you corrected ‘door knock’, which sounds alike (" in later["reason"]


def test_other_sounds_stay_as_they_were(owner: Owner) -> None:
    others = {name: data for name, data in kit_wavs(3).items() if name not in ("knock.wav", "slap.wav")}
    before = owner.roles(others)["samples"]
    knock = only(owner.roles({"knock.wav": sound("knock", 3)}))
    owner.say(knock["sample_id"], role=another(knock["role"]))
    assert owner.roles(others)["samples"] == before


def test_a_kept_result_never_hides_a_new_correction(owner: Owner) -> None:
    copy = {"copy.wav": again(sound("slap"))}
    first = owner.roles({"slap.wav": sound("slap")})
    before = owner.roles(copy)
    equal = owner.roles(copy)
    assert equal["reused_from"] == before["job_id"]
    role = another(only(before)["role"])
    owner.say(only(first)["sample_id"], role=role)
    after = owner.roles(copy)
    assert after["reused_from"] is None and only(after)["role"] == role
    assert owner.roles(copy)["samples"] == after["samples"]
    owner.say(only(first)["sample_id"], role=None)
    assert owner.roles(copy)["samples"] == before["samples"]


def test_a_beat_plays_the_sound_where_the_correction_says_and_older_beats_stay(owner: Owner) -> None:
    kit = kit_wavs(5)
    parts = [("samples", (name, data, "audio/wav")) for name, data in kit.items()]
    fields = {"bpm": 96, "bars": 1, "style": "house"}
    old = owner.post("/v1/beat", files=parts, data=fields)
    spray = next(s for s in old["meta"]["samples"] if s["name"] == "spray.wav")
    role = "FILL" if spray["role"] != "FILL" else "TEXTURE"
    owner.say(spray["sample_id"], role=role)
    parts = [("samples", (f"new {name}", again(data), "audio/wav")) for name, data in kit.items()]
    new = owner.post("/v1/beat", files=parts, data=fields)
    found = next(s for s in new["meta"]["samples"] if s["name"] == "new spray.wav")
    assert (found["role"], found["pool_role"]) == (role, role)
    assert "because you corrected ‘spray.wav’" in found["reason"]
    assert owner.get(f"/v1/beat/{old['job_id']}")["meta"]["samples"] == old["meta"]["samples"]


def test_the_lock_of_a_request_wins(owner: Owner) -> None:
    first = only(owner.roles({"thud.wav": sound("thud")}))
    owner.say(first["sample_id"], role="MOTION")
    mine = only(owner.roles({"mine.wav": again(sound("thud"))}, roles='{"mine": "TEXTURE"}'))
    assert (mine["role"], mine["locked"], mine["reason"]) == ("TEXTURE", True, "")


def test_the_same_file_again_is_what_was_said_of_it(owner: Owner) -> None:
    first = only(owner.roles({"keys.wav": sound("keys")}))
    role = another(first["role"])
    owner.say(first["sample_id"], role=role)
    same = only(owner.roles({"other name.wav": sound("keys")}))
    assert (same["sample_id"], same["role"]) == (first["sample_id"], role)
    assert same["reason"].endswith("because you corrected it")
    named = only(owner.post("/v1/roles", json={"sample_ids": [first["sample_id"]]}))
    assert (named["role"], named["locked"]) == (role, True)


def test_a_corrected_instrument_brings_its_role_and_shows_in_the_library(owner: Owner) -> None:
    first = only(owner.roles({"rain.wav": sound("rain")}))
    shown = owner.say(first["sample_id"], instrument="kick")
    assert (shown["instrument"], shown["locked"]) == ("kick", False)
    later = only(owner.roles({"later.wav": again(sound("rain"), 0.5, 0.0)}))
    assert (later["instrument"], later["role"]) == ("kick", "CORE")
    assert "called kick and moved to CORE" in later["reason"]
    assert owner.get(f"/v1/samples/{later['sample_id']}")["corrected_by"] == later["corrected_by"]
    itself = only(owner.post("/v1/roles", json={"sample_ids": [first["sample_id"]]}))
    assert (itself["instrument"], itself["role"]) == ("kick", "CORE")
    assert owner.say(first["sample_id"], instrument=None)["instrument"] == first["instrument"]


def test_slices_follow_too(owner: Owner) -> None:
    first = only(owner.roles({"knock.wav": sound("knock", 8)}))
    role = another(first["role"])
    owner.say(first["sample_id"], role=role)
    hits = [(t, read_wav(sound("knock", 8))) for t in (0.4, 1.2)]
    take = write_wav(placed(hits, 2.0, room(2.0, 0.0005)), 16)
    found = owner.post("/v1/slices", files=[("audio", ("take.wav", take, "audio/wav"))], data={"dedupe": "false"})
    ids = [s["sample_id"] for s in found["slices"]]
    assert len(ids) == 2
    assert {owner.get(f"/v1/samples/{one}")["role"] for one in ids} == {role}
    judged = owner.post("/v1/roles", json={"sample_ids": ids})["samples"]
    assert {(s["role"], s["locked"], len(s["corrected_by"])) for s in judged} == {(role, False, 1)}


def test_nobody_follows_another_owners_corrections(live: Live, deps: Deps, owner: Owner) -> None:
    other = Owner(live, deps)
    files = {"barrel.wav": sound("barrel", 11)}
    before = only(other.roles(files))
    owner.say(only(owner.roles(files))["sample_id"], role=another(before["role"]))
    assert only(other.roles(files | {})) == before
    assert only(other.roles({"copy.wav": again(sound("barrel", 11))}))["corrected_by"] == []


def test_the_last_word_on_a_sound_counts_and_no_lost_one_does(owner: Owner) -> None:
    first = only(owner.roles({"stomp.wav": sound("stomp", 12)}))
    for role in ("FILL", "TEXTURE", "MOTION"):
        owner.say(first["sample_id"], role=role)
    path = f"{owner.url}/v1/samples/{first['sample_id']}"
    etag = owner.http.get(path, timeout=30).headers["ETag"]

    def say(role: str) -> int:
        headers = {"X-API-Key": owner.key, "If-Match": etag}
        return requests.patch(path, json={"role": role}, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(say, ROLES))
    assert sorted(codes) == [200, 412, 412, 412, 412]
    won = ROLES[codes.index(200)]
    assert owner.get(f"/v1/samples/{first['sample_id']}")["role"] == won
    assert only(owner.roles({"again.wav": again(sound("stomp", 12))}))["role"] == won


@pytest.mark.parametrize("said", [{"role": "KICK"}, {"instrument": "door"}, {"instrument": 3}, {"sounds_like": "x"}])
def test_what_cannot_be_said_is_refused(owner: Owner, said: dict[str, Any]) -> None:
    first = only(owner.roles({"slap.wav": sound("slap", 13)}))
    assert owner.patch(first["sample_id"], **said).status_code == 422
