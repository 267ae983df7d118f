"""Labels of any folder are read, folded and checked; a mistake is told with its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.ears import labels
from tests.bench.ears.labels import BadLabels

EVENTS = [[0.5, "kick"], [0.5, "hat_open"], [1.0, "rim"], [1.5, "hihat"]]


def folder(tmp_path: Path, kind: str, **rows: object) -> Path:
    (tmp_path / kind).mkdir()
    for name in rows:
        (tmp_path / kind / f"{name}.wav").touch()
    (tmp_path / kind / "labels.json").write_text(json.dumps({f"{name}.wav": row for name, row in rows.items()}))
    return tmp_path


def test_a_track_with_the_least_and_with_all(tmp_path):
    whole = {
        "events": EVENTS, "mix": "solo", "bpm": 100, "kit": "x", "half_time": True, "velocity": [1, 0.5, 0.2, 0.1],
        "instruments": ["kick", "hat_open", "rim", "hat_closed"], "beats": [0.6, 0.0], "downbeats": [0], "meter": "4/4",
        "key": "F# minor",
    }  # fmt: skip
    least, full = labels.tracks(folder(tmp_path, "adt", a={"events": EVENTS}, b=whole))
    assert least.drums == full.drums == ("kick", "hihat", "snare", "hihat")
    assert (least.bpm, least.beats, least.velocity, least.nine, least.meter, least.key) == (None,) * 6
    assert (full.beats, full.velocity, full.bpm, full.half_time) == ((0.0, 0.6), (1.0, 0.5, 0.2, 0.1), 100.0, True)


def test_other_folders(tmp_path):
    folder(tmp_path, "roles", a={"instrument": "clap"})
    folder(tmp_path, "key", a={"key": "C major", "bpm": 90.5})
    folder(tmp_path, "others", a={"kind": "noise"})
    folder(tmp_path, "sections", a={"sections": [[0, 10, "A"], [10, 20, "B"]]})
    assert labels.shots(tmp_path)[0].instrument == "clap"
    assert labels.songs(tmp_path)[0].bpm == 90.5
    assert labels.others(tmp_path)[0].kind == "noise"
    assert labels.forms(tmp_path)[0].sections == ((0.0, 10.0, "A"), (10.0, 20.0, "B"))
    assert labels.tracks(tmp_path) == []


def test_the_first_files_only(tmp_path):
    folder(tmp_path, "others", a={"kind": "x"}, b={"kind": "y"}, c={"kind": "z"})
    assert [o.kind for o in labels.others(tmp_path, 2)] == ["x", "y"]


@pytest.mark.parametrize(
    ("kind", "row", "said"),
    [
        ("roles", {"instrument": "gong"}, "gong"),
        ("roles", {}, "instrument"),
        ("key", {"key": "H dur"}, "H dur"),
        ("key", {"key": "C major", "bpm": "fast"}, "fast"),
        ("adt", {}, "events"),
        ("adt", {"events": [[1.0, "cowbell"]]}, "cowbell"),
        ("adt", {"events": [[1.0]]}, "events"),
        ("adt", {"events": EVENTS, "velocity": [1.0]}, "velocity"),
        ("adt", {"events": EVENTS, "beats": "all"}, "beats"),
        ("sections", {"sections": [[0, 1]]}, "sections"),
    ],
)
def test_a_mistake_is_named(tmp_path, kind, row, said):
    read = {"roles": labels.shots, "key": labels.songs, "adt": labels.tracks, "sections": labels.forms}[kind]
    folder(tmp_path, kind, a=row)
    with pytest.raises(BadLabels, match=said) as told:
        read(tmp_path)
    assert "a.wav" in str(told.value)


def test_a_file_that_is_not_there_and_a_list_instead_of_an_object(tmp_path):
    folder(tmp_path, "others", a={"kind": "x"})
    (tmp_path / "others/a.wav").unlink()
    with pytest.raises(BadLabels, match="not there"):
        labels.others(tmp_path)
    (tmp_path / "others/labels.json").write_text("[]")
    with pytest.raises(BadLabels, match="object"):
        labels.others(tmp_path)
    (tmp_path / "others/labels.json").write_text("{")
    with pytest.raises(BadLabels, match="not JSON"):
        labels.others(tmp_path)
