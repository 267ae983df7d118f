"""Labelled one-shots for the role classifier, from packages that Debian ships: nine drum kits and a General MIDI font.

Needs the programs apt-get, dpkg-deb and fluidsynth. Only the kits in `KITS` and the font in `FONT` are ever read: every
other kit and font of these packages is kept away from training, so that it can judge the result.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import mido
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

RATE_HZ = 44_100
PACKAGES = ("hydrogen-data", "hydrogen-drumkits", "timgm6mb-soundfont")
KITS = (
    "GMRockKit", "TR808EmulationKit", "Millo_MultiLayered2", "Millo_MultiLayered3", "BJA_Pacific",
    "ColomboAcousticDrumkit", "Audiophob", "HardElectro1", "Millo-Drums_v.1",
)  # fmt: skip
FONT = "usr/share/sounds/sf2/TimGM6mb.sf2"
FONT_NAME = "TimGM6mb"
KIT_FOLDER = "usr/share/hydrogen/data/drumkits"

# Words in an instrument's name and the class they mean; None: the name does not say enough. First match wins.
NAMES: tuple[tuple[str | None, str], ...] = (
    (None, r"swish|flink|choke|roll|\bcup\b|-cup|flip|zap|\bfx\b|whistle|click|redo|semi|half|free"),
    ("rim", r"rim|stick|\bside (?!o?hh)"),
    ("hat_open", r"\bohh\b|open(ed)? (hh|hat)|(hh|hat) open"),
    ("hat_closed", r"\bhh\b|hat"),
    ("clap", r"clap|snap"),
    ("kick", r"kick|bass ?drum"),
    ("snare", r"snare"),
    ("tom", r"tom|floor"),
    ("ride", r"ride"),
    ("crash", r"crash|splash|china|^cymbal$"),
    ("perc", r"cowbell|agogo|clave|wood|bongo|conga|triangle"),
    ("shaker", r"shaker|maraca|tambourine"),
)

# General MIDI percussion keys and the class they mean.
DRUM_KEYS: dict[int, str] = {
    35: "kick", 36: "kick", 37: "rim", 38: "snare", 39: "clap", 40: "snare", 41: "tom", 42: "hat_closed", 43: "tom",
    44: "hat_closed", 45: "tom", 46: "hat_open", 47: "tom", 48: "tom", 49: "crash", 50: "tom", 51: "ride", 52: "crash",
    54: "shaker", 55: "crash", 56: "perc", 57: "crash", 59: "ride", 60: "perc", 61: "perc", 62: "perc", 63: "perc",
    64: "perc", 65: "perc", 66: "perc", 67: "perc", 68: "perc", 69: "shaker", 70: "shaker", 73: "perc", 75: "perc",
    76: "perc", 77: "perc", 80: "perc", 81: "perc", 82: "shaker",
}  # fmt: skip
DRUM_PROGRAMS = (0, 8, 16, 24, 25, 32, 40)

# (programs, keys, class, seconds held)
MELODIC: tuple[tuple[tuple[int, ...], tuple[int, ...], str, float], ...] = (
    ((32, 33, 34, 35, 36, 37, 38, 39, 43), (28, 31, 35, 38, 43), "bass", 0.5),
    ((0, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 21, 24, 25, 26, 27, 28, 45, 46, 47, 104, 105, 106, 107, 108),
     (48, 55, 62, 69, 76), "tonal", 0.4),
    ((40, 41, 56, 57, 60, 64, 66, 68, 71, 73, 74, 75, 78, 79, 80, 81, 82, 84, 110, 111),
     (52, 60, 69, 77), "tonal", 0.6),
    ((52, 53, 54, 85), (50, 57, 62, 67, 72), "vocal", 0.6),
    ((48, 49, 50, 89, 91, 92, 93, 94, 95, 97), (43, 50, 57), "texture", 2.0),
    ((121, 122, 125, 126), (48, 55, 60, 67), "texture", 2.0),
    ((116,), (36, 40, 45, 50), "tom", 0.5),
    ((117, 118), (40, 48, 55, 62), "tom", 0.5),
    ((112, 113, 115), (55, 62, 69), "perc", 0.3),
    ((124,), (60, 67, 72), "tonal", 0.8),
)  # fmt: skip
NOTE_GAP_S = 4.0
VELOCITIES = (122, 70)

Mono = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """One labelled one-shot: mono at 44.1 kHz, its class, the kit it came from, and its name there."""

    audio: Mono
    instrument: str
    kit: str
    layer: int = 0  # place among the velocity layers of its instrument
    name: str = ""


def fetch(folder: Path) -> Path:
    """Download the packages with apt-get and unpack them below `folder`; returns the root of the unpacked tree."""
    root = folder / "root"
    if not root.exists():
        debs = folder / "deb"
        debs.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", *PACKAGES], cwd=debs, check=True)
        for deb in sorted(debs.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], check=True)
    return root


def class_of(name: str) -> str | None:
    """The class that an instrument's name means, or None."""
    lowered = name.lower()
    return next((cls for cls, pattern in NAMES if re.search(pattern, lowered)), None)


def load(path: Path) -> Mono:
    """A sound file as mono at 44.1 kHz."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    return np.asarray(mono if rate == RATE_HZ else soxr.resample(mono, rate, RATE_HZ), dtype=np.float32)


def kit_sounds(root: Path, kit: str) -> Iterator[Sound]:
    """Every velocity layer of every instrument of a kit whose name says what it is."""
    folder = root / KIT_FOLDER / kit
    text = re.sub(r'\s(xmlns(:\w+)?|xsi:\w+)="[^"]*"', "", (folder / "drumkit.xml").read_text(errors="replace"))
    for instrument in ET.fromstring(text).iter("instrument"):  # noqa: S314  a file of a signed package
        name = instrument.findtext("name") or ""
        label = class_of(name)
        layers = [node.findtext("filename") for node in instrument.iter("layer")] or [instrument.findtext("filename")]
        files = [folder / layer for layer in layers if layer and (folder / layer).exists()]
        if label:
            for i, file in enumerate(files):
                yield Sound(load(file), label, kit, i, name)


def font_sounds(root: Path, folder: Path) -> list[Sound]:
    """The notes of the font, each rendered alone, cut where the next begins."""
    jobs = [(9, p, key, cls, 0.2) for p in DRUM_PROGRAMS for key, cls in DRUM_KEYS.items()]
    jobs += [(0, p, key, cls, hold) for programs, keys, cls, hold in MELODIC for p in programs for key in keys]
    notes = [(c, p, key, cls, hold, v) for c, p, key, cls, hold in jobs for v in VELOCITIES]
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=500_000))
    clock = 0
    for i, (channel, program, key, _, hold, velocity) in enumerate(notes):
        start = round(i * NOTE_GAP_S * 960)
        track.append(mido.Message("program_change", channel=channel, program=program, time=start - clock))
        track.append(mido.Message("note_on", channel=channel, note=key, velocity=velocity))
        track.append(mido.Message("note_off", channel=channel, note=key, time=round(hold * 960)))
        clock = start + round(hold * 960)
    score = mido.MidiFile(ticks_per_beat=480)
    score.tracks.append(track)
    midi, wav = folder / "font.mid", folder / "font.wav"
    score.save(midi)
    options = ["-ni", "-q", "-R", "0", "-C", "0", "-g", "0.6", "-r", str(RATE_HZ), "-F", str(wav)]
    subprocess.run(["fluidsynth", *options, str(root / FONT), str(midi)], check=True, stdout=subprocess.DEVNULL)
    audio = load(wav)
    wav.unlink()
    midi.unlink()
    size = round(NOTE_GAP_S * RATE_HZ)
    cuts = [(audio[i * size : (i + 1) * size].copy(), note) for i, note in enumerate(notes)]
    return [
        Sound(cut, note[3], FONT_NAME, name="drums" if note[0] == 9 else "notes")
        for cut, note in cuts
        if cut.size and np.abs(cut).max() > 1e-3
    ]
