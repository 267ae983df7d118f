"""Debian's Chromium, with a microphone that beeps, on the run's live instance."""

import shutil
from dataclasses import dataclass

import pytest

from tests.browser.acts import make
from tests.live import KEY

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]


@dataclass(frozen=True)
class Server:
    """Where the stack answers, and a key for it."""

    url: str
    key: str


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(chromium, live):
    """After the browser, so that nothing is started where there is none."""
    return Server(live.url, KEY)


class Visit:
    """A page in a context of its own, with what went wrong on it and whom it asked."""

    def __init__(self, browser, server, **options):
        self.server = server
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.errors = []
        self.asked = set()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", lambda request: self.asked.add(request.url))

    def _console(self, message):
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def open(self, fragment=None):
        self.page.goto(f"{self.server.url}/#{fragment or 'key=' + self.server.key}")
        return self.page

    def strangers(self):
        """Addresses outside this server that the page asked."""
        return {url for url in self.asked if not url.startswith((self.server.url, "data:", "blob:"))}


@pytest.fixture
def visit(chromium, server):
    made = []

    def make(**options):
        made.append(Visit(chromium, server, **options))
        return made[-1]

    yield make
    for one in made:
        one.context.close()
        assert one.errors == []
        assert one.strangers() == set()


@pytest.fixture
def made(visit):
    """A visit with a fresh beat on the page."""
    one = visit()
    make(one.open(), bars=4)
    return one
