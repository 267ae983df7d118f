"""The kits that the sheet plays: the bundled everyday sounds, and a drum kit where it can be fetched."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from deploy.training import role_material
from tests.groove_material import Kit, everyday, heard, read

PACKAGES = Path(__file__).resolve().parents[2] / "var/training"  # where the role training keeps the same packages
DRUM_KIT = "Audiophob"


def kits() -> tuple[dict[str, Kit], list[str]]:
    """Kits by name, their sounds judged as they are, and a sentence for each one that could not be had."""
    found = {"everyday": everyday()}
    try:
        folder = role_material.fetch(PACKAGES) / role_material.KIT_FOLDER / DRUM_KIT
        clips = {f"{name}.wav": read(folder / file) for name, file in _instruments(folder)}
    except (OSError, subprocess.CalledProcessError, ET.ParseError) as error:
        return found, [f"The drum kit {DRUM_KIT} could not be fetched ({error}): the everyday sounds play alone."]
    if not clips:
        return found, [f"{folder} holds no sounds: the everyday sounds play alone."]
    return {**found, DRUM_KIT.lower(): heard(clips)}, []


def _instruments(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and file of each instrument of a drum kit."""
    for instrument in ET.parse(folder / "drumkit.xml").findall(".//{*}instrument"):
        name, file = instrument.findtext("{*}name"), instrument.findtext(".//{*}filename")
        if name and file:
            yield name.strip(), file
