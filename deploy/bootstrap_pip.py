"""Put pip into a virtual environment that was made without it (Debian without python3-venv).

usage: python3 deploy/bootstrap_pip.py PATH/TO/ENVIRONMENT/bin/python

Tries, in this order: the system's pip module, the wheel that Debian keeps for its own use, the pinned wheel from the
package index. Stdlib only: this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import html.parser
import importlib.util
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

PIP_WHEEL = "pip-26.1-py3-none-any.whl"
PIP_SHA256 = "4e8486d821d814b77319acb7b9e8bf5a4ee7590a643e7cb21029f209be8573c1"
DEBIAN_WHEELS = Path("/usr/share/python-wheels")
INDEX = "https://pypi.org/simple"
TIMEOUT_S = 60
HELP = """\
pip could not be put into the virtual environment. One of these helps, then say make again:
  sudo apt-get install python3-venv          (Debian, Ubuntu)
  a Python from python.org, pyenv or uv, named by: make PYTHON=/path/to/python3.11 run"""


class _Links(html.parser.HTMLParser):
    """The links of an index page, by file name."""

    def __init__(self) -> None:
        super().__init__()
        self.by_name: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") if tag == "a" else None
        if href:
            path = urllib.parse.urlsplit(href).path
            self.by_name[path.rsplit("/", 1)[-1]] = href


def by_system_pip(python: str) -> bool:
    """Install with the pip module of the Python that runs this."""
    if importlib.util.find_spec("pip") is None:
        return False
    return _runs([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "pip"])


def by_wheel(python: str, wheel: Path) -> bool:
    """Install pip with itself: a wheel is a zip that Python runs."""
    return _runs([python, f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)])


def by_download(python: str) -> bool:
    """Install the pinned wheel from the package index, if its hash is the pinned one."""
    index = os.environ.get("PIP_INDEX_URL", INDEX).rstrip("/") + "/pip/"
    if not index.startswith("https://"):
        return False
    try:
        links = _Links()
        links.feed(_read(index).decode())
        data = _read(urllib.parse.urljoin(index, links.by_name[PIP_WHEEL]))
    except (urllib.error.URLError, OSError, KeyError):
        return False
    if hashlib.sha256(data).hexdigest() != PIP_SHA256:
        return False
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / PIP_WHEEL
        wheel.write_bytes(data)
        return by_wheel(python, wheel)


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - https only, checked above
        return bytes(answer.read())


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, check=False).returncode == 0


def main() -> int:
    """0 when the environment has pip afterwards."""
    python = sys.argv[1]
    debian = sorted(DEBIAN_WHEELS.glob("pip-*.whl"))
    if by_system_pip(python) or any(by_wheel(python, wheel) for wheel in debian) or by_download(python):
        return 0
    print(HELP, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
