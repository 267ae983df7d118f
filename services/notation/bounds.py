"""How much a file of notes may hold: what two hours of music can come to, and no more."""

from __future__ import annotations

BARS_READ_MAX = 20_000  # two hours of 2/4 at 300 bpm are 18,000
NOTES_READ_MAX = 120_000  # sixteen strokes in each second of two hours
# Meters that a beat has under another name: the same bar, beaten otherwise.
SAME_BAR = {"2/2": "4/4", "4/8": "2/4"}
NUMBER_MAX = 1e9  # beyond, a number is a mistake
