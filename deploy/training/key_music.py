"""Music whose key is known: chord progressions of many styles, written out as notes for bass, chords and melody.

Everything is drawn from one seeded generator, so a seed is a piece. Degrees are counted from the major scale of the
tonic: a minor key's chord on the sixth degree is `bVI`. Small numerals are minor, `o` diminished, `h` half-diminished.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
DEGREES = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
QUALITIES = {
    "": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "m7": (0, 3, 7, 10), "maj7": (0, 4, 7, 11), "o": (0, 3, 6),
    "o7": (0, 3, 6, 9), "h": (0, 3, 6, 10), "sus": (0, 5, 7), "sus2": (0, 2, 7), "6": (0, 4, 7, 9), "m6": (0, 3, 7, 9),
    "9": (0, 4, 7, 10, 14), "m9": (0, 3, 7, 10, 14), "5": (0, 7), "add9": (0, 4, 7, 14), "aug": (0, 4, 8),
    "mmaj7": (0, 3, 7, 11),
}  # fmt: skip

MAJOR = """
I V vi IV | I vi IV V | I IV V I | I IV I V | I vi ii V | IV V I I | I iii IV V | I V IV I | I IV vi V | I ii IV V
I IV V IV | ii V I I | IV I V vi | vi IV I V | V IV I I | I I IV V | I V vi iii IV I IV V | I IV ii V | I iii vi IV
I bVII IV I | I V bVII IV | I bVII bVI V | I II IV I | I III IV iv | I IV iv I | I vi iii IV | IV I ii V | I V I V
iim7 V7 Imaj7 Imaj7 | Imaj7 vim7 iim7 V7 | iiim7 vim7 iim7 V7 | Imaj7 VI7 iim7 V7 | iim7 V7 iiim7 VI7 | I9 IV9 I9 V9
Imaj7 IVmaj7 iiim7 vim7 iim7 V7 Imaj7 V7 | I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7 | I7 I7 IV7 I7 V7 V7 I7 I7
I IV V7 I | I ii6 V7 I | I vi IV ii V7 I | I V7 I V7 | I V7 V7 I | I IV I V7 I IV V7 I | I V vi iii IV I ii V7
I I V V V V I I | I Isus IV V | Iadd9 Vsus vi IVadd9 | I V7 vi IV I V7 I I | I io7 iim7 V7 | I IV viio I
vi V IV V | vi ii V I | IV V iii vi | IVmaj7 V iiim7 vi | IVmaj7 iiim7 iim7 Imaj7 | I5 bVII5 IV5 I5 | I5 IV5 V5 IV5
I I7 IV iv I V7 I V | I VI7 II7 V7 | I iii IV iv | Imaj7 bVIImaj7 Imaj7 bVIImaj7 | I II7 V7 I | I Iaug I6 I7 IV iv I V
"""
MINOR = """
i bVI bIII bVII | i bVII bVI bVII | i bVI bVII i | i iv v i | i iv V i | i iv i V | i bVII bVI V | i v bVI bVII
i bIII bVII iv | i bIII bVI V | i iv bVII bIII | bVI bVII i i | iv v i i | i i iv V | i bVI iv V | i bVI iv v | i v i v
bVI iv i v | i iv bVI V | i bVII iv i | i bVII i bVII | i V i V | i V7 V7 i | i iih V7 i | i bVI iih V7 | i iv V7 i
iih V7 im7 im7 | im7 ivm7 V7 im7 | im7 iih V7 im7 | ivm7 bVII7 bIIImaj7 bVImaj7 iih V7 im im | im9 ivm9 im9 V7
im7 im7 ivm7 im7 bVI7 V7 im7 V7 | im7 IV7 im7 IV7 | i IV i IV | i IV bVII i | i bII i bII | i bII bVII i | i bII V i
i i bVI bVI bVII bVII i i | i5 bVI5 bVII5 i5 | i5 bIII5 bVII5 iv5 | i5 i5 bVI5 v5 | i5 bII5 i5 bVII5
i bVII bIII bVI iv i V i | i v iv i | i iv i iv | bVI bVII v i | bVI V i i | i bVI i V | immaj7 ivm6 immaj7 V7
i vo7 V7 i | i bIII iv bVI | i bIII iv V | iv i V i | im6 iih V7 im6 | i bVI bIII V | i bVI bIII iv | bVImaj7 V7 im7 im7
"""
NUMERAL = re.compile(r"(b?)(vii|iii|vi|iv|ii|v|i|VII|III|VI|IV|II|V|I)(.*)$")
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10), "harmonic": (0, 2, 3, 5, 7, 8, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10), "dorian": (0, 2, 3, 5, 7, 9, 10), "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "major5": (0, 2, 4, 7, 9), "minor5": (0, 3, 5, 7, 10),
}  # fmt: skip


@dataclass(frozen=True)
class Chord:
    """Semitones of the root above the tonic, and of its notes above the root."""

    root: int
    notes: tuple[int, ...]


@dataclass(frozen=True)
class Note:
    """A note of one part: start and length in beats, MIDI pitch, velocity 1..127."""

    part: str
    beat: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Song:
    """Notes in beats of a piece in a known key, and how long it is; `progression` names where its chords come from."""

    tonic: int
    mode: str
    bpm: float
    beats: float
    notes: tuple[Note, ...]
    progression: str

    @property
    def key(self) -> str:
        return f"{TONICS[self.tonic]} {self.mode}"


def progressions(mode: str, *, held_out: bool) -> list[str]:
    """The progressions of a mode: two of three for learning, every third held out for judging."""
    every = [p.strip() for line in (MAJOR if mode == "major" else MINOR).strip().splitlines() for p in line.split("|")]
    return [p for i, p in enumerate(every) if (i % 3 == 2) == held_out]


def chord(numeral: str) -> Chord:
    """A numeral such as `bVII7` as a chord."""
    found = NUMERAL.match(numeral)
    assert found, numeral
    flat, degree, quality = found.groups()
    if degree.islower() and not quality.startswith(("m", "o", "h", "5", "aug")):
        quality = {"": "m", "7": "m7", "6": "m6"}.get(quality, quality)
    return Chord((DEGREES[degree.lower()] - bool(flat)) % 12, QUALITIES[quality])


def compose(rng: random.Random, *, held_out: bool) -> Song:
    """A piece of 20 to 60 s in a key, by progressions of the one or the other group."""
    tonic, mode = rng.randrange(12), rng.choice(("major", "minor"))
    pool, bpm, bar = progressions(mode, held_out=held_out), rng.uniform(66, 170), rng.choice((4, 4, 4, 4, 3))
    first, second = rng.choice(pool), rng.choice(pool)
    form = rng.choice((first, first, first, second)) if rng.random() < 0.5 else None
    length = rng.uniform(18, 50) * bpm / 60
    per_chord = rng.choice((1, 1, 1, 0.5)) * bar
    chords: list[tuple[float, float, Chord]] = []
    at, turn = 0.0, 0
    while at < length:
        source = first if form is None or turn % 4 < 2 else form
        for numeral in source.split():
            chords.append((at, per_chord, chord(numeral)))
            at += per_chord
        turn += 1
    if rng.random() < 0.55:  # a close: the piece ends at home
        home = Chord(0, QUALITIES["" if mode == "major" else "m"])
        chords.append((at, 2.0 * bar, home))
        at += 2 * bar
    parts = _parts(rng)
    notes = [n for part in parts for n in WRITERS[part](rng, tonic, mode, chords)]
    return Song(tonic, mode, bpm, at, tuple(notes), first)


def _parts(rng: random.Random) -> tuple[str, ...]:
    draw = rng.random()
    if draw < 0.62:
        return ("bass", "chords", "melody")
    if draw < 0.78:
        return ("bass", "chords")
    if draw < 0.90:
        return ("chords", "melody")
    if draw < 0.95:
        return ("bass", "melody")
    return ("chords",) if draw < 0.98 else ("melody",) if draw < 0.99 else ("bass",)


Chords = list[tuple[float, float, Chord]]


def _bass(rng: random.Random, tonic: int, mode: str, chords: Chords) -> list[Note]:
    low, style, found = rng.randint(28, 38), rng.choice(("root", "pulse", "fifth", "walk", "octave")), []
    for i, (at, length, c) in enumerate(chords):
        root = low + (tonic + c.root - low) % 12
        following = low + (tonic + chords[(i + 1) % len(chords)][2].root - low) % 12
        if style == "root":
            found.append((at, length * 0.95, root))
        elif style in {"pulse", "octave"}:
            step = 1 if style == "pulse" else 0.5
            found += [
                (at + k * step, step * 0.9, root + (12 if style == "octave" and k % 2 else 0))
                for k in range(round(length / step))
            ]
        elif style == "fifth":
            fifth = root + c.notes[min(2, len(c.notes) - 1)]
            half = length / 2
            found += [(at, half * 0.9, root), (at + half, half * 0.9, fifth - (12 if fifth - 12 >= low else 0))]
        else:
            beats = round(length)
            for k in range(beats):
                pitch = root if k == 0 else following + rng.choice((-1, 1, 2, -2)) if k == beats - 1 else None
                found.append((at + k, 0.9, pitch if pitch is not None else root + rng.choice(c.notes)))
    return [Note("bass", a, n, p, rng.randint(80, 110)) for a, n, p in found]


def _chord_part(rng: random.Random, tonic: int, mode: str, chords: Chords) -> list[Note]:
    low, style = rng.randint(46, 58), rng.choice(("pad", "pad", "strum", "arpeggio", "stabs", "offbeat"))
    found: list[tuple[float, float, int]] = []
    for at, length, c in chords:
        pitches = sorted(low + (tonic + c.root + n - low) % 12 for n in c.notes)
        if rng.random() < 0.3:
            pitches.append(pitches[0] + 12)
        if style == "pad":
            found += [(at, length * 0.98, p) for p in pitches]
        elif style == "arpeggio":
            order = pitches + pitches[-2:0:-1]
            found += [(at + k * 0.5, 0.6, order[k % len(order)]) for k in range(round(length * 2))]
        else:
            beats = {"strum": (0.0, 1.0, 1.5, 2.5, 3.0), "stabs": (0.0, 1.5, 3.0), "offbeat": (0.5, 1.5, 2.5, 3.5)}[
                style
            ]
            found += [(at + b, 0.4 if style != "strum" else 0.8, p) for b in beats if b < length for p in pitches]
    return [Note("chords", a, n, p, rng.randint(60, 90)) for a, n, p in found]


def _melody(rng: random.Random, tonic: int, mode: str, chords: Chords) -> list[Note]:
    """A walk along the scale that lands on chord notes on strong beats and bends its scale to the chord."""
    names = ("major", "major", "major5", "mixolydian") if mode == "major" else ("minor", "minor", "minor5", "dorian")
    scale, low, busy = SCALES[rng.choice(names)], rng.randint(60, 72), rng.uniform(0.35, 0.85)
    pitch, found = low + 7, []
    for at, length, c in chords:
        tones = {(tonic + c.root + n) % 12 for n in c.notes}
        allowed = {(tonic + s) % 12 for s in scale}
        clash = {p for p in allowed if p not in tones and ((p + 1) % 12 in tones and (p + 1) % 12 not in allowed)}
        k = 0.0
        while k < length:
            step = rng.choice((0.5, 0.5, 1.0, 1.5))
            if rng.random() < busy:
                near = tones if k % 2 == 0 else (allowed - clash) | tones
                choices = [p for p in range(low - 3, low + 20) if p % 12 in near]
                pitch = min(choices, key=lambda p: abs(p - pitch) + rng.uniform(0, 6))
                found.append((at + k, step * rng.uniform(0.6, 0.98), pitch))
            k += step
    return [Note("melody", a, n, p, rng.randint(70, 105)) for a, n, p in found]


WRITERS = {"bass": _bass, "chords": _chord_part, "melody": _melody}
