"""What a band plays in four: rock, funk, afrobeat, bossa. Notation: `notation.py`."""

from __future__ import annotations

from services.beats.styles.notation import parse_lines, table
from services.beats.styles.types import Style

BACK = ".... 9... .... 9..."

STYLES = table(
    Style(
        "rock",
        "Rock",
        "Straight eighths, a hard backbeat, a crash on each phrase",
        (95, 140),
        ("4/4",),
        parse_lines(
            {
                "kick": "9... .... 9.8. .... | 9... ...7 9.8. ....",
                "kick2": ".... ...? .... ..?. | ..?. .... .... ..?.",
                "snare": BACK,
                "ghost": ".... ...? .x.. ...?",
                "closed": "8.6. 8.6. 8.6. 8.6? | 8.6. 8.6? 8.6. 8...",
                "open": "................ | .... .... .... ..7.",
                "shaker": "x... x... x... x...",
                "tick": ".... ...x .... .... | .... .... .... .x..",
                "tom": ".... .... .... 6789",
            },
            "4/4",
        ),
        swing=0.50,
        offset_ms={"CORE": -2, "ACCENT": 4, "MOTION": 0},
        jitter_ms=5.0,
        core_decay_ms=260,
        fill_ids=("run", "own", "call"),
        answer="crash",
        likes=("short_low", "drums"),
    ),
    Style(
        "funk",
        "Funk",
        "Sixteenth hats, ghosts everywhere, kicks that dodge the beat",
        (94, 112),
        ("4/4",),
        parse_lines(
            {
                "kick": "9... ..8. ..8. .... | 9..7 ...8 ..8. ....",
                "kick2": "..?. .... .... ..?. | .... .... ...? .?..",
                "snare": BACK,
                "ghost": ".... ...x .x.x ...x",
                "closed": "8353 7353 8353 73.3 | 8353 73?3 8353 73.3",
                "open": ".... .... .... ..7.",
                "perc": "..x. .... .x.. ..x.",
                "tom": ".... .... .... 5.78",
            },
            "4/4",
        ),
        swing=0.53,
        offset_ms={"CORE": 0, "ACCENT": 3, "MOTION": -3},
        jitter_ms=4.0,
        core_decay_ms=220,
        fill_ids=("own", "call", "run"),
        likes=("short_low", "bright"),
    ),
    Style(
        "afrobeat",
        "Afrobeat",
        "A rim cell across the beat, a shaker in sixteenths, congas at the bar's halves",
        (98, 116),
        ("4/4",),
        parse_lines(
            {
                "kick": "9... ..7. 8... ..8.",
                "kick2": "...? .... ...? ....",
                "cross": "...8 ..8. ..8. 8...",
                "rim": ".... ...x .... ...x",
                "shaker@.14": "xxxx xxxx xxxx xxxx",
                "closed@.32": "x.x. x.x? x.x. x..?",
                "open": ".... .... .... ..5.",
                "tom": ".... .... .... 6.67",
            },
            "4/4",
        ),
        swing=0.54,
        offset_ms={"CORE": 0, "ACCENT": 0, "MOTION": -2},
        jitter_ms=4.0,
        core_decay_ms=260,
        fill_ids=("own", "call", "short"),
        likes=("many", "bright"),
    ),
    Style(
        "bossa",
        "Bossa nova",
        "A surdo heartbeat under a two-bar rim clave",
        (110, 140),
        ("4/4",),
        parse_lines(
            {
                "kick": "7... ..6. 9... ..6.",
                "kick2": ".... ...? .... ...?",
                "cross": "8... ..8. .... 8... | .... 8... ..8. ....",
                "ghost": ".... .... .x.. ...? | x... .... .... ...?",
                "closed": "x.x. x.x. x.x. x.x? | x.x. x.x? x.x. x...",
                "open": "................ | .... .... .... ..4.",
                "shaker": "xxxx xxxx xxxx xxxx",
                "tom": ".... .... .... 4.56",
            },
            "4/4",
        ),
        swing=0.50,
        offset_ms={"CORE": 0, "ACCENT": 0, "MOTION": -2},
        jitter_ms=4.0,
        core_decay_ms=240,
        fill_ids=("short", "stop"),
        likes=("few", "texture"),
    ),
)
