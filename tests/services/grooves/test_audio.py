"""Grooves of recordings: a beat rendered with a known template gives it back; what has no pulse is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import signal

from services.audio.clip import Clip, ClipSource
from services.beats.pipeline import Inputs, make_beat
from services.beats.request import BeatRequest
from services.errors import Invalid
from services.grooves.audio import groove_of_audio
from services.grooves.parts import USUAL_PEAK
from services.grooves.types import Groove, Read
from tests.groove_material import Kit, Take, drums, everyday, home_bpm, taken
from tests.services.grooves.templates import LAID_BACK, STRAIGHT, SWUNG, late_ms

RATE = 44_100
LATE_MS = 3.0
TWO_PEAKS_MS = 8.0  # between the peaks of the bundled impact
VELOCITY, VELOCITY_MAX = 0.08, 0.25  # of the usual step; of one that another sound of its role shares


def read(audio: np.ndarray, **asked: object) -> Read:
    return groove_of_audio(ClipSource(Clip(np.atleast_2d(audio).astype(np.float32), RATE)), **asked)  # type: ignore[arg-type]


def played(kit: Kit, style: str, known: Groove) -> Take:
    asked = BeatRequest(home_bpm(style), bars=4, style=style, roles=dict(kit.locks))
    return taken(make_beat(asked, kit.samples, Inputs(groove=known)), kit)


@pytest.mark.parametrize("style", ["boombap", "rock", "funk", "garage"])
@pytest.mark.parametrize("known", [STRAIGHT, SWUNG, LAID_BACK], ids=["straight", "swung", "laid back"])
@pytest.mark.parametrize("kit", [drums, everyday], ids=["drums", "everyday"])
def test_a_rendered_template_comes_back(kit: Callable[[], Kit], known: Groove, style: str) -> None:
    """Every step that is given back is within 3 ms. An everyday kick has two peaks, either of which may be taken for
    the attack. Velocities follow the role's own dynamics."""
    take, bpm = played(kit(), style, known), home_bpm(style)
    for audio in (take.master, sum(take.stems.values())):
        found = read(np.asarray(audio), bpm=bpm).groove
        off, compared = [], 0
        for role, row in found.offset_ms.items():
            steps = sorted({e["step"] for e in take.of(role)} & row.keys() & known.offset_ms[role].keys())
            loudest = max((known.velocity[role][step] for step in steps), default=1.0)
            compared += len(steps)
            late = {step: late_ms(found, role, step, bpm) - late_ms(known, role, step, bpm) for step in steps}
            bound = TWO_PEAKS_MS if role == "CORE" and kit is everyday else LATE_MS
            for step in steps:
                assert abs(late[step]) <= bound, (role, step)
                off.append(abs(found.velocity[role][step] - known.velocity[role][step] * USUAL_PEAK[role] / loudest))
        assert compared >= 6
        assert np.median(off) <= VELOCITY
        assert max(off) <= VELOCITY_MAX


def test_a_snare_beside_a_kick_is_left_out_rather_than_guessed() -> None:
    take = played(drums(), "disco", LAID_BACK)
    found = read(take.master, bpm=home_bpm("disco")).groove
    both = {e["step"] for e in take.of("CORE")} & found.offset_ms["CORE"].keys()
    assert both >= {4, 12}
    assert not both & found.offset_ms.get("ACCENT", {}).keys()


def clicks(times_s: list[float], length_s: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = rng.standard_normal(round(length_s * RATE)) * 1e-4
    n = np.arange(2_000)
    for at in times_s:
        start = round(at * RATE)
        out[start : start + 2_000] += (0.5 * rng.standard_normal(2_000) * np.exp(-n / 300))[: len(out) - start]
    return out


def speech(seed: int, length_s: float = 12.0) -> np.ndarray:
    """Syllables of uneven length: a buzz through a formant, breaths and hisses between."""
    rng = np.random.default_rng(seed)
    out, at = np.zeros(round(length_s * RATE)), 0.2
    while at < length_s - 0.5:
        lasts = rng.uniform(0.08, 0.3)
        n = round(lasts * RATE)
        buzz = signal.sawtooth(2 * np.pi * rng.uniform(100, 160) * np.arange(n) / RATE) + 0.3 * rng.standard_normal(n)
        formant = rng.uniform(400, 2_500)
        sos = signal.butter(2, [0.7 * formant, 1.4 * formant], "band", fs=RATE, output="sos")
        out[round(at * RATE) :][:n] += signal.sosfilt(sos, buzz) * np.hanning(n) * rng.uniform(0.3, 1)
        if rng.random() < 0.4:
            out[round(at * RATE) :][:2_646] += 0.2 * np.diff(rng.standard_normal(2_647)) * np.hanning(2_646)
        at += lasts + rng.choice([0.02, 0.05, 0.1, 0.4])
    return out


NOISE = np.random.default_rng(7)
NO_GROOVE = {
    "a drone": 0.3 * np.sin(2 * np.pi * 110 * np.arange(8 * RATE) / RATE),
    "hiss": 0.1 * NOISE.standard_normal(8 * RATE),
    "one hit": clicks([0.5], 4.0),
    "hits at random": clicks(sorted(NOISE.uniform(0, 15, 40).tolist()), 16.0),
    "speech": speech(1),
    "more speech": speech(2),
    "silence": np.zeros(4 * RATE),
    "ten samples": np.ones(10),
    "a hundredth of a second": np.ones(441) * 0.1,
}


@pytest.mark.parametrize("asked", [{}, {"bpm": 100.0}], ids=["tempo sought", "tempo sent"])
@pytest.mark.parametrize("audio", NO_GROOVE.values(), ids=NO_GROOVE.keys())
def test_what_has_no_pulse_has_no_groove(audio: np.ndarray, asked: dict[str, float]) -> None:
    with pytest.raises(Invalid) as refused:
        read(audio, **asked)
    assert refused.value.code == "no_groove"


@pytest.mark.parametrize("style", ["house", "rock", "funk", "lofi", "trap", "garage"])
def test_the_tempo_is_found_where_none_is_sent(style: str) -> None:
    take = played(drums(), style, STRAIGHT)
    assert read(take.master).bpm == pytest.approx(home_bpm(style), rel=0.0005)


def test_a_recording_that_begins_late_is_read_from_its_own_bar_line() -> None:
    take = played(drums(), "rock", LAID_BACK)
    early = read(take.master, bpm=home_bpm("rock")).groove
    late = read(np.concatenate([np.zeros((2, 30_001)), take.master], axis=1), bpm=home_bpm("rock")).groove
    assert late.offset_ms["ACCENT"].keys() == early.offset_ms["ACCENT"].keys()
    for step, ms in late.offset_ms["ACCENT"].items():
        assert ms == pytest.approx(early.offset_ms["ACCENT"][step], abs=3)


def test_the_same_recording_gives_the_same_groove() -> None:
    take = played(drums(), "boombap", SWUNG)
    assert read(take.master) == read(take.master)
