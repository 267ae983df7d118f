"""Whatever is asked of Stage 3 within the contract, what comes back holds together."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.beats.beat_gen import ComposeRequest, Sound, compose, recompose
from services.beats.document import beat_from_doc, beat_to_doc, check_beat
from services.beats.grid import placed
from services.beats.styles import STYLES
from services.beats.types import INSTRUMENTS, METERS, ROLES, Beat
from tests.composing import sample

SLOW = [HealthCheck.too_slow]  # a loaded machine is no fault of the code
unit = st.floats(0, 1)
kits = st.lists(
    st.builds(
        Sound,
        sample_id=st.integers(0, 10**6).map(lambda n: f"{n:016x}"),
        pool_role=st.sampled_from(ROLES),
        instrument=st.sampled_from(INSTRUMENTS),
        brightness=unit,
        length_s=st.floats(0, 30),
        lowness=unit,
        confidence=unit,
        locked=st.booleans(),
    ),
    max_size=24,
    unique_by=lambda s: s.sample_id,
).map(tuple)


@st.composite
def requests(draw, sounds=kits):
    style = draw(st.sampled_from(["auto", *STYLES]))
    meters = list(METERS) if style == "auto" else STYLES[style].meters
    return ComposeRequest(
        bpm=draw(st.floats(40, 300)),
        bars=draw(st.integers(1, 12)),
        style=style,
        meter=draw(st.none() | st.sampled_from(meters)),
        swing=draw(st.none() | st.floats(0.5, 0.75)),
        swing_unit=draw(st.sampled_from([None, 8, 16])),
        humanize=draw(unit),
        density=draw(st.none() | unit),
        seed=draw(st.integers(0, 2**63 - 1)),
        sounds=draw(sounds),
    )


def beat_of(request, made):
    return Beat(made.grid, made.events, {s.sample_id: sample(s) for s in request.sounds}, made.sections)


@settings(deadline=None, max_examples=50, suppress_health_check=SLOW)
@given(requests())
def test_any_request_gives_a_beat_that_holds_together(request):
    made = compose(request)
    assert made.events
    check_beat(beat_of(request, made))  # inside the grid, unique ids, velocities 0..1, known sounds
    times = [(p.time_s, ROLES.index(p.event.role), p.event.id) for p in placed(made.grid, made.events)]
    assert times == sorted(times)
    assert [p.event for p in placed(made.grid, made.events)] == list(made.events)
    assert sum(s.bars for s in made.sections) == made.grid.bars
    playing = {e.sample_id for e in made.events}
    assert all((s.sample_id in playing) != (s.sample_id in made.benched) for s in request.sounds)
    assert all(e.instrument in INSTRUMENTS for e in made.events)
    assert compose(request) == made


@settings(deadline=None, max_examples=30, suppress_health_check=SLOW)
@given(requests(), unit, unit)
def test_density_is_nested(request, a, b):
    sparse, dense = (compose(replace(request, density=d)).events for d in sorted((a, b)))
    assert set(sparse) <= set(dense)


@settings(deadline=None, max_examples=30, suppress_health_check=SLOW)
@given(requests(), st.data())
def test_another_take_of_a_part_leaves_the_rest(request, data):
    made = compose(request)
    beat = beat_of(request, made)
    roles = data.draw(st.none() | st.frozensets(st.sampled_from(ROLES), min_size=1))
    bars = data.draw(st.none() | st.tuples(st.integers(0, made.grid.bars - 1), st.integers(0, made.grid.bars - 1)))
    bars = bars and (min(bars), max(bars))
    keep = frozenset(data.draw(st.lists(st.sampled_from([e.id for e in made.events]), max_size=5)))
    again = recompose(beat, replace(request, seed=request.seed ^ 1), roles, bars, keep)
    first, last = bars or (0, made.grid.bars - 1)
    stays = {e for e in made.events if e.id in keep or (roles and e.role not in roles) or not first <= e.bar <= last}
    assert stays <= set(again.events)
    assert all((not roles or e.role in roles) and first <= e.bar <= last for e in set(again.events) - stays)
    check_beat(replace(beat, grid=again.grid, events=again.events))


@settings(deadline=None, max_examples=30, suppress_health_check=SLOW)
@given(requests())
def test_documents_are_lossless(request):
    beat = beat_of(request, compose(request))
    assert beat_from_doc(beat_to_doc(beat)) == beat
