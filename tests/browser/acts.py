"""What the browser tests do on the page, and how they wait."""

from pathlib import Path

import requests

SOUNDS = sorted((Path(__file__).resolve().parents[2] / "deploy/sounds").glob("*.flac"))


def until(page, expression):
    """Wait for an expression to hold; Playwright's own way evaluates text in the page, which its policy forbids."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {expression}")


def make(page, files=SOUNDS, bars=2, **fields):
    """Choose files, make a beat, wait for it."""
    page.get_by_text("The key works.").wait_for()
    page.set_input_files("#files", files)
    page.fill("#bars", str(bars))
    page.fill("#bpm", "92")
    page.select_option("#mode", "oneshot")
    for name, value in fields.items():
        page.fill(f"#{name}", value)
    page.click("#make-button")
    page.locator("#result").wait_for(state="visible")
    page.locator("#recent li:first-child button[aria-current=true]").wait_for()
    idle(page)


def idle(page):
    """Wait until nothing runs on the page."""
    until(page, "!document.getElementById('again').disabled")


def version(page):
    """The number of the version that the page shows."""
    return int(page.inner_text("#facts").split(",")[0].removeprefix("version "))


def beat_id(page):
    """The id of the open beat."""
    return page.evaluate("new URLSearchParams(location.hash.slice(1)).get('beat')")


def slide(page, selector, value):
    """Move a slider and let it go."""
    page.locator(selector).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change')); }", value
    )


def stored(one):
    """The open beat as the API tells it."""
    url = f"{one.server.url}/v1/beat/{beat_id(one.page)}"
    answer = requests.get(url, headers={"X-API-Key": one.server.key}, timeout=20)
    assert answer.status_code == 200
    return answer.json()


def saved(page, text):
    """Wait until the page says that a change was saved."""
    page.locator("#saved", has_text=text).wait_for()
    idle(page)
