"""Takes side by side, sections, arrangement and grooves on the page."""

import pytest
import requests

from tests.browser.acts import SOUNDS, beat_id, idle, make, saved, slide, stored, until, version

pytestmark = pytest.mark.browser


@pytest.fixture
def long(visit):
    """A visit with a beat of sixteen bars in sections."""
    one = visit()
    page = one.open()
    page.get_by_text("The key works.").wait_for()
    page.check("#arrange")
    make(page, bars=16)
    return one


def test_three_takes_are_heard_and_one_is_kept(made):
    page = made.page
    page.click("#again-3")
    saved(page, "3 takes, each a version.")
    takes = page.locator("#takes-list li")
    assert takes.count() == 3
    assert version(page) == 2
    states = []
    for n in range(3):
        assert f"version {n + 2}" in takes.nth(n).inner_text()
        play = page.get_by_role("button", name=f"Play Take {n + 1}")
        with page.expect_response(lambda r, n=n: f"version={n + 2}" in r.url and "audio.wav" in r.url) as heard:
            play.click()
        assert heard.value.status in (200, 206, 503)
        assert play.get_attribute("aria-pressed") == "true"
        url = f"{made.server.url}/v1/beat/{beat_id(page)}?version={n + 2}"
        states.append(requests.get(url, headers={"X-API-Key": made.server.key}, timeout=20).json()["events_json"])
    assert page.locator("#takes-list [aria-pressed=true]").count() == 1
    assert states[0] != states[1] != states[2] != states[0]
    page.get_by_role("button", name="Keep Take 3").click()
    saved(page, "Take 3 kept.")
    assert page.is_hidden("#takes")
    assert stored(made)["events_json"] == states[2]
    assert page.locator("#versions li").count() == 5


def test_the_take_on_the_page_is_kept_without_a_further_version(made):
    page = made.page
    page.click("#again-3")
    saved(page, "3 takes, each a version.")
    page.get_by_role("button", name="Keep Take 1").click()
    saved(page, "Take 1 kept.")
    assert page.is_hidden("#takes")
    assert (version(page), stored(made)["version"]) == (2, 2)
    page.click("#again-3")
    saved(page, "3 takes, each a version.")
    seeds = page.locator("#takes-list small").all_inner_texts()
    assert not any(f"seed {n}" in text for n in (1, 2, 3) for text in seeds)


def test_an_older_version_can_be_heard_before_it_is_restored(made):
    page = made.page
    page.click("#again")
    saved(page, "Another take.")
    with page.expect_response(lambda r: "version=1" in r.url and "audio.wav" in r.url) as heard:
        page.get_by_role("button", name="Play version 1").click()
    assert heard.value.status in (200, 206, 503)


def test_arrange_offers_lengths_and_brings_sections(visit):
    one = visit()
    page = one.open()
    page.get_by_text("The key works.").wait_for()
    assert page.is_hidden("#arrange-bars")
    assert page.input_value("#bars") == "4"
    page.check("#arrange")
    assert page.input_value("#bars") == "8"
    page.get_by_role("button", name="16 bars", exact=True).click()
    assert page.input_value("#bars") == "16"
    page.fill("#bars", "6")
    page.get_by_text("Sections need at least 8 bars", exact=False).wait_for()
    make(page, SOUNDS, bars=16)
    beat = stored(one)
    assert beat["meta"]["parameters"]["arrange"] is True
    strip = page.locator("#sections button")
    assert strip.locator("b").all_inner_texts() == [s["name"] for s in beat["sections"]]
    assert len(beat["sections"]) > 1
    widths = strip.evaluate_all("all => all.map(b => b.getBoundingClientRect().width)")
    bars = [s["bars"] for s in beat["sections"]]
    assert (widths[0] > widths[-1]) == (bars[0] > bars[-1])
    assert page.is_visible("#layout")


def test_a_section_is_renamed_and_filtered(long):
    page, before = long.page, stored(long)["sections"]
    page.locator("#sections button").nth(1).click()
    assert page.input_value("#section-name") == before[1]["name"]
    assert page.evaluate("document.activeElement.id") == "section-name"
    page.fill("#section-name", "Verse")
    page.fill("#section-filter", "900")
    page.click("#section-form button[type=submit]")
    saved(page, "Section Verse changed")
    after = stored(long)["sections"]
    assert after[1] == {**before[1], "name": "Verse", "low_pass_hz": 900}
    assert [s for i, s in enumerate(after) if i != 1] == [s for i, s in enumerate(before) if i != 1]
    label = page.locator("#sections button").nth(1).get_attribute("aria-label")
    assert "Verse" in label
    assert "filtered at 900 Hz" in label
    assert page.locator("#steps caption b", has_text="Verse").count() == 1
    page.locator("#sections button").first.click()
    page.keyboard.press("Escape")
    assert page.is_hidden("#section-form")
    assert page.evaluate("document.activeElement.id") == "section-0"


def test_what_is_wrong_with_a_section_is_said_at_its_field_and_stays_typed(long):
    page = long.page
    page.locator("#sections button").first.click()
    page.fill("#section-name", "Start")
    page.fill("#section-filter", "5")
    page.click("#section-form button[type=submit]")
    page.locator("#section-filter-problem").wait_for()
    idle(page)
    assert page.get_attribute("#section-filter", "aria-invalid") == "true"
    assert (page.input_value("#section-name"), page.input_value("#section-filter")) == ("Start", "5")
    page.fill("#section-filter", "500")
    page.click("#section-form button[type=submit]")
    saved(page, "Section Start changed")
    assert page.locator("#section-filter-problem").count() == 0


def test_the_material_is_arranged_anew(long):
    page, before = long.page, stored(long)
    page.click("#layout")
    saved(page, "Another arrangement")
    after = stored(long)
    assert after["version"] == 2
    assert after["meta"]["seed"] == before["meta"]["seed"]


def _open_feel(page):
    page.locator("#groove-choice").evaluate("e => e.closest('details').open = true")


def test_a_groove_is_made_from_a_midi_file_and_used_in_a_take(made, tmp_path):
    page = made.page
    source = tmp_path / "tight loop.mid"
    link = page.locator("#downloads a", has_text="MIDI").evaluate("a => a.href")
    source.write_bytes(requests.get(link, timeout=40).content)
    _open_feel(page)
    assert page.is_disabled("#groove-amount")
    page.set_input_files("#groove-file", source)
    page.locator("#groove-state", has_text="Read: swing").wait_for()
    chosen = page.input_value("#groove-choice")
    assert chosen
    assert "tight loop" in page.locator("#groove-choice option:checked").inner_text()
    slide(page, "#groove-amount", "0.5")
    idle(page)
    page.click("#again")
    saved(page, "Another take.")
    parameters = stored(made)["meta"]["parameters"]
    assert (parameters["groove"], parameters["groove_amount"]) == (chosen, 0.5)
    assert page.input_value("#groove-choice") == chosen
    page.reload()
    page.locator("#result").wait_for(state="visible")
    until(page, f"document.getElementById('groove-choice').value === '{chosen}'")
    _open_feel(page)
    page.select_option("#groove-choice", "")
    page.click("#again")
    saved(page, "Another take.")
    assert stored(made)["meta"]["parameters"]["groove"] is None


def test_a_file_without_a_groove_is_refused_at_the_field(made, tmp_path):
    page = made.page
    wrong = tmp_path / "list.mid"
    wrong.write_text("eggs, milk")
    _open_feel(page)
    page.set_input_files("#groove-file", wrong)
    page.locator("#groove-problem p").wait_for()
    assert page.get_attribute("#groove-choice", "aria-invalid") == "true"
    assert page.inner_text("#groove-state") == ""


def test_a_groove_of_other_beats_is_refused_at_its_field_and_the_rest_stays(made, tmp_path):
    page = made.page
    source = tmp_path / "straight.mid"
    link = page.locator("#downloads a", has_text="MIDI").evaluate("a => a.href")
    source.write_bytes(requests.get(link, timeout=40).content)
    page.set_input_files("#groove-file", source)
    page.locator("#groove-choice option:checked", has_text="straight").wait_for(state="attached")
    page.select_option("#style", "auto")
    page.select_option("#meter", "6/8")
    page.click("#make-button")
    page.locator("#groove-choice-problem").wait_for()
    assert page.input_value("#meter") == "6/8"
    assert page.locator("#steps td.hit").count() > 0


def test_everything_open_fits_a_phone_and_has_names(visit):
    one = visit(viewport={"width": 390, "height": 800})
    page = one.open()
    page.get_by_text("The key works.").wait_for()
    page.check("#arrange")
    make(
        page,
        SOUNDS,
        bars=16,
        title="A very long title of a beat that goes on and on, and_has_one_word_without_a_break_in_it",
    )
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.click("#again-3")
    saved(page, "3 takes, each a version.")
    page.locator("#sections button").first.click()
    page.fill("#bpm", "9")
    page.click("#again")
    page.locator("#bpm-problem").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, a, li')]
            .filter(e => e.offsetParent && !e.closest('.sections') && e.getBoundingClientRect().right > 391)
            .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert wide == []
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, a, audio')]
            .filter(e => e.offsetParent && !e.labels?.length && !e.textContent.trim() && !e.ariaLabel)
            .map(e => e.outerHTML)"""
    )
    assert nameless == []


def test_lines_takes_and_roles_are_worked_by_the_keyboard_alone(made):
    page = made.page
    page.focus("#lane-MOTION-line")
    page.keyboard.press("Enter")
    saved(page, "MOTION line")
    until(page, "document.activeElement.id === 'lane-MOTION-line'")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    saved(page, "MOTION muted")
    until(page, "document.activeElement.id === 'lane-MOTION-mute'")
    page.focus("#lane-MOTION-gain")
    page.keyboard.press("ArrowLeft")
    saved(page, "MOTION: −0.5 dB")
    page.focus("#again-3")
    page.keyboard.press("Enter")
    saved(page, "3 takes, each a version.")
    page.get_by_role("button", name="Keep Take 2").focus()
    page.keyboard.press("Enter")
    saved(page, "Take 2 kept.")
    until(page, "document.activeElement.id === 'again'")
