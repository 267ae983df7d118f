"""The drums of a recording as a file: its percussive part (percussive.py), written block by block as WAV."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import soundfile

from services.audio.clip import AudioSource
from services.transcription.percussive import BLOCK, Percussive

BYTES_PER_SAMPLE = 3  # 24 bits
HEADER_BYTES = 128  # more than any header takes
HASHED_AT_ONCE = 1 << 20


def stem_bytes(source: AudioSource) -> int:
    """How large the file of a recording becomes, at most."""
    return source.frames * BYTES_PER_SAMPLE + HEADER_BYTES


def write_stem(source: AudioSource, path: str, report: Callable[[float], None]) -> str:
    """Write the percussive part of a recording to `path`: WAV, one channel, 24 bits, as long as the recording.

    Returns the file's SHA-256. Memory is bounded; samples past full scale are held there. Silence gives silence, no
    samples a file without any. `report` gets the share done, 0..1, and may raise to cancel. Raises OSError (full disk).
    """
    part = Percussive(source)
    with soundfile.SoundFile(path, "w", source.rate_hz, 1, "PCM_24", format="WAV") as out:
        for start in range(0, source.frames, BLOCK):
            out.write(np.clip(part.read(start, BLOCK)[0], -1.0, 1.0))
            report(min(1.0, (start + BLOCK) / source.frames))
    digest = hashlib.sha256()
    with open(path, "rb") as made:
        while piece := made.read(HASHED_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()
