"""An analysis stage by stage, for three minutes of stereo. Target: 4 s from upload to result.

usage: make bench ARGS=analyses

CPU time, the best of several rounds: neighbours on the machine slow a core down, they never speed it up.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from services.analysis.key import key_of
from services.analysis.pipeline import PARTS, Heard, derive
from services.analysis.sections import sections_of
from services.analysis.tempo import rhythm
from services.analysis.types import BeatHints
from services.audio.clip import Clip, ClipSource
from services.audio.decode import Decoded, Limits, decode_files, encoded
from tests.encoded import by_libav
from tests.song import song

SECONDS, TILE_S = 180.0, 30.0
ROUNDS = 3
TARGET_S = 4.0


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of CPU time of a call, the best of some, and its answer."""
    best, answer = float("inf"), None
    for _ in range(ROUNDS):
        start = time.process_time()
        answer = call()
        best = min(best, time.process_time() - start)
    return best, answer


def main() -> None:
    tile = song(TILE_S, 112.0, tonic=7)
    clip = Clip(np.tile(tile.samples, (1, round(SECONDS / TILE_S))), tile.rate_hz)
    source = ClipSource(clip)
    rows: dict[str, float] = {"decode MP3 (wall time, in its own process)": _decoding(clip)}
    found = {}
    for part in PARTS:
        rows[f"listen: {part.name}"], found[part.name] = timed(lambda part=part: part.hear(source, lambda _: None))
        data = part.pack(found[part.name])
        rows[f"read back: {part.name}, {len(data) / 1e3:.0f} kB"], _ = timed(
            lambda part=part, data=data: part.unpack(data)
        )
    heard = Heard.of(found)
    rows["tempo, beats, meter"], beats = timed(lambda: rhythm(heard.rhythm, BeatHints()))
    rows["key"], _ = timed(lambda: key_of(heard.harmony))
    rows["sections"], _ = timed(lambda: sections_of(heard.harmony, beats.downbeats_s, SECONDS))
    rows["all that is derived (a correction)"], _ = timed(lambda: derive(heard, BeatHints()))
    for name, spent_s in rows.items():
        print(f"{name:48} {spent_s:6.3f} s")
    total = sum(s for name, s in rows.items() if not name.startswith(("read back", "tempo", "key", "sections")))
    print(f"target {TARGET_S:g} s for {SECONDS:g} s: {'met' if total <= TARGET_S else 'missed'} ({total:.2f} s)")


def _decoding(clip: Clip) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song.mp3"
        path.write_bytes(by_libav(clip, "mp3", "libmp3lame"))
        best = float("inf")
        for _ in range(ROUNDS):
            start = time.perf_counter()
            (one,) = decode_files([encoded(path)], Limits(max_s=2 * SECONDS), folder)
            best = min(best, time.perf_counter() - start)
            if isinstance(one, Decoded):
                one.pcm.close()
    return best


if __name__ == "__main__":
    main()
