"""An experiment's events survive whatever kills the run."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.recorder import Event, FileRecorder, MemoryRecorder, Mirrored, read_events


def trial(number: int) -> Event:
    return Event("trial.finished", "churn", 1_000_000 + number, {"number": number, "score": 0.5})


def written(path: Path, count: int) -> bytes:
    with FileRecorder(path) as recorder:
        for number in range(count):
            recorder.record(trial(number))
    return path.read_bytes()


def test_what_was_recorded_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    written(path, 3)
    assert [event.data["number"] for event in read_events(path)] == [0, 1, 2]


@given(cut=st.integers(0, 10_000), junk=st.binary(max_size=30).filter(lambda b: b"\n" not in b))
def test_a_file_torn_at_any_byte_keeps_its_whole_lines_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("torn") / "events.ndjson"
    content = written(path, 4)
    kept = content[: cut % (len(content) + 1)]
    path.write_bytes(kept + (junk if kept.endswith(b"\n") or not kept else b""))
    whole = kept.count(b"\n")
    assert len(list(read_events(path))) == whole
    with FileRecorder(path) as recorder:
        assert len(recorder.before) == whole
        recorder.record(trial(99))
    assert [event.data["number"] for event in read_events(path)] == [*range(whole), 99]


def test_a_line_damaged_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    lines = written(path, 3).splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{oops\n" + lines[2])
    with pytest.raises(ValueError, match="line 2"):
        list(read_events(path))
    with pytest.raises(ValueError, match="line 2"):
        FileRecorder(path)


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    with FileRecorder(path), pytest.raises(ValueError, match="another run writes"):
        FileRecorder(path)
    FileRecorder(path).close()


def test_what_no_json_number_is_becomes_null_and_numpy_becomes_plain(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    data = {"a": math.nan, "b": np.float64(0.5), "c": np.array([1, 2]), "d": {"e": math.inf}, "f": Path("x")}
    with FileRecorder(path) as recorder:
        recorder.record(Event("trial.finished", "churn", 1, data))
    (event,) = read_events(path)
    assert event.data == {"a": None, "b": 0.5, "c": [1, 2], "d": {"e": None}, "f": "x"}
    assert "NaN" not in path.read_text()


@pytest.mark.parametrize("name", ["finished", "Trial.Finished", "trial finished", ""])
def test_an_event_is_a_noun_and_a_past_fact(name: str) -> None:
    with pytest.raises(ValueError, match=r"noun\.past"):
        Event(name, "churn", 1)


class Broken:
    def __init__(self) -> None:
        self.asked = 0

    def record(self, event: Event) -> None:
        del event
        self.asked += 1
        raise ConnectionError("tracking server is down")


def test_a_mirror_that_fails_costs_no_event_and_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    first, mirror = MemoryRecorder(), Broken()
    both = Mirrored(first, mirror)
    for number in range(3):
        both.record(trial(number))
    assert len(first.events) == 3
    assert mirror.asked == 1
    assert "tracking server is down" in caplog.text


def test_kill_9_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    code = (
        "import sys; from pathlib import Path; from tuning.recorder import Event, FileRecorder\n"
        "recorder = FileRecorder(Path(sys.argv[1]))\n"
        "for n in range(10**6):\n"
        "    recorder.record(Event('trial.finished', 'churn', n, {'number': n})); print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    said += process.stdout.readlines()
    process.wait()
    acknowledged = int(json.loads(said[-1]))
    with FileRecorder(path) as recorder:
        numbers = [event.data["number"] for event in recorder.before]
    assert numbers[: acknowledged + 1] == list(range(acknowledged + 1))
