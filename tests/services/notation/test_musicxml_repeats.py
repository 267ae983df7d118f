"""Scores of other programs: endings, repeats over an upbeat, split bars, metronome marks, parts without drums."""

from __future__ import annotations

import pytest

from services.errors import Invalid
from services.notation.musicxml_reader import read_musicxml

STEPS = {"K": ("F", 4), "S": ("C", 5), "T": ("E", 5), "H": ("G", 5)}
NAMES = {"kick": "K", "snare": "S", "tom": "T", "hat_closed": "H"}


def note(letter: str, quarters: int = 1) -> str:
    """A note of a drum, or a rest for `-`."""
    if letter == "-":
        return f"<note><rest/><duration>{quarters}</duration></note>"
    step, octave = STEPS[letter]
    head = "<notehead>x</notehead>" if letter == "H" else ""
    place = f"<display-step>{step}</display-step><display-octave>{octave}</display-octave>"
    return f"<note><unpitched>{place}</unpitched><duration>{quarters}</duration>{head}</note>"


def bar(letters: str, marks: str = "", implicit: bool = False) -> str:
    """A measure of quarters, with barlines and other marks before its notes."""
    kind = ' implicit="yes"' if implicit else ""
    return f"<measure{kind}>{marks}{''.join(map(note, letters))}</measure>"


def score(*bars: str, meter: str = "4/4") -> bytes:
    beats, kind = meter.split("/")
    time = f"<divisions>1</divisions><time><beats>{beats}</beats><beat-type>{kind}</beat-type></time>"
    first = bars[0].replace(">", f"><attributes>{time}</attributes>", 1)
    return f'<score-partwise><part id="P1">{first}{"".join(bars[1:])}</part></score-partwise>'.encode()


def heard(data: bytes) -> str:
    """The drums of a score in the order in which they are played, bars apart."""
    beat = read_musicxml(data)
    bars = [[NAMES[e.instrument] for e in beat.events if e.bar == i] for i in range(beat.grid.bars)]
    return " ".join("".join(one) for one in bars)


FORWARD = '<barline location="left"><repeat direction="forward"/></barline>'
BACK = '<barline location="right"><repeat direction="backward"/></barline>'
K, S, T, H = ("K---", "S---", "T---", "H---")


def ending(number: str, *, back: bool) -> str:
    """An ending of one bar."""
    first = f'<barline location="left"><ending number="{number}" type="start"/></barline>'
    kind = "stop" if back else "discontinue"
    repeat = '<repeat direction="backward"/>' if back else ""
    return f'{first}<barline location="right"><ending number="{number}" type="{kind}"/>{repeat}</barline>'


def test_a_first_and_a_second_ending() -> None:
    data = score(bar(K, FORWARD), bar(S, ending("1", back=True)), bar(T, ending("2", back=False)), bar(H))
    assert heard(data) == "K S K T H"


def test_an_ending_for_two_passes_and_a_third() -> None:
    data = score(bar(H), bar(K, FORWARD), bar(S, ending("1, 2", back=True)), bar(T, ending("3", back=False)), bar(H))
    assert heard(data) == "H K S K S K T H"


def test_a_first_ending_alone_is_left_out_the_second_time() -> None:
    assert heard(score(bar(K), bar(S, ending("1", back=True)), bar(H))) == "K S K H"


def test_an_ending_of_two_bars() -> None:
    begin = '<barline location="left"><ending number="1" type="start"/></barline>'
    stop = '<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline>'
    data = score(bar(K), bar(S, begin), bar(T, stop), bar(H, ending("2", back=False)), bar(K))
    assert heard(data) == "K S T K H K"


def test_two_blocks_with_endings_after_each_other() -> None:
    block = (bar(K, FORWARD), bar(S, ending("1", back=True)), bar(T, ending("2", back=False)))
    assert heard(score(*block, *block)) == "K S K T K S K T"


def test_a_repeat_without_a_beginning_goes_back_to_the_last_ones_end() -> None:
    assert heard(score(bar(K, BACK), bar(S), bar(T, BACK), bar(H))) == "K K S T S T H"


def test_a_block_that_is_played_four_times() -> None:
    four = BACK.replace("backward", 'backward" times="4')
    assert heard(score(bar(K, FORWARD + four), bar(S))) == "K K K K S"


def test_an_upbeat_that_a_repeat_plays_again_completes_the_last_bar() -> None:
    """The last bar is as much shorter as the upbeat is long; afterwards comes the first whole bar."""
    data = score(bar("H", implicit=True), bar("KSKS"), bar("KST", BACK), bar("T---"))
    beat = read_musicxml(data)
    assert (beat.grid.pickup_steps, heard(data)) == (4, "H KSKS KSTH KSKS KST T")
    assert [e.step for e in beat.events if e.bar == 2] == [0, 4, 8, 12]


def test_an_upbeat_before_a_whole_last_bar_is_not_played_again() -> None:
    data = score(bar("H", implicit=True), bar("KSKS"), bar("KSTT", BACK))
    assert heard(data) == "H KSKS KSTT KSKS KSTT"


def test_a_bar_that_a_repeat_sign_splits_is_one_bar() -> None:
    data = score(bar("KSKS"), bar("KST"), bar("H", FORWARD, implicit=True), bar("KSK", BACK), bar("TTTT"))
    assert heard(data) == "KSKS KSTH KSKH KSK TTTT"


METRONOME = (
    "<direction><direction-type><metronome><beat-unit>{unit}</beat-unit>{dot}<per-minute>{text}</per-minute>"
    "</metronome></direction-type></direction>"
)


@pytest.mark.parametrize(
    ("unit", "dots", "text", "bpm"),
    [
        ("quarter", 0, "84", 84.0), ("quarter", 1, "60", 90.0), ("half", 0, "70", 140.0), ("eighth", 0, "160", 80.0),
        ("quarter", 0, "c. 96.5", 96.5), ("quarter", 0, "120-126", 120.0), ("quarter", 0, "fast", 120.0),
        ("brevis", 0, "99", 120.0),
    ],
)  # fmt: skip
def test_a_metronome_mark_is_the_tempo(unit: str, dots: int, text: str, bpm: float) -> None:
    mark = METRONOME.format(unit=unit, dot="<beat-unit-dot/>" * dots, text=text)
    assert read_musicxml(score(bar(K, mark))).grid.bpm == bpm


def test_what_sounds_goes_before_what_is_shown() -> None:
    mark = METRONOME.format(unit="quarter", dot="", text="84").replace(
        "</direction>", '<sound tempo="92.5"/></direction>'
    )
    assert read_musicxml(score(bar(K, mark))).grid.bpm == 92.5


PIANO = "<note><pitch><step>C</step><octave>2</octave></pitch><duration>4</duration></note>"


def test_a_score_without_drums_is_refused_and_drums_written_as_pitches_are_read() -> None:
    with pytest.raises(Invalid) as refused:
        read_musicxml(score(f"<measure>{PIANO}</measure>"))
    assert refused.value.code == "no_drums"
    clef = "<attributes><clef><sign>percussion</sign></clef></attributes>"
    (event,) = read_musicxml(score(f"<measure>{clef}{PIANO}</measure>")).events
    assert event.instrument == "kick"


def test_cut_time_is_four_quarters() -> None:
    assert read_musicxml(score(bar("KSKS"), meter="2/2")).grid.meter == "4/4"


def test_a_block_that_is_played_a_hundred_times() -> None:
    hundred = BACK.replace("backward", 'backward" times="100')
    assert heard(score(bar(K, FORWARD + hundred), bar(S))) == "K " * 100 + "S"
