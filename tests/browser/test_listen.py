"""Listening to a recording on the page: what was found, and how it is put right."""

from __future__ import annotations

import pytest

from tests.browser.acts import until
from tests.encoded import by_sndfile
from tests.song import song
from tests.sounds import silence


@pytest.fixture
def heard(visit, tmp_path):
    """A page that has listened to a song of 110 bpm in D."""
    path = tmp_path / "my song.wav"
    path.write_bytes(by_sndfile(song(16.0, 110.0, tonic=2), "WAV"))
    page = visit().open()
    page.get_by_text("The key works.").wait_for()
    page.locator("#listen summary").click()
    page.set_input_files("#listen-file", path)
    page.locator("#listen-found").wait_for(state="visible")
    page.locator("#listen-state", has_text="my song.wav").wait_for()
    return page


def fact(page, name):
    return page.locator("#listen-facts dt", has_text=name).locator("xpath=following-sibling::dd[1]").inner_text()


def test_a_recording_is_told_and_put_right(heard):
    assert float(fact(heard, "Tempo").split(" bpm")[0]) == pytest.approx(110, rel=0.02)
    assert fact(heard, "Key").startswith("D major")
    assert fact(heard, "Length") == "0:16"
    assert "LUFS" in fact(heard, "Loudness")
    heard.click("#listen-half")
    until(heard, "parseFloat(document.querySelector('#listen-facts dt:nth-of-type(2) + dd').textContent) < 60")
    assert float(fact(heard, "Tempo").split(" bpm")[0]) == pytest.approx(55, rel=0.02)
    until(heard, "!document.getElementById('listen-meter').disabled")
    heard.select_option("#listen-meter", "3/4")
    until(heard, "document.querySelector('#listen-facts').textContent.includes('3/4')")
    until(heard, "!document.getElementById('listen-use').disabled")
    heard.click("#listen-use")
    assert float(heard.input_value("#bpm")) == pytest.approx(55, rel=0.02)


def test_silence_is_said_and_offers_no_tempo(visit, tmp_path):
    path = tmp_path / "still.wav"
    path.write_bytes(by_sndfile(silence(2.0), "WAV"))
    page = visit().open()
    page.get_by_text("The key works.").wait_for()
    page.locator("#listen summary").click()
    page.set_input_files("#listen-file", path)
    page.get_by_text("The recording is silent").wait_for()
    assert (fact(page, "Tempo"), fact(page, "Key"), fact(page, "Loudness")) == ("none", "none", "none")
    assert page.locator("#listen-right").is_hidden()
