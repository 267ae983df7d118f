"""The model card of the drum network, written from what was measured."""

from __future__ import annotations

from pathlib import Path

import role_material
from drum_beds import BED_S
from drum_learn import BATCH, CROP, RATE, REPLAYS
from drum_render import TRACK_S
from drum_shards import SHARD

TAGS = ("50ms", "20ms")
FAMILIES = ("kick", "snare", "tom", "hihat", "cymbal")

TEXT = """# Drum hits in a recording

**What it is.** A convolutional network of {weights:.2f} million weights (`deploy/training/drum_net.py`): 84 bands of a
hundred frames a second in; for each frame five families, nine drums and nine velocities out. It sees 1.3 s either way.
ONNX, {bytes:,} bytes, SHA-256 `{sha256}`. Licence of the weights: Apache-2.0.

**Made by** `make train-drums`, seeded, from nothing: {shards} shards of {tracks} rendered tracks of {seconds:.0f} s,
each seen about {passes} times in crops of {crop} frames, {batch} at a time, at a rate of {rate:g} falling to nothing.
The last {all_shards} shards hold all kits; the first {fold_shards} leave out {left_out}. Rendered tracks differ a
little with the versions of NumPy, SciPy and fluidsynth, so a second training gives a network as good, not the same
bytes.

**Learned from** the Debian packages {packages}: the kits {kits};
the font TimGM6mb (drum programs, and {beds_s:.0f} s beds of music without drums); drums made by
`deploy/training/role_acoustic.py`, `role_machines.py` and `role_synth.py`. No recording of music and nobody's data were
used. No audio is shipped. The kits come under the GPL, CC-BY-SA and CC0, the font under the GPL; who sells the service
should let somebody who knows judge whether that reaches trained weights.

**Rendered** in many feels, fills, rolls, flams, ghost notes, chaos on no grid; alone, against beds at -6 to +12 dB, as
a separator leaves drums; with rooms, compression, saturation, filters, noise, MP3; an eighth of them has no drums.

| F-measure | kits never heard, 50 ms | 20 ms | all kits heard, 50 ms | 20 ms |
| --- | --- | --- | --- | --- |
{rows}

On the same {count} tracks of {left_out}, bent and mixed as in training (harder than a clean track). Names within a
family right: {named_unheard:.3f} (kits never heard), {named_heard:.3f}. Spearman of velocities, kits never heard: kick
{kick:.3f}, snare {snare:.3f}. Hits invented without drums: {invented:.1f} a minute. `make bench-ears` measures
on clean rendered tracks.

**Weak at** toms that ring like kicks, open hats against crashes, rides under loud guitars, brushes, hits under -40 dB.
"""


def card(metrics: dict[str, dict[str, float]], facts: dict[str, object], file: Path) -> str:
    """The card's text. `facts`: weights, sha256, shards, fold_shards, all_shards, left_out (names), count."""
    unheard, heard = metrics["kits_never_heard"], metrics["kits_heard"]
    rows = "\n".join(
        " | ".join(["", name, *(f"{one[f'{name}_{tag}']:.3f}" for one in (unheard, heard) for tag in TAGS), ""]).strip()
        for name in ("micro", *FAMILIES)
    )
    values = {
        **facts, "rows": rows, "bytes": file.stat().st_size, "tracks": SHARD, "seconds": TRACK_S, "passes": REPLAYS + 1,
        "crop": CROP, "batch": BATCH, "rate": RATE, "packages": ", ".join(role_material.PACKAGES),
        "kits": ", ".join(role_material.KITS), "beds_s": BED_S, "named_unheard": unheard["named_right"],
        "named_heard": heard["named_right"], "kick": unheard["kick_velocity_spearman"],
        "snare": unheard["snare_velocity_spearman"], "invented": unheard["invented_per_minute"],
    }  # fmt: skip
    return TEXT.format(**values)
