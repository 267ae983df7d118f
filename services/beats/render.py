"""After Stage 3: a beat and its sounds to stereo audio at 44.1 kHz: a stem per role, their sum, and the master.

Stages: perform (which events sound, when) → strikes (each with its prepared voice) → mixdown (where each starts and
ends) → buses (added up, filtered, ducked) → here: one bus per role, equal in length, whose sum is the mix to float
precision. The mix before the master keeps the levels of its stems; only if something would pass -1 dBFS are all of them
lowered together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, Clip, Samples
from services.audio.loudness import integrated
from services.audio.mastering import TARGET_LUFS, master
from services.beats.balance import duck_db_of
from services.beats.buses import desk_of
from services.beats.dress_audio import Wardrobe
from services.beats.grid import duration_s
from services.beats.mixdown import Layout, place
from services.beats.perform import perform
from services.beats.placing import role_mix
from services.beats.seam import surround
from services.beats.sieve import spans_of
from services.beats.strikes import Rack, pad_strikes, strikes_of
from services.beats.tame import levelled, peak_db
from services.beats.types import ROLES, Beat, Role

RATE = HOUSE_RATE_HZ
PEAK_GUARD_DB = -1.0  # dBFS: stems in 24 bit must not clip, and their common scale keeps their sum the mix
# True peak over loudness that the master's clip and limiter can deal with at -14 LUFS; what stands out more is bent.
# Dense noise loses more to them than hits do: where the loudness is missed, a mix is bent further.
MASTER_CREST_DB, DENSE_CREST_DB = 14.8, 12.6
MISSED_LU = 0.45


@dataclass(frozen=True, slots=True)
class Rendered:
    """A beat as audio before the master. `length`: frames of its bars; the clips are longer where a tail rings on.

    `stems` holds every role (silent ones too) with the mix's length, or nothing where none were asked for.
    """

    mix: Clip
    stems: dict[Role, Clip]
    length: int
    loop: bool = False
    target_lufs: float = TARGET_LUFS


def render_mix(
    beat: Beat,
    clips: Mapping[str, Clip],
    *,
    loop: bool = False,
    stems: bool = True,
    pads: bool = False,
    wardrobe: Wardrobe | None = None,
) -> Rendered:
    """The beat as audio. `clips`: sample id → the whole stored cut, 44.1 kHz; what rings past the end is kept.

    `loop`: exactly the bars, with everything past one end laid over the other. `stems=False` keeps the mix alone and
    a sixth of the memory. `pads`: what a sampler makes of `beat.mid` in the pads map with `kit.sfz` (see `strikes`).
    `wardrobe`: keeps dressed sounds from one render to the next. A beat without sounding events, or of silent sounds,
    is silence of the bars' length. Events with a pitch and no sample have no sound here. Raises NotFound
    `sample_missing` for a sound without its clip.
    """
    layout = Layout(round(duration_s(beat.grid) * RATE), loop)
    rack = Rack(beat, clips, wardrobe or Wardrobe())
    hits = perform(beat)
    strikes = pad_strikes(beat, hits, rack) if pads else strikes_of(beat, hits, rack)
    placed = place(strikes, layout)
    desk = desk_of(placed, layout)
    if not pads:
        kicks = tuple(s for s in strikes if s.role == "CORE" and not s.bass)
        spans = spans_of(beat, layout.length if loop else desk.frames)
        gains_db = {role: float(role_mix(beat, role).get("gain_db", 0.0)) for role in ROLES}
        desk = replace(desk, kicks=kicks, duck_db=duck_db_of(beat), spans=spans, gains_db=gains_db)
    playing = {p.role for p in placed}
    mix: Samples | None = None
    buses: dict[Role, Samples] = {}
    for role in ROLES:
        if role not in playing and not stems:
            continue
        bus = desk.bus(role, placed)
        mix = bus.copy() if mix is None else np.add(mix, bus, out=mix)
        if stems:
            buses[role] = bus
    if mix is None:
        mix = np.zeros((2, layout.length), dtype=np.float32)
    if not pads:  # a kit's volumes know nothing of each other: its reference keeps every level as it is
        _guard_peaks(mix, buses)
    target = float(beat.mix.get("target_lufs", TARGET_LUFS))
    return Rendered(Clip(mix, RATE), {r: Clip(b, RATE) for r, b in buses.items()}, layout.length, loop, target)


def master_mix(rendered: Rendered) -> Clip:
    """The mix at its target loudness (LUFS, integrated) with true peaks at or under -1 dBTP; silence stays silence.

    Hits that are few and short cannot be that loud without being squashed: such a mix stays quieter.
    A loop is mastered among copies of itself, so that the limiter's state at both ends is the same.
    """
    if not rendered.mix.samples.any():
        return rendered.mix
    if not rendered.loop:
        return _mastered(rendered.mix, rendered.target_lufs)
    wide, start = surround(rendered.mix)
    # The file is measured by itself, without the 400 ms windows over its seam.
    bias_lu = (integrated(wide) or 0.0) - (integrated(rendered.mix) or 0.0)
    loud = _mastered(wide, rendered.target_lufs + bias_lu)
    return Clip(loud.samples[:, start : start + rendered.length].copy(), RATE)


def _mastered(mix: Clip, target_lufs: float) -> Clip:
    """The master of a mix, its spikes tamed first where the limiter would have to duck whole hits for them."""
    loud = master(levelled(mix, MASTER_CREST_DB + TARGET_LUFS - target_lufs), target_lufs)
    if loud.report.lufs is None or loud.report.lufs >= target_lufs - MISSED_LU:
        return loud.clip
    return master(levelled(mix, DENSE_CREST_DB + TARGET_LUFS - target_lufs), target_lufs).clip


def _guard_peaks(mix: Samples, buses: Mapping[Role, Samples]) -> None:
    """Lowers fresh buses and their mix together, in place, so that none passes -1 dBFS."""
    over_db = max(peak_db(bus) for bus in (mix, *buses.values())) - PEAK_GUARD_DB
    if over_db > 0.0:
        scale = np.float32(10.0 ** (-over_db / 20.0))
        for bus in (mix, *buses.values()):
            np.multiply(bus, scale, out=bus)
