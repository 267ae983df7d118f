"""What a person said of one sound, heeded for those that sound alike.

A correction is a role, an instrument or both for one sound. Each later sound of the same owner asks the nearest
corrections: the point of a sound is that of `likeness`, with every axis divided by how far one and the same sound
moves on it when it is recorded again (`WOBBLE`). A correction at distance d has the similarity
s = exp(-(d / REACH)²), and the answer is a mixture of two:

    share(role) = (1 - s₁) · the classifier's + s₁ · Σ oᵢ · voteᵢ(role) / Σ oᵢ,   oᵢ = sᵢ / (1 - sᵢ)

s₁ is the greatest of the similarities, so the nearest correction says how far the classifier is believed, and many far
ones do not add up to a near one. The odds oᵢ weigh corrections against one another: the nearest of two that disagree
counts more. A sound's own correction counts alone; so does, without one, the newest of those of the `SAME` sound. Below
`LEAST` nothing changes, not even the last digit.

A neighbour's vote in this manner is Nadaraya's and Watson's kernel regression (1964), with the classifier as the prior.

`WOBBLE` was measured on the development kits: the standard deviation of a sound about its own mean, over velocity
layers, gain, noise at 25 and 15 dB, a room, MP3 and a semitone up and down. `REACH` is the widest at which a correction
changes the answer for less than one in a hundred sounds of other instruments of the same kit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from services.beats.likeness import AXES, Floats, distances, points
from services.beats.role_assign import role_shares
from services.beats.types import INSTRUMENTS, ROLES, CorrectedBy, Correction, Judged, Sample

Votes = npt.NDArray[np.float64]

REACH = 1.8  # wobbles, root mean square over the axes, at which a similarity is 1/e
LEAST = 0.1  # similarity below which a correction has no vote
NEAREST = 5  # corrections that have one
SAME = 0.999  # similarity from which two files hold one sound: at another gain, in another format
SHOWN_DIGITS = 4  # of a similarity

WOBBLE: dict[str, float] = {  # in steps of the axes of `likeness`
    "attack_ms": 0.62, "temporal_centroid_ms": 0.58, "decay_20db_ms": 0.43, "decay_40db_ms": 0.51, "crest_db": 0.49,
    "strokes": 0.20, "roughness_db": 0.08, "pitch_strength": 0.12, "pitch_drop_octaves": 0.45,
    "attack_centroid_hz": 1.15, "body_centroid_hz": 0.71, "attack_flatness": 0.58, "body_flatness": 0.51,
    "energy_20_60hz": 0.08, "energy_60_120hz": 0.11, "energy_120_250hz": 0.10, "energy_250_500hz": 0.11,
    "energy_500_1000hz": 0.13, "energy_1000_2000hz": 0.13, "energy_2000_4000hz": 0.17, "energy_4000_8000hz": 0.21,
    "energy_8000_12000hz": 0.23, "energy_12000_20000hz": 0.33,
}  # fmt: skip
_WOBBLES = np.array([WOBBLE[axis.name] for axis in AXES], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Said:
    """An owner's corrections, the newest first, and where they lie: float32 (n, axes), in wobbles."""

    corrections: tuple[Correction, ...] = ()
    places: Floats = field(default_factory=lambda: np.zeros((0, len(AXES)), dtype=np.float32))
    of_sample: dict[str, Correction] = field(default_factory=dict)

    @staticmethod
    def of(corrections: Sequence[Correction]) -> Said:
        """These corrections, newest first; those of silence, which resembles nothing, and those that say nothing are
        left out."""
        telling = tuple(c for c in corrections if c.features and (c.role or c.instrument))
        return Said(telling, points([c.features for c in telling]) / _WOBBLES, {c.sample_id: c for c in telling})

    def nearest(self, sample: Sample) -> list[tuple[Correction, float]]:
        """The corrections that have a vote on a sound, at most `NEAREST`, with their similarity 0..1 to it, the most
        alike first; none for silence. Its own has the similarity 1, also where the sound is measured otherwise by now.
        """
        if not self.corrections or not sample.features:
            return []
        if sample.sample_id in self.of_sample:
            return [(self.of_sample[sample.sample_id], 1.0)]
        apart = distances(self.places, points([sample.features])[0] / _WOBBLES)
        found = np.exp(-np.square(apart.astype(np.float64) / REACH))
        order = [int(np.argmax(found >= SAME))] if found.max() >= SAME else np.argsort(-found, kind="stable").tolist()
        return [(self.corrections[i], float(found[i])) for i in order[:NEAREST] if found[i] >= LEAST]


def corrected(sample: Sample, said: Said) -> Sample:
    """The sound as its owner's corrections would have it; the classifier's own answer where none is near.

    A locked sound stays as it is. What earlier corrections made of it is forgotten first. Never changes `reason`.
    """
    if sample.locked:
        return sample
    own = judged(sample)
    plain = _answered(sample, own, None, ())
    voters = said.nearest(plain)
    if not voters:
        return plain
    role_votes = np.stack([_role_vote(correction, plain) for correction, _ in voters])
    roles = _mixed(np.array([own.roles[r] for r in ROLES]), role_votes, np.array([s for _, s in voters]))
    naming = [(c, s) for c, s in voters if c.instrument is not None]
    instruments = np.array([own.instruments[i] for i in INSTRUMENTS])
    if naming:
        votes = np.stack([_one(INSTRUMENTS.index(str(c.instrument)), len(INSTRUMENTS)) for c, _ in naming])
        instruments = _mixed(instruments, votes, np.array([s for _, s in naming]))
    best = int(np.argmax(roles))
    answer = Judged(
        role=ROLES[best],
        roles={role: float(v) for role, v in zip(ROLES, roles, strict=True)},
        instrument=INSTRUMENTS[int(np.argmax(instruments))] if naming else own.instrument,
        instruments={name: float(v) for name, v in zip(INSTRUMENTS, instruments, strict=True)},
        confidence=float(roles[best]),
    )
    by = tuple(CorrectedBy(c.sample_id, c.name, round(s, SHOWN_DIGITS)) for c, s in voters)
    return _answered(sample, answer, own, by)


def judged(sample: Sample) -> Judged:
    """What the classifier alone said of a sound."""
    return sample.heard or Judged(sample.role, sample.roles, sample.instrument, sample.instruments, sample.confidence)


def because(sample: Sample) -> str:
    """Why corrections gave a sound another role or instrument, for its user; empty where they did not, or by a lock."""
    if sample.locked or sample.heard is None or not sample.corrected_by:
        return ""
    moved = f"moved to {sample.role}" if sample.role != sample.heard.role else ""
    called = f"called {_spoken(sample.instrument)}" if sample.instrument != sample.heard.instrument else ""
    if not moved and not called:
        return ""
    first, *more = sample.corrected_by
    heard = f"heard as {_spoken(sample.heard.instrument)}, {sample.heard.role}"
    change = " and ".join(filter(None, (called, moved)))
    if first.sample_id == sample.sample_id:
        return f"{heard}; {change} because you corrected it"
    others = f", and {len(more)} more" if more else ""
    return (
        f"{heard}; {change} because you corrected ‘{first.name}’, which sounds alike ({first.similarity:.2f}){others}"
    )


def _answered(sample: Sample, answer: Judged, heard: Judged | None, by: tuple[CorrectedBy, ...]) -> Sample:
    return replace(
        sample,
        role=answer.role,
        roles=answer.roles,
        instrument=answer.instrument,
        instruments=answer.instruments,
        confidence=answer.confidence,
        pool_role=answer.role,
        heard=heard,
        corrected_by=by,
    )


def _mixed(prior: Votes, votes: Votes, similarities: Votes) -> Votes:
    """Probabilities (m,) from the classifier's (m,), the votes (n, m) and how alike each voter is (n,)."""
    odds = similarities / np.maximum(1 - similarities, 1 - SAME)
    nearest = float(similarities.max())
    found = (1 - nearest) * prior + nearest * (odds @ votes) / odds.sum()
    return np.asarray(found / found.sum())


def _role_vote(correction: Correction, sample: Sample) -> Votes:
    """The role that was said; else what the sound would do if it were the instrument that was said."""
    if correction.role is not None:
        return _one(ROLES.index(correction.role), len(ROLES))
    assert correction.instrument is not None  # a correction that says nothing is in no `Said`
    return role_shares(_one(INSTRUMENTS.index(correction.instrument), len(INSTRUMENTS)), sample.features)


def _one(place: int, size: int) -> Votes:
    votes = np.zeros(size)
    votes[place] = 1.0
    return votes


def _spoken(instrument: str) -> str:
    return instrument.replace("_", " ")
