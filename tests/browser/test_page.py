"""What a person does on the page: give a key, drop or record sounds, make, hear, see, change, download."""

import re

import pytest
import requests

from tests.browser.acts import SOUNDS, make, until

pytestmark = pytest.mark.browser

NARROW = {"width": 390, "height": 800}


@pytest.fixture
def made(visit):
    """A visit with a fresh beat on the page."""
    one = visit()
    make(one.open())
    return one


def test_the_key_is_taken_out_of_the_address_and_kept(visit):
    one = visit()
    page = one.open()
    page.get_by_text("The key works.").wait_for()
    assert one.server.key not in page.url
    page.reload()
    page.get_by_text("The key works.").wait_for()
    assert page.evaluate("localStorage.getItem('soundroutine.key')") == one.server.key


def test_a_wrong_key_is_answered_with_a_sentence(visit):
    page = visit().open("key=wrong")
    page.get_by_text("This API key is not known", exact=False).wait_for()
    page.click("#key-forget")
    page.get_by_text("Enter a key to begin.").wait_for()


def test_a_beat_is_made_seen_and_heard(made):
    page = made.page
    assert re.search(r"#beat=\w", page.url)
    assert page.evaluate("document.activeElement.id") == "result-title"
    assert page.locator("#steps table").count() == 2
    assert "suits" in page.inner_text("#why")  # why auto chose this style
    for role in ("CORE", "ACCENT", "MOTION"):
        assert page.locator(f"#steps tr.role-{role} td.hit").count() > 0, role
    levels = page.locator("#steps td.hit").evaluate_all("cells => cells.map(c => +c.style.getPropertyValue('--level'))")
    assert all(0.25 <= level <= 1 for level in levels)
    assert page.locator("#kit li").count() == len(SOUNDS)
    until(page, "Number.isFinite(document.getElementById('audio').duration)")  # it needs ranges to be seekable
    page.evaluate("document.getElementById('audio').play()")
    until(page, "document.getElementById('audio').currentTime > 0.4")
    page.locator("#steps td.now").first.wait_for()


def test_the_playhead_stands_where_the_audio_is(made):
    page = made.page
    until(page, "document.getElementById('audio').readyState >= 2")
    duration = 2 * 4 * 60 / 92
    page.evaluate(f"document.getElementById('audio').currentTime = {duration * 0.75 + 0.02}")
    until(page, "document.querySelectorAll('#steps table')[1].querySelectorAll('td.now').length > 0")
    column = page.evaluate("document.querySelector('#steps td.now').cellIndex - 1")
    assert column == 8


def test_everything_can_be_downloaded_without_the_key(made):
    links = made.page.locator("#downloads a")
    named = dict(zip(links.all_inner_texts(), links.evaluate_all("a => a.map(x => x.href)"), strict=True))
    assert list(named) == ["WAV", "MP3", "MIDI", "Score", "Kit", "Stems"]
    starts = {"WAV": b"RIFF", "MP3": (b"ID3", b"\xff"), "MIDI": b"MThd", "Score": b"%PDF", "Kit": b"PK", "Stems": b"PK"}
    for name, url in named.items():
        answer = requests.get(url, timeout=40)
        assert answer.status_code == 200, (name, answer.text[:200])
        assert answer.content.startswith(starts[name]), name


def test_a_sound_of_the_kit_can_be_heard(made):
    page = made.page
    with page.expect_response(lambda r: "/samples/" in r.url) as heard:
        page.locator("#kit button").first.click()
    assert heard.value.status in (200, 206)


def test_a_beat_of_the_list_opens_again(made):
    page = made.page
    address = page.url
    page.reload()
    page.locator("#result").wait_for(state="visible")
    assert page.url == address
    page.locator("#recent button").first.click()
    page.locator("#recent button[aria-current=true]").wait_for()


def test_what_the_server_refuses_is_said_in_sentences_at_the_field(visit):
    page = visit().open()
    page.get_by_text("The key works.").wait_for()
    page.set_input_files("#files", SOUNDS[:3])
    page.fill("#seed", "-5")
    page.fill("#title", "kept")
    page.click("#make-button")
    page.locator("#problem p").wait_for()
    assert "seed" in page.inner_text("#problem")
    assert page.get_attribute("#seed", "aria-invalid") == "true"
    assert page.locator("#seed-problem").is_visible()
    assert page.get_attribute("#seed", "aria-describedby") == "seed-problem"
    assert page.input_value("#title") == "kept"
    assert page.locator("#sounds li").count() == 3


@pytest.mark.parametrize("bpm", ["39", "301", ""])
def test_a_tempo_out_of_range_is_said_at_the_field_before_anything_is_sent(visit, bpm):
    one = visit()
    page = one.open()
    page.get_by_text("The key works.").wait_for()
    page.set_input_files("#files", SOUNDS[:2])
    page.fill("#bpm", bpm)
    page.click("#make-button")
    assert page.inner_text("#bpm-problem") == "The tempo must be 40 to 300 bpm."
    assert page.get_attribute("#bpm", "aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "bpm"
    assert not any(url.endswith("/v1/beat") for url in one.asked)
    page.fill("#bpm", "120")
    assert page.locator("#bpm-problem").count() == 0
    assert page.get_attribute("#bpm", "aria-invalid") is None


def test_without_sounds_the_page_says_what_is_missing(visit):
    page = visit().open()
    page.get_by_text("The key works.").wait_for()
    page.click("#make-button")
    page.get_by_text("Choose or record at least one sound first.").wait_for()


def test_a_file_that_is_no_sound_is_refused_by_name(visit, tmp_path):
    wrong = tmp_path / "shopping list.wav"
    wrong.write_text("eggs, milk")
    page = visit().open()
    page.get_by_text("The key works.").wait_for()
    page.set_input_files("#files", [*SOUNDS[:2], wrong])
    page.click("#make-button")
    page.locator("#problem p").wait_for()
    assert "shopping list.wav" in page.inner_text("#problem")
    assert page.locator("#sounds li").nth(2).get_attribute("aria-invalid") == "true"


def test_a_recording_of_the_browser_becomes_a_beat(visit):
    page = visit().open()
    page.get_by_text("The key works.").wait_for()
    page.click("#record")
    page.wait_for_timeout(3300)  # Chromium's fake microphone beeps once a second
    page.click("#record")
    page.get_by_text("recording 1.webm").wait_for()
    page.get_by_text("It will be looked through for hits.", exact=False).wait_for()
    page.fill("#bars", "1")
    page.click("#make-button")
    page.locator("#result").wait_for(state="visible")
    assert page.locator("#steps td.hit").count() > 0


def test_without_event_streams_the_page_polls(visit):
    one = visit()
    one.page.route("**/events", lambda route: route.abort())
    make(one.open(), SOUNDS[:4])
    assert one.page.locator("#steps td.hit").count() > 0


def test_one_long_file_suggests_looking_for_hits_and_short_ones_do_not(visit):
    page = visit().open()
    page.get_by_text("The key works.").wait_for()
    page.set_input_files("#files", [next(s for s in SOUNDS if s.stem == "misc_cineboom")])
    page.get_by_text("It will be looked through for hits.", exact=False).wait_for()
    page.set_input_files("#files", [SOUNDS[0]])
    page.get_by_text("They will be used as single hits.", exact=False).wait_for()


def test_the_page_fits_a_phone(visit):
    one = visit(viewport=NARROW)
    make(one.open(), SOUNDS[:4])
    width = one.page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"]


def test_every_control_has_a_name_and_the_keyboard_reaches_the_button(made):
    page = made.page
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, a, audio, progress')]
            .filter(e => e.offsetParent && !e.labels?.length && !e.textContent.trim())
            .filter(e => !e.ariaLabel && !e.getAttribute('aria-labelledby'))
            .map(e => e.outerHTML)"""
    )
    assert nameless == []
    page.focus("#title")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "make-button":
            return
    raise AssertionError("Tab does not lead from the title to the button")


def test_the_reference_draws_itself_from_this_server_alone(visit):
    one = visit()
    one.page.goto(f"{one.server.url}/docs")
    one.page.locator(".opblock", has_text="/v1/beat").first.wait_for()
    assert any(url.endswith("/openapi.json") for url in one.asked)


def test_new_sounds_are_not_used_as_the_open_beat_said(made):
    page = made.page
    assert page.input_value("#mode") == "oneshot"
    page.set_input_files("#files", [next(s for s in SOUNDS if s.stem == "misc_cineboom")])
    page.get_by_text("It will be looked through for hits.", exact=False).wait_for()
    assert page.input_value("#mode") == "auto"
    assert page.input_value("#title") == ""
    assert page.input_value("#bpm") == "92"


def test_sounds_beyond_the_most_are_named(visit, tmp_path):
    files = [tmp_path / f"h{i}.flac" for i in range(66)]
    for file in files:
        file.write_bytes(SOUNDS[0].read_bytes())
    page = visit().open()
    page.set_input_files("#files", files)
    page.get_by_text("2 left out: h64.flac, h65.flac (64 is the most).", exact=False).wait_for()
    assert page.locator("#sounds li").count() == 64


def test_the_finished_beat_is_on_the_screen(made):
    inside = "(b => b.top >= 0 && b.bottom <= innerHeight)(document.getElementById('audio').getBoundingClientRect())"
    until(made.page, inside)
    until(made.page, "document.querySelector('#steps tr').getBoundingClientRect().bottom <= innerHeight")
