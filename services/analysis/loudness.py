"""How loud a recording of any length is: integrated loudness, loudness range and true peak, in one reading.

The measures are those of `services.audio.loudness` (ITU-R BS.1770-4, EBU Tech 3342); here they are taken ten seconds at
a time, so that two hours never lie in memory. Of a two-hour file 72,000 numbers are kept.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from services.analysis.types import Loudness
from services.audio.clip import AudioSource
from services.audio.dsp import SILENCE_DB, to_db
from services.audio.loudness import PEAK_BLOCK, PIECE_HOPS, HopMeter, block_peaks, gated, range_lu

NO_LOUDNESS = Loudness(None, None, None)


def loudness_of(source: AudioSource, report: Callable[[float], None] | None = None) -> Loudness:
    """Integrated loudness (LUFS), range (LU) and true peak (dBTP) of all channels of a recording.

    Channels weigh what `services.audio.loudness.channel_weights` says. Silence and an empty recording give None three
    times; a recording softer than -70 LUFS has a true peak only, one under 3 s no range. `report` gets the share done,
    0..1, every ten seconds of audio, and may raise.
    """
    meter = HopMeter(source.rate_hz, source.channels)
    step = PIECE_HOPS * meter.hop
    energies, peak = [np.zeros(0)], 0.0
    for at in range(0, source.frames, step):
        count = min(step, source.frames - at)
        before = min(at, PEAK_BLOCK)
        around = source.read(at - before, before + count + PEAK_BLOCK)
        piece = around[:, before : before + count]
        energies.append(meter.energies(piece))
        # A neighbouring block on either side, so that no cut is interpolated across; it is judged in its own piece.
        sample_peak = float(max(piece.max(initial=0.0), -piece.min(initial=0.0)))
        peak = max(peak, sample_peak)
        padded = around if before else np.pad(around, ((0, 0), (PEAK_BLOCK, 0)))
        blocks = block_peaks(padded, peak)[1 : 1 + -(-count // PEAK_BLOCK)]
        peak = max(peak, float(blocks.max(initial=0.0)))
        if report is not None:
            report((at + count) / source.frames)
    hops = np.concatenate(energies)
    peak_db = to_db(peak)
    if peak_db <= SILENCE_DB:
        return NO_LOUDNESS
    return Loudness(gated(hops), range_lu(hops), peak_db)
