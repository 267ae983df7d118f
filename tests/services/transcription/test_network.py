"""The drum network on whole recordings: what it finds, what it must not invent, and that chunks do not show."""

import numpy as np
import pytest

from services.models import onnx, registry
from services.transcription import network
from services.transcription.hits import pick
from services.transcription.network import listen
from tests.services.transcription.drumming import RATE, Source, mono, track

BEAT_S = 0.5
ROCK = [
    (0.25 + bar * 4 * BEAT_S + beat * BEAT_S, name, gain)
    for bar in range(4)
    for beat, name, gain in (
        (0, "kick", 0.9), (1, "snare", 0.8), (2, "kick", 0.9), (2.5, "kick", 0.8), (3, "snare", 0.8),
        *((0.5 * k, "hat", 0.35) for k in range(8)),
    )
]  # fmt: skip
HEARD_AS = {"kick": ("kick",), "snare": ("snare", "rim", "clap"), "hat": ("hat_closed", "hat_open")}


@pytest.fixture(scope="module")
def rock():
    return track(ROCK, 9.0)


@pytest.mark.parametrize("name", ["kick", "snare", "hat"])
def test_a_plain_beat_is_written_down(rock, name):
    hits = [h.time_s for h in pick(listen(rock)) if h.instrument in HEARD_AS[name]]
    wanted = sorted(at for at, drum, _ in ROCK if drum == name)
    right = sum(any(abs(h - w) <= 0.02 for h in hits) for w in wanted)
    assert 2 * right / (len(hits) + len(wanted)) >= 0.9


def test_a_quiet_recording_is_heard_like_a_loud_one(rock):
    loud, soft = pick(listen(rock)), pick(listen(Source(rock.samples * np.float32(0.01))))
    assert [(h.instrument, h.time_s) for h in soft] == pytest.approx([(h.instrument, h.time_s) for h in loud])


def test_pieces_of_any_size_give_what_the_whole_gives(rock, monkeypatch):
    whole = listen(rock)
    for chunk in (137, 400):
        monkeypatch.setattr(network, "CHUNK", chunk)
        pieces = listen(rock)
        for name in ("families", "drums", "velocities", "low_hz", "rises"):
            np.testing.assert_allclose(getattr(pieces, name), getattr(whole, name), atol=1e-4)
        assert pick(pieces) == pick(whole)


def test_channels_are_averaged(rock):
    assert pick(listen(Source(np.repeat(rock.samples, 6, axis=0)))) == pick(listen(rock))


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((1, RATE), np.float32),
        np.zeros((2, 0), np.float32),
        np.zeros((1, 1), np.float32),
        np.full((1, 5 * RATE), 0.5, np.float32),
        0.4 * np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE, dtype=np.float64)[None].astype(np.float32),
        np.full((1, RATE), np.nan, np.float32),
        1e-5 * np.random.default_rng(1).standard_normal((1, RATE)).astype(np.float32),
    ],
    ids=["silence", "empty", "one zero", "offset", "tone", "not a number", "dither"],
)
def test_what_holds_no_drums_has_no_hits(samples):
    found = [h for h in pick(listen(Source(samples))) if 0.1 < h.time_s < samples.shape[1] / RATE - 0.1]
    assert found == []


def test_steady_noise_is_hardly_ever_a_hit():
    noise = 0.2 * np.random.default_rng(3).standard_normal(20 * RATE)
    assert len(pick(listen(mono(noise)))) <= 4


def test_a_hundredth_of_a_second_and_a_lone_sample_are_answered():
    for size in (1, 441, 1000):
        activations = listen(mono(np.ones(size) * 0.5))
        assert activations.frames == size // 441 + 1
        assert np.isfinite(activations.families).all()


def test_another_rate_is_refused():
    with pytest.raises(ValueError, match="44100"):
        listen(Source(np.zeros((1, 100), np.float32), 48_000))


def test_progress_rises_to_one_and_may_stop_the_work(rock, monkeypatch):
    monkeypatch.setattr(network, "CHUNK", 200)
    shares: list[float] = []
    listen(rock, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    class Stop(Exception):
        pass

    def stop(_):
        raise Stop

    with pytest.raises(Stop):
        listen(rock, stop)


def test_the_network_sees_no_further_than_it_says(rock):
    far = rock.samples.copy()
    far[:, 6 * RATE :] = 0
    near = round(6.0 / 0.01) - network.REACH - 3
    a, b = listen(rock), listen(Source(far))
    if a.peak == b.peak:
        np.testing.assert_allclose(a.families[:, :near], b.families[:, :near], atol=1e-5)
    else:
        pytest.fail("the loudest sample must lie before the cut")


def test_the_weights_are_pinned_and_run_on_one_thread():
    options = onnx.session(registry.DRUMS).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert len(registry.verify(registry.DRUMS)) <= 8 * 2**20
