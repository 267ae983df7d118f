"""Kits for Stage 3 and beats made of them."""

from dataclasses import replace

from services.beats.beat_gen import ComposeRequest, Sound, compose
from services.beats.types import ROLES, Beat, Sample, SourceRef, Trim

FULL = {"CORE": 2, "ACCENT": 2, "MOTION": 3, "FILL": 2, "TEXTURE": 1}


def sounds(**counts):
    """So many sounds of each role, told apart by small differences in their features."""
    return tuple(
        Sound(
            sample_id=f"{role.lower()}{i}",
            pool_role=role,
            brightness=0.2 + 0.1 * i,
            length_s=0.1 + 0.05 * i,
            lowness=0.5 - 0.1 * i,
        )
        for role in ROLES
        for i in range(counts.get(role, 0))
    )


def many(count):
    """So many sounds, the roles in turns."""
    return sounds(**{role: len(range(i, count, len(ROLES))) for i, role in enumerate(ROLES)})


def sample(sound):
    return Sample(
        sample_id=sound.sample_id,
        asset_id=f"asset-{sound.sample_id}",
        name=f"{sound.sample_id}.wav",
        blob="0" * 64,
        role=sound.pool_role,
        roles={sound.pool_role: 0.75, "TEXTURE": 0.25},
        instrument=sound.instrument,
        instruments={sound.instrument: 1.0},
        confidence=0.75,
        pool_role=sound.pool_role,
        reason="",
        source=SourceRef(f"asset-{sound.sample_id}", 0.5, 1.5),
        trim=Trim(0.0, 0.8),
        onset_s=0.005,
        attack_s=0.012,
        features={"decay_40db_ms": 120.5},
        processing=({"step": "fade", "out_ms": 5.0},),
        alternatives=(Trim(0.8, 1.0),),
        tags=("kitchen",),
    )


def judged(sound):
    """The same with a probability for every role, as pools need it."""
    own = {role: 0.8 if role == sound.pool_role else 0.05 for role in ROLES}
    return replace(sample(sound), roles=own, confidence=0.8)


def made(request):
    """The beat of a request, with its kit."""
    composition = compose(request)
    return Beat(
        grid=composition.grid,
        events=composition.events,
        kit={s.sample_id: sample(s) for s in request.sounds},
        sections=composition.sections,
        mix={"roles": {"CORE": {"gain_db": -1.5}}, "target_lufs": -14.0},
        meta={"seed": request.seed, "style": composition.style, "engines": {"composer": "grammar"}},
    )


def boombap(bars=4, **fields):
    return made(ComposeRequest(bpm=90, bars=bars, style="boombap", sounds=sounds(**FULL), **fields))
