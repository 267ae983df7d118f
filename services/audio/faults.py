"""Why a file cannot be used: one code each, and the sentence a musician reads.

The sandboxed child knows only the code; the parent turns it into the error the doors understand.
"""

from __future__ import annotations

from services.errors import Invalid, NotAudio, ServiceError, TooLarge

RATE_MIN_HZ = 4_000  # lowest accepted
RATE_END_HZ = 768_000  # lowest refused: DXD studio work ends at 352.8 and 384 kHz
CHANNELS_END = 64  # lowest refused
BITS_INT = (8, 16, 24, 32)
BITS_FLOAT = (32, 64)
MIN_S = 0.01  # under 10 ms there is no sound to work with, only a click's fragment
LEVEL_MAX = 1_000.0  # 60 dB above full scale: beyond it a float file holds garbage and squares overflow

_WORDS: dict[str, tuple[type[ServiceError], str]] = {
    "not_audio": (NotAudio, "This file is not audio we can read; send wav, flac, mp3, ogg, opus, m4a, aiff or webm."),
    "damaged": (NotAudio, "This file is too damaged to read any sound from it."),
    "codec": (NotAudio, "This file holds sound in a coding we do not read; export it as plain wav, flac or mp3."),
    "no_track": (NotAudio, "This file has no sound track."),
    "slow": (NotAudio, "This file could not be read in reasonable time; it is probably damaged."),
    "bad_rate": (Invalid, f"The sample rate must be at least {RATE_MIN_HZ} Hz and below {RATE_END_HZ} Hz."),
    "bad_channels": (Invalid, f"The file must have at least 1 and fewer than {CHANNELS_END} channels."),
    "bad_bits": (Invalid, "The bit depth must be 8, 16, 24 or 32 bits, or 32 or 64 bits float."),
    "no_samples": (Invalid, "The file holds no sound: it has no samples."),
    "too_short": (Invalid, "The sound is shorter than 10 milliseconds."),
    "not_finite": (Invalid, "The file holds values that are not numbers; export it again."),
    "bad_level": (Invalid, "The file's levels are far beyond full scale; export it again at a normal level."),
    "too_long": (TooLarge, "The audio is longer than {max_s} seconds."),
    "too_long_total": (TooLarge, "Together the files are longer than {max_total_s} seconds."),
}
CODES: frozenset[str] = frozenset(_WORDS)


class Undecodable(Exception):
    """A file's verdict inside the decoder: `code` is one of `CODES`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def to_error(code: str, advice: str = "", **numbers: float) -> ServiceError:
    """The error of a code: TooLarge, NotAudio or Invalid. `advice` is a further sentence for `too_long`."""
    kind, words = _WORDS.get(code, _WORDS["not_audio"])
    sentence = words.format(**{name: f"{value:g}" for name, value in numbers.items()})
    if advice and kind is TooLarge:
        sentence = f"{sentence} {advice}"
    return kind(sentence, code=code)
