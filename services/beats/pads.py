"""Pads: a beat's sounds as keys that are struck, the same in the MIDI file, in the kit and in the pads reference.

A key starts a sound at once, so a pad keeps only a little of what precedes its attack. Everything that a pad plays is
in its samples: level, place, gates and fades; a player only scales it by velocity, loops beds, and cuts.
"""

from __future__ import annotations

from services.audio.clip import HOUSE_RATE_HZ
from services.beats.voices import Voice, ramp

LEAD_MAX_S = 0.005  # of a sound before its attack that a pad plays: more would be heard as latency
LEAD_FADE_S = 0.003  # fade into a sound whose beginning is cut away; shorter than the lead, so never over the attack


def struck(voice: Voice) -> Voice:
    """The voice as a pad: from at most 5 ms before its attack, with a fade where its beginning is cut away."""
    lead = round(LEAD_MAX_S * HOUSE_RATE_HZ)
    if voice.attack <= lead:
        return voice
    samples = voice.samples[:, voice.attack - lead :].copy()
    fade = round(LEAD_FADE_S * HOUSE_RATE_HZ)
    samples[:, :fade] *= ramp(fade)[: samples.shape[1]]
    return Voice(samples, lead)
