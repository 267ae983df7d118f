"""Dress: what a raw sound needs to be a usable hit for its role, planned from its features alone.

The plan is `Sample.processing`, part of the JSON answer: flat steps in the order in which they are applied, each an
object `{"role", "variant", "step", …numbers with their units}`. `variant` is null for steps that every version of the
sound in that role shares. Audio is dressed when it is first rendered (`dress_audio`); what a target needs (a level, a
polarity) is found there on the sound itself.

| step | numbers | what it does |
|---|---|---|
| `lead` | ms, db | what sounds before the attack is at most so long and rises towards it, from `db` on |
| `pitch` | semitones, of which tuned_cents; key (`C# minor`) | transposed by resampling; tuned to the kit's key |
| `high_pass` | hz | Butterworth, 24 dB an octave, 36 for MOTION, 48 for TEXTURE |
| `low_shelf` | hz, share | lows lifted, at most 12 dB, until so much of the energy lies below `hz` |
| `gate` | under_db, ratio | downward expander for what lies so far below the peak, after the attack |
| `decay` | ms | falls by 40 dB in `ms` after the attack at the latest, silent at 1.15 times that |
| | fill_db | where present, a shorter sound is lengthened with noise of its own spectrum, this much lower |
| `sub` | hz, db | a sine on the key's root or fifth that follows the sound's level, this much against it |
| `sine` | from_hz, to_hz, glide_ms, decay_ms, share | falls from the attack on; `share` is then below 120 Hz |
| `transient` | ms, db | the first `ms` from the attack are lifted |
| `noise` | low_hz, high_hz, decay_ms, db | a band of noise from the attack on, its energy against the sound's |
| `onset` | rise_ms | begins so shortly before the first strong peak of what is left |
| `air` | above_hz, share | noise that follows the sound's level, until `share` of the energy lies above 4 kHz |
| `high_shelf` | hz, share | highs lifted, at most 12 dB, until so much of the energy lies above `hz` |
| `even` | db | a bed's level is evened out by at most so much |
| `loop` | cross_ms | the end flows into the start over so long, with equal power |

`shape` moves every number from "as it is" at 0 to its target, which is reached at 0.6; from there to 1 the
targets grow bolder. A silent sound (no features) has no steps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from services.beats.dress_plan import Fitting, planned
from services.beats.dress_tuning import key_of
from services.beats.dress_types import VARIANTS, Dressing, Step, Variant
from services.beats.types import ROLES, Role, Sample

__all__ = ["VARIANTS", "Dressing", "Step", "Variant", "plan_kit", "steps_of"]


def plan_kit(
    samples: Sequence[Sample], roles: Mapping[str, Collection[Role]], dressing: Dressing
) -> dict[str, tuple[Step, ...]]:
    """The steps of every sample, by id, for the roles that it plays (`roles`: sample id to roles).

    A sample that `roles` does not name is planned for its pool. Nothing but features, role and id of the samples is
    read. `shape` 0 and silent sounds give no steps.
    """
    if dressing.shape <= 0.0:
        return {s.sample_id: () for s in samples}
    root = key_of(samples) if dressing.tune else None
    plans: dict[str, tuple[Step, ...]] = {}
    for sample in samples:
        asked = roles.get(sample.sample_id) or (sample.pool_role,)
        found = (planned(Fitting(sample, role, dressing, root)) for role in ROLES if role in asked)
        plans[sample.sample_id] = tuple(step for steps in found for step in steps)
    return plans


def steps_of(sample: Sample, role: Role, variant: Variant) -> list[Step]:
    """The steps of one version of a sample, in order; none for a sound that stays as it is."""
    return [s for s in sample.processing if s.get("role") == role and s.get("variant") in (None, variant)]
