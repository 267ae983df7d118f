"""The style table: complete, in range, and written in the notation it claims."""

from collections import Counter

import pytest

from services.beats.fills import FILLS, OWN, fits
from services.beats.styles import STYLES, find_style, styles_for
from services.beats.styles.notation import parse_bar, parse_lines
from services.beats.styles.types import ALWAYS
from services.beats.syncopation import syncopation
from services.beats.types import BEAT_STEPS, INSTRUMENTS, METERS, ROLES
from services.errors import Invalid

NAMED = {
    "house", "techno", "trance", "disco", "hiphop", "boombap", "lofi", "rnb", "trap", "drill", "dnb", "garage",
    "jersey", "rock", "funk", "reggaeton", "afrobeat", "bossa", "waltz",
}  # fmt: skip
rows = pytest.mark.parametrize("style", STYLES.values(), ids=list(STYLES))


def hits(style, role, rank_at_most=1.0):
    """(bar of the phrase, step, tick) of every written hit, options too."""
    return [
        (bar, step, tick)
        for line in style.lines[role]
        if line.rank <= rank_at_most
        for bar in line.bars
        for step, tick in zip(line.steps, line.ticks, strict=True)
    ]


def test_every_style_of_the_groove_notes_is_there():
    assert set(STYLES) >= NAMED


@pytest.mark.parametrize("meter", METERS)
def test_every_meter_has_two_styles(meter):
    assert len(styles_for(meter)) >= 2


@rows
def test_a_row_is_whole(style):
    assert set(style.lines) == set(ROLES)
    assert all(style.lines[role] for role in ROLES)
    assert style.title and style.description
    low, high = style.bpm_range
    assert 40 <= low < high <= 300
    assert 0.5 <= style.swing <= 0.75 and style.swing_unit in {8, 16}
    assert 0 <= style.density <= 1 and style.jitter_ms >= 0 and style.duck_db <= 0
    for meter in style.meters:
        assert any(i == OWN or fits(FILLS[i], meter, BEAT_STEPS[meter]) for i in style.fill_ids)


@rows
def test_lines_hold_possible_hits(style):
    for role in ROLES:
        for line in style.lines[role]:
            assert line.instrument in INSTRUMENTS
            assert 0 <= line.rank <= 1
            assert all(0 <= s < METERS[style.meters[0]] for s in line.steps)
            assert all(0 < v <= 1 for v in line.velocity)


@rows
def test_the_skeleton_has_no_options(style):
    """Variations only switch options and drop loose hits: rank 0 stays, so the backbeat is safe."""
    for role in ROLES:
        for line in style.lines[role]:
            assert line.rank > 0 or set(line.units) == {ALWAYS}


@rows
def test_at_density_0_there_is_a_pulse_and_a_backbeat(style):
    assert {bar for bar, _, _ in hits(style, "CORE", 0)} == {0, 1, 2, 3}
    assert {bar for bar, _, _ in hits(style, "ACCENT", 0)} == {0, 1, 2, 3}
    assert not hits(style, "MOTION", 0) and not hits(style, "FILL", 0)


@rows
def test_every_voice_has_a_part_at_the_styles_own_density(style):
    for role, voices in (("CORE", {0}), ("ACCENT", {0, 1}), ("MOTION", {0, 1, 2})):
        assert {line.voice for line in style.lines[role] if line.rank <= style.density} == voices


@rows
def test_no_step_of_a_voice_is_written_twice(style):
    for role in ROLES:
        seen = Counter(
            (role, (role == "MOTION" and line.voice < 2) or line.voice, bar, step, tick)
            for line in style.lines[role]
            for bar in line.bars
            for step, tick in zip(line.steps, line.ticks, strict=True)
        )
        assert not [place for place, times in seen.items() if times > 1]


@rows
def test_options_can_be_heard(style):
    """Switching one changes a step that no other part of the role holds, at the style's own density."""
    for role in ("CORE", "ACCENT", "MOTION"):
        places = Counter(hits(style, role))
        options = [
            (bar, step, tick)
            for line in style.lines[role]
            for bar in line.bars
            for step, tick, unit in zip(line.steps, line.ticks, line.units, strict=True)
            if unit != ALWAYS
        ]
        assert all(places[o] == 1 for o in options)
        assert all(line.rank + 0.16 <= style.density for line in style.lines[role] if set(line.units) != {ALWAYS})


@rows
def test_the_rows_own_fill_lies_in_the_last_two_beats(style):
    meter = style.meters[0]
    for line in style.lines["FILL"]:
        assert min(line.steps) >= METERS[meter] - 2 * BEAT_STEPS[meter]


@pytest.mark.parametrize("fill", FILLS.values(), ids=list(FILLS))
def test_a_fill_is_written_for_beats_of_four_and_six(fill):
    for steps, text in fill.tabs.items():
        assert len(text.replace(" ", "")) == fill.beats * steps


def test_near_names_are_offered():
    with pytest.raises(Invalid) as error:
        find_style("boom bap")
    assert error.value.errors[0].field == "style"
    assert "boombap" in error.value.errors[0].message
    assert find_style("boombap").title == "Boom bap"


def test_notation_gives_steps_velocities_options_and_rolls():
    found = parse_bar("9.x. ..?. r.T. ....", "4/4", 0.8)
    assert [(step, tick, unit) for step, tick, _, unit in found] == [
        (0, 0, ALWAYS),
        (2, 0, ALWAYS),
        (6, 0, 0),
        (8, 0, ALWAYS),
        (8, 120, ALWAYS),
        (10, 0, ALWAYS),
        (10, 160, 1),
        (11, 80, 1),
    ]
    velocities = [v for _, _, v, _ in found]
    assert velocities[0] == 0.9
    assert velocities[1] == pytest.approx(0.8 * 0.75)
    assert velocities[5] < velocities[6] < velocities[7] == 0.8


def test_a_two_bar_line_alternates():
    lines = parse_lines({"kick": "9....... | ....9..."}, "2/4")["CORE"]
    assert [(line.steps, sorted(line.bars)) for line in lines] == [((0,), [0, 2]), ((4,), [1, 3])]


@pytest.mark.parametrize("text", ["9...", "9... 9... 9... 9..z", "x... x... x... x... | "])
def test_bad_notation_is_refused(text):
    with pytest.raises(ValueError):
        parse_lines({"kick": text}, "4/4")


@pytest.mark.parametrize(
    ("steps", "meter", "expected"),
    [([], "4/4", 0), ([0, 4, 8, 12], "4/4", 0), ([0, 3, 6, 8, 12], "4/4", 2), ([4, 12], "4/4", 3), ([2, 6], "6/8", 1)],
)
def test_syncopation_of_known_bars(steps, meter, expected):
    assert syncopation(steps, meter) == expected
