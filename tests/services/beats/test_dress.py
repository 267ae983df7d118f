"""The plan of a dress: what follows from features alone, and how it grows with `shape`."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import pytest

from services.beats.dress import VARIANTS, Dressing, plan_kit, steps_of
from services.beats.dress_plan import centroid_hz, share_below
from services.beats.dress_tuning import SCALE, key_name, key_of, low_end_hz, pitch_of, shift_to
from services.beats.types import ROLES, Role, Sample
from tests import sounds
from tests.dressing import everyday, judged, planned, strange

USUAL = Dressing(0.6, tune=True, core_decay_ms=300.0)
EVERY = [s for s, _ in (*everyday().values(), *strange().values())]


def step(sample: Sample, role: Role, name: str, variant: str = "", dressing: Dressing = USUAL) -> dict | None:
    plan = plan_kit([sample], {sample.sample_id: (role,)}, dressing)[sample.sample_id]
    found = [s for s in steps_of(replace(sample, processing=plan), role, variant) if s["step"] == name]
    assert len(found) <= 1
    return found[0] if found else None


def everyday_sample(name: str) -> Sample:
    return everyday()[name][0]


def test_shape_0_and_silence_have_no_steps():
    silent, _ = judged("silent", sounds.silence(0.5))
    some = [*EVERY[:5], silent]
    roles = {s.sample_id: ROLES for s in some}
    assert set(plan_kit(some, roles, replace(USUAL, shape=0.0)).values()) == {()}
    assert plan_kit(some, roles, USUAL)[silent.sample_id] == ()


@pytest.mark.parametrize("shape", [0.01, 0.3, 0.6, 1.0])
def test_a_plan_is_json_with_rounded_numbers_and_few_steps(shape):
    for sample in EVERY:
        plan = plan_kit(EVERY, {sample.sample_id: ROLES}, replace(USUAL, shape=shape))[sample.sample_id]
        assert json.loads(json.dumps(plan, allow_nan=False)) == list(plan)
        for found in plan:
            numbers = {k: v for k, v in found.items() if k not in {"role", "variant", "step", "key"}}
            assert numbers
            assert all(v == round(v, 3) for v in numbers.values()), found
        for role in ROLES:
            for variant in VARIANTS[role]:
                assert 1 <= len(steps_of(replace(sample, processing=plan), role, variant)) <= 8


def test_a_sample_is_planned_for_the_roles_it_plays_or_else_for_its_pool():
    sample = replace(everyday_sample("perc_bell"), pool_role="FILL")
    other = replace(everyday_sample("misc_crow"), pool_role="ACCENT")
    plans = plan_kit([sample, other], {sample.sample_id: {"MOTION", "CORE"}}, USUAL)
    assert {s["role"] for s in plans[sample.sample_id]} == {"CORE", "MOTION"}
    assert {s["role"] for s in plans[other.sample_id]} == {"ACCENT"}
    assert steps_of(replace(sample, processing=plans[sample.sample_id]), "TEXTURE", "") == []


def test_the_numbers_of_core():
    for sample in EVERY:
        pitch, sine = step(sample, "CORE", "pitch"), step(sample, "CORE", "sine")
        tuned = 0.01 * pitch.get("tuned_cents", 0.0) if pitch else 0.0
        down = pitch["semitones"] - tuned if pitch else 0.0
        if centroid_hz(sample) > 1500:
            assert -12.001 <= down <= -2.999
        else:
            assert down == pytest.approx(0.0, abs=1e-3)
        assert (sine is None) == (share_below(sample, 120 * 2 ** (-down / 12)) >= 0.25)
        if sine:
            assert (sine["from_hz"], sine["glide_ms"]) == (160.0, 30.0)
            assert 43 <= sine["to_hz"] <= 58
            assert 180 <= sine["decay_ms"] <= 350
        assert step(sample, "CORE", "high_pass")["hz"] == 28
        assert step(sample, "CORE", "decay")["ms"] <= 300


@pytest.mark.parametrize(("style_ms", "most_ms"), [(220, 220), (350, 350), (800, 800), (2000, 900)])
def test_core_rings_as_long_as_its_style_asks_up_to_900_ms(style_ms, most_ms):
    found = step(everyday_sample("perc_bell"), "CORE", "decay", dressing=replace(USUAL, core_decay_ms=style_ms))["ms"]
    assert 0.8 * most_ms <= found <= most_ms


def test_the_numbers_of_accent():
    for sample in EVERY:
        lift, noise = step(sample, "ACCENT", "transient"), step(sample, "ACCENT", "noise")
        assert lift["ms"] == 10
        assert 3 <= lift["db"] <= 6
        assert step(sample, "ACCENT", "high_pass")["hz"] == 100
        assert 1.15 * step(sample, "ACCENT", "decay")["ms"] <= 400
        if noise:
            assert (noise["low_hz"], noise["high_hz"]) == (1500, 8000)
            assert 90 <= noise["decay_ms"] <= 160
            assert -12 <= noise["db"] <= -8
    assert step(everyday_sample("misc_crow"), "ACCENT", "noise")
    assert not step(everyday_sample("perc_till"), "ACCENT", "noise")  # coins are noise themselves


def test_the_numbers_of_motion():
    for sample in EVERY:
        assert 400 <= step(sample, "MOTION", "high_pass", "closed")["hz"] <= 2000
        assert step(sample, "MOTION", "onset", "open")["rise_ms"] <= 3
        assert 30 <= step(sample, "MOTION", "decay", "closed")["ms"] <= 80
        assert 180 <= step(sample, "MOTION", "decay", "open")["ms"] <= 350
        assert 600 <= step(sample, "MOTION", "decay", "ring")["ms"] <= 2000
        if 1 - share_below(sample, 5000) < 0.2:
            assert step(sample, "MOTION", "air", "closed")["above_hz"] == 6000
        pitch = step(sample, "MOTION", "pitch", "closed")
        if centroid_hz(sample) < 3000:
            assert 2.999 <= pitch["semitones"] - 0.01 * pitch.get("tuned_cents", 0.0) <= 12.001


def test_fills_have_three_pitches_and_beds_their_loop():
    for sample in EVERY:
        tuned = [step(sample, "FILL", "pitch", v, replace(USUAL, tune=False)) for v in ("low", "mid", "high")]
        assert [p["semitones"] if p else 0.0 for p in tuned] == [-5, 0, 4]
        assert 80 <= step(sample, "TEXTURE", "loop")["cross_ms"] <= 250
        assert step(sample, "TEXTURE", "high_pass")["hz"] == 180


def test_every_number_moves_steadily_with_shape():
    """From hardly anything near 0, and alike just under and just over the default."""
    for sample in EVERY:
        plans = [
            plan_kit(EVERY, {sample.sample_id: ROLES}, replace(USUAL, shape=shape))[sample.sample_id]
            for shape in (0.59, 0.61)
        ]
        for before, after in zip(*plans, strict=True):
            assert before.keys() == after.keys()
            for name, number in before.items():
                if isinstance(number, float):
                    assert after[name] == pytest.approx(number, rel=0.12, abs=1.5 if name.endswith("db") else 0.3), name
        faint = planned([(sample, None)], replace(USUAL, shape=0.001))[0][0]
        for found in faint.processing:
            assert abs(found.get("semitones", 0.0)) < 0.1
            assert found["step"] != "high_pass" or found["hz"] < 21
            assert found["step"] != "transient" or found["db"] < 0.1


def test_a_kit_is_tuned_to_one_key_by_two_semitones_at_most():
    names = {f"tone {hz}": sounds.burst(hz, 0.5, 0.0, seconds=1.0) for hz in (233.0, 322.0, 370.0, 512.0)}
    tones = [replace(judged(n, clip)[0], instrument="tonal") for n, clip in names.items()]
    assert all(pitch_of(s) for s in tones)
    root = key_of(tones)
    plans = plan_kit(tones, {s.sample_id: ("FILL",) for s in tones}, USUAL)
    for sample in tones:
        pitch = next(s for s in plans[sample.sample_id] if s["variant"] == "mid" and s["step"] == "pitch")
        assert pitch["key"] == key_name(root)
        assert abs(pitch["tuned_cents"]) <= 200
        note = 69 + 12 * math.log2(pitch_of(sample) / 440) + pitch["semitones"]
        assert min(abs((note - root - degree + 6) % 12 - 6) for degree in SCALE) < 0.02
    untuned = plan_kit(tones, {}, replace(USUAL, tune=False))
    assert not any("key" in s for plan in untuned.values() for s in plan)


def test_noise_has_no_pitch_and_gives_no_key():
    noises = [judged(f"noise {i}", sounds.noise(0.5, seed=i))[0] for i in range(4)]
    assert key_of(noises) is None
    assert all(step(s, "ACCENT", "pitch") is None for s in noises)


@pytest.mark.parametrize("root", range(12))
def test_the_low_end_of_a_kick_is_in_the_key_and_in_its_range(root):
    hz = low_end_hz(root)
    assert 43 <= hz <= 58
    degree = (69 + 12 * math.log2(hz / 440) - root) % 12
    assert min(abs(degree - d) for d in (*SCALE, 12)) < 0.1


def test_a_bass_goes_to_root_or_fifth_where_two_semitones_reach():
    for tenths in range(120):
        shift = shift_to(40 + tenths / 10, 9, bass=True)
        assert abs(shift) <= 2
        landed = (40 + tenths / 10 + shift - 9) % 12
        near = min(abs((40 + tenths / 10 - 9 - d + 6) % 12 - 6) for d in (0, 7))
        assert near > 2 or min(abs(landed - d) for d in (0, 7, 12)) < 1e-6


def test_a_tuned_bass_has_a_sub_on_root_or_fifth():
    clip = sounds.burst(110.0, 0.6, 0.0, seconds=1.5)
    bass = replace(judged("bass", clip)[0], instrument="bass")
    root = key_of([bass])
    sub = step(bass, "CORE", "sub")
    degree = round(69 + 12 * math.log2(sub["hz"] / 440)) - root
    assert degree % 12 in {0, 7}
    assert step(bass, "CORE", "sub", dressing=replace(USUAL, tune=False)) is None
    low = replace(judged("low bass", sounds.burst(62.0, 0.6, 0.0, seconds=1.5))[0], instrument="bass")
    assert pitch_of(low)
    assert step(low, "CORE", "sub") is None  # it is its own


def test_planning_reads_nothing_but_features_and_is_quick():
    roles = {s.sample_id: ROLES for s in EVERY}
    assert plan_kit(EVERY, roles, USUAL) == plan_kit(list(EVERY), dict(roles), USUAL)
    taken = []
    for _ in range(5):
        start = time.process_time()
        plan_kit(EVERY, roles, USUAL)
        taken.append((time.process_time() - start) / len(EVERY))
    assert min(taken) < 0.0005
