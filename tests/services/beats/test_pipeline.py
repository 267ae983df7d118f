"""The ladder from sounds to a rendered beat: whatever is asked within the contract holds together."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import canonical
from services.audio.wavfile import read_wav, write_wav
from services.beats import pipeline, sounds
from services.beats.document import beat_to_doc, check_beat
from services.beats.render import master_mix, render_mix
from services.beats.request import BeatRequest, SourceInfo
from services.beats.styles import STYLES
from services.beats.types import METERS, ROLES, Sample
from services.errors import Invalid
from services.notation.midi import beat_midi
from tests.kits import kit_wavs

ALL = BeatRequest(96, bars=2, style="boombap", seed=11)


@cache
def cuts() -> tuple[sounds.Cut, ...]:
    infos = [
        (SourceInfo(f"a{i}", hashlib.sha256(wav).hexdigest(), name), wav)
        for i, (name, wav) in enumerate(kit_wavs().items())
    ]
    return tuple(sounds.whole(read_wav(wav), info)[0] for info, wav in infos)


def heard(count: int = 8) -> list[Sample]:
    return [cut.sample for cut in cuts()[:count]]


def fingerprint() -> str:
    """Document, WAV and MIDI of one beat as a hash: equal in every process."""
    beat = pipeline.make_beat(ALL, heard(), pipeline.Inputs())
    clips = {cut.sample.sample_id: read_wav(cut.wav) for cut in cuts()}
    wav = write_wav(master_mix(render_mix(beat, clips)), 24)
    whole = canonical.dumps(beat_to_doc(beat)) + wav + beat_midi(beat)
    return hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_another_process_makes_the_same_bytes(hash_seed: str) -> None:
    code = "from tests.services.beats.test_pipeline import fingerprint; print(fingerprint())"
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
    out = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == fingerprint()


requests = st.builds(
    BeatRequest,
    bpm=st.floats(40, 300, allow_nan=False).map(lambda x: round(x, 3)),
    bars=st.integers(1, 16),
    style=st.sampled_from(["auto", *STYLES]),
    swing=st.none() | st.floats(0.5, 0.75),
    swing_unit=st.sampled_from([None, 8, 16]),
    humanize=st.floats(0, 1),
    density=st.none() | st.floats(0, 1),
    seed=st.integers(0, 2**53 - 1),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests, st.sampled_from([None, *METERS]), st.integers(1, 8))
def test_any_valid_request_holds_together(request: BeatRequest, meter: str | None, count: int) -> None:
    if meter is not None and (request.style == "auto" or meter in STYLES[request.style].meters):
        request = request.changed({"meter": meter})
    beat = pipeline.make_beat(request, heard(count), pipeline.Inputs())
    check_beat(beat)
    assert beat.events
    assert len({e.id for e in beat.events}) == len(beat.events)
    assert all(0 < e.velocity <= 1 and e.sample_id in beat.kit for e in beat.events)
    assert all(0 <= e.bar < request.bars and 0 <= e.step < beat.grid.steps_per_bar for e in beat.events)
    assert meter is None or request.meter is None or beat.grid.meter == meter
    json.dumps(beat_to_doc(beat), allow_nan=False)


def test_locks_win_and_unknown_names_are_refused() -> None:
    beat = pipeline.make_beat(ALL.changed({"roles": {"rain": "CORE"}}), heard(), pipeline.Inputs())
    rain = next(s for s in beat.kit.values() if s.name == "rain.wav")
    assert (rain.role, rain.pool_role, rain.locked) == ("CORE", "CORE", True)
    with pytest.raises(Invalid, match="nobody"):
        pipeline.make_beat(ALL.changed({"roles": {"nobody": "CORE"}}), heard(), pipeline.Inputs())


def test_no_sounds_are_said() -> None:
    with pytest.raises(Invalid) as caught:
        pipeline.make_beat(ALL, [], pipeline.Inputs())
    assert caught.value.code == "no_sounds"


def test_regenerating_one_role_leaves_the_others_as_they_are() -> None:
    before = pipeline.make_beat(ALL, heard(), pipeline.Inputs())
    after = pipeline.regenerate(before, heard(), pipeline.Change("beat", {"seed": 12, "roles": ["MOTION"]}))
    assert [e for e in after.events if e.role != "MOTION"] == [e for e in before.events if e.role != "MOTION"]
    assert after.kit.keys() == before.kit.keys()


def test_regenerating_with_the_same_seed_changes_nothing() -> None:
    before = pipeline.make_beat(ALL, heard(), pipeline.Inputs())
    again = pipeline.regenerate(before, heard(), pipeline.Change("beat", {}))
    assert again.events == before.events


def test_a_skeleton_names_the_given_sounds_only() -> None:
    body = pipeline.skeleton(BeatRequest(120, style="house"), {"CORE": ["k"], "MOTION": ["h"]})
    assert {e["sample_id"] for e in body["events_json"]} == {"k", "h"}
    assert any("ACCENT" in w for w in body["meta"]["warnings"])
    assert set(body["meta"]["pools"]) == set(ROLES)


def test_the_same_bytes_under_two_names_are_one_sound_and_said() -> None:
    twice = [*heard(3), replace(heard()[0], name="again.wav")]
    beat = pipeline.make_beat(ALL.changed({"roles": {"again.wav": "TEXTURE"}}), twice, pipeline.Inputs())
    first = heard()[0]
    assert [s.name for s in beat.kit.values()] == [s.name for s in heard(3)]
    assert beat.kit[first.sample_id].pool_role == "TEXTURE"
    assert f"again.wav is the same sound as {first.name} and is in the kit once." in beat.meta["warnings"]


def test_a_skeleton_counts_the_sounds_of_its_pools_as_a_beat_does() -> None:
    body = pipeline.skeleton(BeatRequest(120, style="house"), {"CORE": ["k"], "MOTION": ["h", "s"]})
    assert body["meta"]["role_counts"] == {"CORE": 1, "ACCENT": 0, "MOTION": 2, "FILL": 0, "TEXTURE": 0}
    imagined = pipeline.skeleton(BeatRequest(120, style="house"), None)
    assert imagined["meta"]["role_counts"] == dict.fromkeys(ROLES, 0)


@pytest.mark.parametrize("name", ["h.wav", "h"])
def test_a_lock_moves_a_sound_of_a_skeleton(name: str) -> None:
    request = BeatRequest(120, style="house", roles={name: "CORE"}, title="Nine")
    body = pipeline.skeleton(request, {"CORE": ["k"], "MOTION": ["h.wav", "s"]})
    assert body["meta"]["pools"] == {"CORE": ["k", "h.wav"], "ACCENT": [], "MOTION": ["s"], "FILL": [], "TEXTURE": []}
    assert {e["role"] for e in body["events_json"] if e["sample_id"] == "h.wav"} <= {"CORE"}
    assert (body["meta"]["parameters"]["title"], body["meta"]["parameters"]["roles"]) == ("Nine", {name: "CORE"})


@pytest.mark.parametrize(
    ("field", "pools", "locks"),
    [
        ("pools", {"CORE": ["k", "k"]}, {}),
        ("pools", {"CORE": [f"k{i}" for i in range(40)], "FILL": [f"f{i}" for i in range(40)]}, {}),
        ("roles.nobody", {"CORE": ["k"]}, {"nobody": "FILL"}),
        ("roles.", {"CORE": ["k"]}, {"": "FILL"}),
        ("roles.k", None, {"k": "FILL"}),
    ],
)
def test_bad_pools_are_named_as_they_were_sent(field: str, pools: dict[str, list[str]] | None, locks: Any) -> None:
    with pytest.raises(Invalid) as caught:
        pipeline.skeleton(BeatRequest(120, style="house", roles=locks), pools)
    assert [e.field for e in caught.value.errors] == [field]
