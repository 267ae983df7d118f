"""All tables over a small labelled folder: with ears that know the truth every figure is 1."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.beats.types import INSTRUMENTS
from services.models import registry
from services.transcription.types import Hit
from tests.bench.ears import labels, report, trained
from tests.bench.ears.hearing import Drums, Here
from tests.bench.ears.report import Task
from tests.bench.ears.score_music import Findings
from tests.bench.ears.score_roles import ROLE_OF, Answer

SECONDS = 12.0


class Knowing:
    """Ears that read the labels, played back `late_s` late."""

    def __init__(self, data: Path, late_s: float = 0.0) -> None:
        self.late_s = late_s
        self.shots = {s.path: s for s in labels.shots(data)}
        self.tracks = {t.path: t for t in labels.tracks(data)}
        self.songs = {s.path: s for s in labels.songs(data)}
        self.forms = {f.path: f for f in labels.forms(data)}

    def roles(self, paths):
        names = [self.shots[p].instrument for p in paths]
        return [Answer(n, dict.fromkeys(INSTRUMENTS, 0.0) | {n: 1.0}, ROLE_OF.get(n, "FILL"), 0.001) for n in names]

    def drums(self, path):
        track = self.tracks.get(path)
        if track is None:
            return Drums((), 0.1, SECONDS)
        rows = zip(track.times, track.nine, track.velocity, strict=True)
        return Drums(tuple(Hit(t + self.late_s, d, None, v, 1.0) for t, d, v in rows), 0.1, SECONDS)

    def findings(self, path):
        track, song, form = self.tracks.get(path), self.songs.get(path), self.forms.get(path)
        key = (track.key if track else None) or (song.key if song else None)
        return Findings(
            bpm=track.bpm if track else song.bpm if song else None,
            bpm_confidence=0.9,
            beats_s=tuple(b + self.late_s for b in track.beats) if track else (),
            downbeats_s=tuple(b + self.late_s for b in track.downbeats) if track else (),
            meter=track.meter if track else None,
            key=key,
            keys=(key,) if key else (),
            tuning_cents=song.cents if song else None,
            sections=form.sections if form else (),
            duration_s=SECONDS,
            spent_s=0.2,
        )

    def place(self):
        return "the labels"


def put(folder: Path, rows: dict[str, object]) -> None:
    folder.mkdir()
    for name in rows:
        (folder / name).touch()
    (folder / "labels.json").write_text(json.dumps(rows))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    times = [0.5 * i for i in range(20)]
    names = ["kick", "snare", "tom", "hat_closed", "ride"] * 4
    velocity = [0.3 + 0.03 * i for i in range(20)]
    solo = {
        "events": [[t, n] for t, n in zip(times, names, strict=True)], "instruments": names, "velocity": velocity,
        "bpm": 120, "beats": times, "downbeats": times[::4], "meter": "4/4", "kit": "x", "mix": "solo",
    }  # fmt: skip
    put(tmp_path / "adt", {"a.wav": solo, "b.wav": {**solo, "mix": "mix", "key": "D minor"}})
    put(tmp_path / "roles", {f"{n}.wav": {"instrument": n, "kit": "x"} for n in ("kick", "ride", "texture")})
    put(tmp_path / "key", {"a.wav": {"key": "C major", "bpm": 90, "cents": 20}, "b.wav": {"key": "A minor"}})
    put(tmp_path / "others", {"a.wav": {"kind": "noise"}})
    put(tmp_path / "sections", {"a.wav": {"sections": [[0, 5, "A"], [5, 12, "B"]]}})
    return tmp_path


@pytest.fixture
def no_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the metrics files, which only a training writes."""
    monkeypatch.setattr(report, "metrics", lambda *_: iter(()))


def cells(data: Path, part: str, late_s: float = 0.0) -> dict[tuple[str, str, str], float]:
    """Every figure of a part by table, row and column."""
    found = {}
    for table in report.PARTS[part](Task(data, Knowing(data, late_s))):
        assert table.text()
        for row in table.document()["rows"]:
            first = next(iter(row.values()))
            if "class" in row:
                first = f"{first} {row['class']}"
            for column, cell in row.items():
                if isinstance(cell, dict) and cell["value"] is not None:
                    found[table.title, str(first), column] = cell["value"]
    return found


@pytest.mark.usefixtures("no_metrics")
def test_ears_that_know_the_truth_are_perfect(data):
    zero = {"ECE", "lost at 20 ms", "hits a minute", "tempo claimed", "key claimed", "no answer", "s per audio second"}
    for part in report.PARTS:
        found = cells(data, part)
        assert found, part
        for place, value in found.items():
            if place[2] != "s per audio second":
                assert value == pytest.approx(float(place[2] not in zero)), place


@pytest.mark.usefixtures("no_metrics")
def test_ears_that_are_thirty_milliseconds_late_lose_what_needs_twenty(data):
    found = cells(data, "adt", late_s=0.03)
    title = "Drum transcription, micro over five classes"
    assert found[title, "solo", "F1 at 50 ms"] == 1.0
    assert found[title, "solo", "F1 at 20 ms"] == 0.0
    assert found[title, "solo", "lost at 20 ms"] == 1.0
    assert cells(data, "tempo", late_s=0.03)["Tempo, beats and meter", "solo", "beat F"] == 1.0
    assert cells(data, "tempo", late_s=0.08)["Tempo, beats and meter", "solo", "beat F"] == 0.0


def test_folders_that_are_not_there_give_no_tables(tmp_path):
    for part in report.PARTS.values():
        assert list(part(Task(tmp_path, Knowing(tmp_path)))) == []


def test_the_metrics_of_a_training_are_a_column_for_each_way_of_judging(tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "ROOT", tmp_path)
    doc = {
        "seed": 1,
        "left_out": ["a", "b"],
        "kits_never_heard": {"accuracy": 0.9, "per_class": {"kick": 0.95}},
        "kits_heard": {"accuracy": 0.99},
    }
    (tmp_path / "m.metrics.json").write_text(json.dumps(doc))
    (table,) = trained.metrics("Title", replace(registry.ROLES, file="m.onnx"))
    assert table.columns == ("figure", "kits never heard", "kits heard")
    assert table.rows == [("accuracy", "0.9", "0.99"), ("per class kick", "0.95", "–")]
    assert "left out: a, b." in table.notes


def test_a_model_without_metrics_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "ROOT", tmp_path)
    (table,) = trained.metrics("Title", replace(registry.ROLES, file="m.onnx"))
    assert table.rows == []
    assert table.notes == ("The training left no m.metrics.json.",)


def test_the_services_hear_a_one_shot(tmp_path):
    t = np.arange(22_050) / 44_100
    thump = 0.8 * np.sin(2 * np.pi * (50 * t + 3 * (1 - np.exp(-t / 0.02)))) * np.exp(-t / 0.1)
    soundfile.write(tmp_path / "thump.wav", thump, 44_100)
    (heard,) = Here().roles([tmp_path / "thump.wav"])
    assert heard.instrument in INSTRUMENTS
    assert sum(heard.instruments.values()) == pytest.approx(1.0)
    assert heard.role == "CORE"
    assert 0 < heard.spent_s < 5
