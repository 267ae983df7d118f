"""The page's files without a browser: contrast of both palettes, nothing inline, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "app/studio/static"
TEMPLATES = sorted((ROOT / "app/studio/templates").glob("*.html"))
CSS = (STATIC / "style.css").read_text()
TEXT_CONTRAST, CONTROL_CONTRAST = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
ON = [
    ("ink", "ground"), ("ink", "card"), ("soft", "card"), ("soft", "ground"), ("accent", "card"), ("accent", "ground"),
    ("on-accent", "accent"), ("ink", "warn"), ("bad-ink", "bad"), ("core", "card"), ("accent-role", "card"),
    ("motion", "card"), ("fill", "card"), ("texture", "card"),
]  # fmt: skip


def _palettes():
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    found = [dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", block)) for block in (light, dark)]
    assert set(found[0]) == set(found[1])
    return {"light": found[0], "dark": found[1]}


def _luminance(colour):
    def linear(byte):
        c = byte / 255
        return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4

    r, g, b = (linear(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme):
    palette = _palettes()[scheme]
    low = {f"{a} on {b}": round(_contrast(palette[a], palette[b]), 2) for a, b in ON}
    assert {k: v for k, v in low.items() if v < TEXT_CONTRAST} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_stand_out(scheme):
    palette = _palettes()[scheme]
    assert _contrast(palette["field"], palette["card"]) >= CONTROL_CONTRAST


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda p: p.name)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(template):
    text = template.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda p: p.name)
def test_scripts_build_no_markup_from_text_and_ask_nobody_else(script):
    text = script.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert "https://" not in text.replace("https:// or localhost", "")
    assert text.count("\n") < 250


def test_the_vendored_reference_is_complete_and_asks_no_other_host():
    folder = ROOT / "app/static/swagger"
    assert {p.name for p in folder.iterdir()} >= {
        "swagger-ui-bundle.js",
        "swagger-ui.css",
        "LICENSE",
        "NOTICE",
        "favicon-32x32.png",
    }
    css = (folder / "swagger-ui.css").read_text()
    assert not re.search(r"url\(\s*['\"]?https?:|@import", css)
    bundle = (folder / "swagger-ui-bundle.js").read_text()
    for host in ("cdn.jsdelivr.net", "unpkg.com", "cdnjs.", "fonts.googleapis.com", "fonts.gstatic.com"):
        assert host not in bundle
    assert "validatorUrl: null" in (STATIC / "docs.js").read_text()


def test_the_page_and_the_reference_are_served_with_a_policy():
    from flask import Flask

    from app.studio import page

    app = Flask("page", static_folder=None)
    app.register_blueprint(page)
    client = app.test_client()
    for path in ("/", "/docs"):
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy.split("style-src")[0]
        for link in re.findall(r"(?:src|href)=\"(/[^\"]+\.(?:js|css|svg|png))\"", answer.text):
            part = client.get(link)
            assert part.status_code == 200, link
            assert part.headers["X-Content-Type-Options"] == "nosniff"
            part.close()
    assert client.get("/studio/static/../__init__.py").status_code == 404
    assert client.get("/docs/assets/..%2f..%2fconfig.py").status_code == 404
