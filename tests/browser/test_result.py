"""What a person does with an open beat: other lines, takes, versions, sections, sounds, the list, the end."""

import re

import pytest
import requests

from tests.browser.acts import SOUNDS, beat_id, idle, make, saved, slide, stored, until, version

pytestmark = pytest.mark.browser


def _lines(beat, role):
    return [e for e in beat["events_json"] if e["role"] == role]


def test_another_line_changes_its_role_and_keeps_the_rest(made):
    page, before = made.page, stored(made)
    page.get_by_role("button", name="Another line for MOTION").click()
    saved(page, "MOTION line")
    after = stored(made)
    assert after["version"] == 2 == version(page)
    for role in ("CORE", "ACCENT", "FILL", "TEXTURE"):
        assert _lines(after, role) == _lines(before, role), role
    assert after["grid_json"] == before["grid_json"]
    changed = _lines(after, "MOTION") != _lines(before, "MOTION")
    assert ("the rest is kept" in page.inner_text("#saved")) == changed


def test_another_take_is_a_new_version_of_the_same_beat_with_the_settings_as_they_stand(made):
    page, first, listed = made.page, made.page.url, made.page.locator("#recent li").count()
    page.fill("#bpm", "100")
    page.locator("#humanize").evaluate("e => e.closest('details').open = true")
    slide(page, "#humanize", "0.2")
    page.click("#again")
    saved(page, "Another take.")
    after = stored(made)
    assert page.url == first
    assert page.locator("#recent li").count() == listed
    assert (after["version"], after["grid_json"]["bpm"], after["meta"]["seed"]) == (2, 100, 1)
    assert after["meta"]["parameters"]["humanize"] == 0.2
    assert "100 bpm" in page.inner_text("#facts")
    page.click("#again")
    until(page, "document.getElementById('facts').textContent.startsWith('version 3')")
    assert stored(made)["meta"]["seed"] == 2


def test_what_was_set_by_hand_is_left_to_the_style_again(made):
    page = made.page
    page.locator("#density").evaluate("e => e.closest('details').open = true")
    slide(page, "#density", "0.1")
    page.click("#again")
    saved(page, "Another take.")
    assert stored(made)["meta"]["parameters"]["density"] == 0.1
    page.check("[data-styles=density]")
    page.click("#again")
    until(page, "document.getElementById('facts').textContent.startsWith('version 3')")
    idle(page)
    assert stored(made)["meta"]["parameters"]["density"] is None
    assert page.is_checked("[data-styles=density]")


def test_a_take_with_a_tempo_out_of_range_is_not_asked_for(made):
    page = made.page
    page.fill("#bpm", "20")
    page.click("#again")
    page.locator("#bpm-problem").wait_for()
    assert page.evaluate("document.activeElement.id") == "bpm"
    assert stored(made)["version"] == 1


def test_versions_are_listed_undone_redone_and_restored(made):
    page = made.page
    first = stored(made)["events_json"]
    assert page.is_disabled("#undo")
    assert page.is_disabled("#redo")
    page.click("#again")
    saved(page, "Another take.")
    second = stored(made)["events_json"]
    assert page.locator("#versions li").count() == 2
    assert re.match(r"2 Another take.+\d\d", page.locator("#versions li .grow").first.inner_text())
    page.click("#undo")
    saved(page, "Undone.")
    assert stored(made)["events_json"] == first
    assert page.is_disabled("#undo")
    page.click("#redo")
    saved(page, "Done again.")
    assert stored(made)["events_json"] == second
    assert page.is_disabled("#redo")
    page.get_by_role("button", name="Restore version 1").click()
    saved(page, "Version 1 restored.")
    assert stored(made)["events_json"] == first
    assert version(page) == 3
    assert page.locator("#versions li").count() == 3


def test_more_versions_than_a_page_can_be_reached(made):
    page = made.page
    for n in range(11):
        slide(page, "#lane-CORE-gain", str(n - 5))
        until(page, f"document.getElementById('facts').textContent.startsWith('version {n + 2},')")
    assert page.locator("#versions li").count() == 10
    page.click("#versions-more")
    until(page, "document.querySelectorAll('#versions li').length === 12")
    assert page.is_hidden("#versions-more")


def test_a_lane_is_muted_and_levelled(made):
    page = made.page
    page.get_by_role("button", name="Mute ACCENT").click()
    saved(page, "ACCENT muted")
    assert page.get_attribute("#lane-ACCENT-mute", "aria-pressed") == "true"
    assert page.locator("#steps tr.role-ACCENT.off").count() == 4
    assert page.evaluate("document.activeElement.id") == "lane-ACCENT-mute"
    slide(page, "#lane-CORE-gain", "-3")
    saved(page, "CORE: −3 dB")
    slide(page, "#lane-MOTION-pan", "0.5")
    saved(page, "MOTION: 50 % right")
    roles = stored(made)["mix"]["roles"]
    assert roles["ACCENT"]["muted"] is True
    assert roles["CORE"]["gain_db"] == -3
    assert roles["MOTION"]["pan"] == 0.5


def test_a_sound_changes_its_role_level_and_place(made):
    page = made.page
    row = page.locator("#kit li").first
    name = row.locator(".name").inner_text()
    wanted = "FILL" if row.locator("select").input_value() != "FILL" else "CORE"
    row.locator("select").focus()
    row.locator("select").select_option(wanted)
    saved(page, f"{name} plays {wanted}")
    row = page.locator("#kit li", has_text=name)
    row.get_by_text("kept").wait_for()
    assert row.locator("select").input_value() == wanted
    assert row.locator("select").evaluate("e => e === document.activeElement")
    sample = next(s for s in stored(made)["meta"]["samples"] if s["name"] == name)
    assert (sample["pool_role"], sample["locked"]) == (wanted, True)
    slide(page, f"#sound-{sample['sample_id']}-gain", "4.5")
    saved(page, "+4.5 dB")
    slide(page, f"#sound-{sample['sample_id']}-pan", "-0.25")
    saved(page, "25 % left")
    sample = next(s for s in stored(made)["meta"]["samples"] if s["name"] == name)
    assert (sample["gain_db"], sample["pan"]) == (4.5, -0.25)


def test_a_locked_role_goes_into_a_new_beat_of_the_same_sounds(made):
    page, first = made.page, made.page.url
    row = page.locator("#kit li").nth(1)
    name = row.locator(".name").inner_text()
    wanted = "FILL" if row.locator("select").input_value() != "FILL" else "CORE"
    row.locator("select").select_option(wanted)
    saved(page, "plays")
    page.click("#make-button")
    page.wait_for_url(lambda url: url != first)
    idle(page)
    assert page.locator("#kit li", has_text=name).locator("select").input_value() == wanted


def test_settings_that_wait_for_a_take_outlive_a_change_of_the_mix(made):
    page = made.page
    page.fill("#bpm", "111")
    slide(page, "#lane-CORE-gain", "-2")
    saved(page, "CORE: −2 dB")
    page.get_by_role("button", name="Mute ACCENT").click()
    saved(page, "ACCENT muted")
    assert page.input_value("#bpm") == "111"
    page.click("#again")
    saved(page, "Another take.")
    assert stored(made)["grid_json"]["bpm"] == 111


def test_what_was_done_to_each_sound_and_why_it_is_benched_is_told(made):
    page = made.page
    for sample in stored(made)["meta"]["samples"]:
        row = page.locator(f"#sound-{sample['sample_id']}")
        told = row.locator(".done").inner_text()
        mine = [s for s in sample["processing"] if s["role"] == sample["pool_role"]]
        assert (told == "as it was recorded") == (not mine)
        assert not re.search(r"undefined|NaN|_|null", told), told
        for step in mine:
            if step["step"] == "sine":
                assert f"sine layer {round(step['from_hz'])} to {round(step['to_hz'])} Hz" in told
            if step["step"] == "transient":
                assert "attack +" in told
        assert (row.get_by_text("Benched:").count() == 1) == (sample["benched"] is not None)
        if sample["benched"]:
            assert sample["benched"] in row.inner_text()


def test_shape_and_tune_go_with_the_beat(visit):
    one = visit()
    page = one.open()
    page.get_by_text("The key works.").wait_for()
    assert page.input_value("#shape") == "0.6"
    slide(page, "#shape", "0")
    page.uncheck("#tune")
    make(page, SOUNDS[:3])
    parameters = stored(one)["meta"]["parameters"]
    assert (parameters["shape"], parameters["tune"], parameters["arrange"]) == (0, False, False)
    assert set(page.locator("#kit .done").all_inner_texts()) == {"as it was recorded"}
    assert page.input_value("#shape") == "0"
    assert not page.is_checked("#tune")


def test_a_change_made_elsewhere_is_not_overwritten(made):
    page = made.page
    url = f"{made.server.url}/v1/beat/{beat_id(page)}"
    headers = {"X-API-Key": made.server.key}
    etag = requests.get(url, headers=headers, timeout=20).headers["ETag"]
    op = {"op": "gain", "role": "CORE", "gain_db": -6}
    answer = requests.patch(url, headers={**headers, "If-Match": etag}, json={"ops": [op]}, timeout=20)
    assert answer.status_code == 200
    slide(page, "#lane-CORE-gain", "2")
    page.get_by_text("This beat was changed elsewhere", exact=False).wait_for()
    until(page, "document.getElementById('lane-CORE-gain').value === '-6'")
    slide(page, "#lane-CORE-gain", "2")
    saved(page, "CORE: +2 dB")
    assert page.is_hidden("#edit-problem")
    assert stored(made)["mix"]["roles"]["CORE"]["gain_db"] == 2


def test_nothing_is_lost_when_the_server_cannot_be_reached(made):
    page = made.page
    page.route("**/v1/beat/**", lambda route: route.abort())
    page.fill("#bpm", "97")
    before = page.locator("#steps td.hit").count()
    page.fill("#title", "still here")
    page.click("#again")
    page.locator("#edit-problem p").wait_for()
    assert "cannot be reached" in page.inner_text("#edit-problem")
    assert page.locator("#steps td.hit").count() == before
    assert (page.input_value("#title"), page.input_value("#bpm")) == ("still here", "97")
    page.unroute("**/v1/beat/**")
    page.click("#again")
    saved(page, "Another take.")
    assert stored(made)["grid_json"]["bpm"] == 97
    assert page.input_value("#title") == "still here"


def test_a_beat_is_deleted_after_a_question(made):
    page = made.page
    gone = beat_id(page)
    page.click("#delete")
    assert page.evaluate("document.activeElement.id") == "delete-no"
    page.keyboard.press("Escape")
    until(page, "!document.getElementById('delete-dialog').open")
    assert stored(made)
    page.click("#delete")
    page.click("#delete-yes")
    page.locator("#result").wait_for(state="hidden")
    headers = {"X-API-Key": made.server.key}
    assert requests.get(f"{made.server.url}/v1/beat/{gone}", headers=headers, timeout=20).status_code == 404
    assert "#beat" not in page.url
    until(page, "document.activeElement.matches('#recent button, #record')")
    until(page, f"!document.querySelector('[data-beat=\"{gone}\"]')")


def test_the_list_shows_ten_and_then_more(made):
    page = made.page
    url, headers = f"{made.server.url}/v1/beat", {"X-API-Key": made.server.key}
    ids = [s["asset_id"] for s in stored(made)["meta"]["samples"][:2]]
    for n in range(10):
        body = {"bpm": 90 + n, "bars": 1, "sample_ids": ids}
        assert requests.post(url, headers=headers, json=body, timeout=40).status_code == 200
    page.reload()
    until(page, "document.querySelectorAll('#recent li').length === 10")
    page.click("#recent-more")
    until(page, "document.querySelectorAll('#recent li').length > 10")
    titles = page.locator("#recent small").all_inner_texts()
    assert len(titles) == len(set(page.locator("#recent button").evaluate_all("b => b.map(x => x.dataset.beat)")))
    assert "99 bpm" in titles[0]


def test_the_sound_goes_on_where_it_was_after_a_change_of_the_mix(made):
    page = made.page
    until(page, "document.getElementById('audio').readyState >= 3")
    page.evaluate("document.getElementById('audio').play()")
    until(page, "document.getElementById('audio').currentTime > 1.5")
    before = page.get_attribute("#audio", "src")
    slide(page, "#lane-CORE-gain", "-4")
    saved(page, "CORE: −4 dB")
    assert page.get_attribute("#audio", "src") != before
    until(page, "!document.getElementById('audio').paused && document.getElementById('audio').currentTime > 1.6")
