"""The whole stack on embedded stores, and Debian's Chromium with a microphone that beeps."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
KEY = "browser-tests-key-0123456789abcdef"
START_S = 90.0
STOP_S = 20.0
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


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    folder = tmp_path_factory.mktemp("stack")
    port = _free_port()
    settings = {
        "APP_ENV": "test",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATA_DIR": str(folder / "data"),
        "BOOTSTRAP_API_KEY": KEY,
        "WORKERS": "1",
        "WEB_WORKERS": "1",
        "MONGODB_URI": "",
        "REDIS_URL": "",
    }
    with (folder / "log").open("w") as log:
        stack = subprocess.Popen(
            [sys.executable, "-m", "app", "up"], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
        )
    try:
        _wait_ready(f"http://127.0.0.1:{port}", stack, folder / "log")
        yield Server(f"http://127.0.0.1:{port}", KEY)
    finally:
        stack.send_signal(signal.SIGTERM)
        try:
            stack.wait(STOP_S)
        except subprocess.TimeoutExpired:
            stack.kill()
            stack.wait()


def _wait_ready(url, stack, log):
    until = time.monotonic() + START_S
    while time.monotonic() < until and stack.poll() is None:
        try:
            if requests.get(f"{url}/ready", timeout=2).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the stack did not become ready:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


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
