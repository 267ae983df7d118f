"""Strikes: which prepared voice sounds at which frame, how loud, and what it cuts.

Two ways to play a beat. The music: every event at its own time. The pads reference: what a sampler makes of `beat.mid`
in the pads map played through `kit.sfz`: times on the file's ticks, velocities of 7 bits, every voice from its pad's
start.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from services.audio.clip import HOUSE_RATE_HZ, Clip
from services.beats.balance import weighed
from services.beats.dress_audio import Wardrobe
from services.beats.ducking import release_s
from services.beats.grid import bar_bpms
from services.beats.pads import pad_notes
from services.beats.perform import Hit
from services.beats.softness import layer_of, softened
from services.beats.ticks import VELOCITY_MAX, TickClock, length_ticks, midi_velocity
from services.beats.types import Beat, Event, Role
from services.beats.variation import CENTS, amount_of, chances, retuned
from services.beats.voices import HATS, Voice, VoiceKey, cut_group, hat_keys, key_of, make_voice, pad_voice
from services.errors import NotFound

RATE = HOUSE_RATE_HZ
TAKES_BYTES = 384 * 2**20  # of takes that a render holds; twelve sounds need a tenth of it


@dataclass(frozen=True, slots=True)
class Strike:
    """A voice that is struck. `frame`: where its attack lies; `gain`: linear; `group`: what it cuts and is cut by.

    `held`: frames after which it is let go, None for its own length; a bed always has them. `release_s`: an eighth at
    the tempo of its bar. `bass`: it plays a bass.
    """

    key: VoiceKey
    voice: Voice
    frame: int
    gain: float
    group: Hashable
    held: int | None = None
    release_s: float = 0.0
    bass: bool = False

    @property
    def role(self) -> Role:
        return self.key.role


class Rack:
    """The voices of a beat, each prepared when it is first asked for."""

    def __init__(self, beat: Beat, clips: Mapping[str, Clip], wardrobe: Wardrobe) -> None:
        """`clips`: sample id → the whole stored cut, 44.1 kHz."""
        self._beat, self._clips, self._wardrobe = weighed(beat), clips, wardrobe
        self._amount = amount_of(beat)
        self._voices: dict[VoiceKey, Voice] = {}
        self._layers: dict[tuple[VoiceKey, int], Voice] = {}
        self._takes: dict[tuple[VoiceKey, int, int], Voice] = {}
        self._taken = 0  # bytes of the takes

    def voice(self, key: VoiceKey) -> Voice:
        """The voice of a key. Raises NotFound `sample_missing` for a sound without its clip."""
        if key not in self._voices:
            sample, clip = self._beat.kit.get(key.sample_id), self._clips.get(key.sample_id)
            if sample is None or clip is None:
                name = sample.name if sample else "of an event"
                raise NotFound(f"The sound {name} of this beat is no longer stored.", code="sample_missing")
            self._voices[key] = make_voice(self._beat, sample, clip, key, self._wardrobe)
        return self._voices[key]

    def take(self, key: VoiceKey, layer: int, take: int) -> Voice:
        """A voice in a layer of softness (see `softness.LAYERS`) and a take (see `variation.CENTS`).

        Once the takes fill `TAKES_BYTES`, further ones are the plain voice: their levels alone vary then.
        """
        if (key, layer, take) not in self._takes:
            if (key, layer) not in self._layers:
                self._layers[key, layer] = softened(self.voice(key), layer)
            plain = self._layers[key, layer]
            if self._taken >= TAKES_BYTES:
                return plain
            made = retuned(plain, self._amount * CENTS[take])
            self._taken += made.samples.nbytes
            self._takes[key, layer, take] = made
        return self._takes[key, layer, take]


def velocity_gain(velocity: float) -> float:
    """Linear gain of a velocity 0..1: 40·log10(velocity) dB, the law that SFZ players use by default."""
    return velocity * velocity


def strikes_of(beat: Beat, hits: Sequence[Hit], rack: Rack) -> list[Strike]:
    """The hits as strikes, by time; hits without a sample are left out."""
    hats, bpms = hat_keys(beat), bar_bpms(beat.grid)
    drawn = chances(hits, int(beat.meta.get("seed", 0)), amount_of(beat))
    found = []
    for hit, chance in zip(hits, drawn, strict=True):
        event, key = hit.event, key_of(hit.event)
        if key is None:
            continue
        found.append(
            Strike(
                key,
                rack.take(key, layer_of(event), chance.take),
                round(hit.time_s * RATE),
                velocity_gain(event.velocity) * chance.gain,
                cut_group(key, hats),
                round(hit.duration_s * RATE) if key.role == "TEXTURE" or event.articulation == "choke" else None,
                release_s(bpms[event.bar]),
                _is_bass(beat, event),
            )
        )
    return _one_at_a_time(found)


def _is_bass(beat: Beat, event: Event) -> bool:
    """Whether it yields to the kick. In a fill a bass goes by the name of the part that it plays, a tom."""
    sample = beat.kit.get(event.sample_id or "")
    return event.instrument == "bass" or (event.role == "FILL" and sample is not None and sample.instrument == "bass")


def pad_strikes(beat: Beat, hits: Sequence[Hit], rack: Rack) -> list[Strike]:
    """The same as pads of a sampler play it: beds end with their note, everything else rings out.

    A pad is struck on the event's time, so what it keeps of a rise comes after that. Versions that share a pad's note
    play that pad.
    """
    hats, clock, notes = hat_keys(beat), TickClock(beat.grid), pad_notes(beat)
    pads: dict[int, VoiceKey] = {}
    for pad, note in notes.items():
        pads.setdefault(note, pad)
    found: list[Strike] = []
    for hit in hits:
        played = key_of(hit.event)
        if played is None:
            continue
        key = pads[notes[played]] if played in notes else played
        on = clock.ticks(hit.time_s)
        frame = clock.frame(on)
        held = clock.frame(on + length_ticks(hit.event)) - frame if key.role == "TEXTURE" else None
        gain = velocity_gain(midi_velocity(hit.event.velocity) / VELOCITY_MAX)
        found.append(Strike(key, pad_voice(rack.voice(key)), frame, gain, cut_group(key, hats), held))
    return _one_hat_at_a_time(_one_at_a_time(sorted(found, key=lambda s: s.frame)), notes)


def _one_hat_at_a_time(strikes: Sequence[Strike], notes: Mapping[VoiceKey, int]) -> list[Strike]:
    """Of hats on one frame the one with the highest note: pads cut each other, and the open ones come last."""
    best: dict[int, int] = {}
    for strike in strikes:
        if strike.group == HATS:
            best[strike.frame] = max(best.get(strike.frame, 0), notes.get(strike.key, 0))
    return [s for s in strikes if s.group != HATS or notes.get(s.key, 0) == best[s.frame]]


def _one_at_a_time(strikes: Sequence[Strike]) -> list[Strike]:
    """Of strikes of one voice on one frame, the loudest: doubled, it would only be 6 dB louder."""
    best: dict[tuple[VoiceKey, int], Strike] = {}
    for strike in strikes:
        key = (strike.key, strike.frame)
        if key not in best or strike.gain > best[key].gain:
            best[key] = strike
    return list(best.values())
