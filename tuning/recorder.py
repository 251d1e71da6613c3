"""Experiments as events. The engine says what has happened; where that is kept is the recorder's business.

    experiment.started   problem, target, rows, seed, budget_s, hashes
    experiment.resumed   trials (how many are known already)
    trial.finished       number, model, params, score, took_s, …      trial.failed   number, model, params, reason
    model.registered     model_id, score, threshold, sha256           model.refused  score, threshold, reason
    experiment.finished  elapsed_s, stopped, score                    experiment.interrupted  elapsed_s, score

Names are past facts and outlive code; ``data`` may gain fields. JSON has no NaN: what is not finite is kept as null.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, cast

_NAME = re.compile(r"[a-z_]+(\.[a-z_]+)+")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """A past fact of one experiment; ``time`` in µs UTC. The recorder gives it its place among the others."""

    type: str
    experiment: str
    time: int
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.type):
            raise ValueError(f"an event is named noun.past in lower case, such as trial.finished; got {self.type!r}")


class Recorder(Protocol):
    """Keeps the events of experiments. ``record`` returns once the event is safe."""

    def record(self, event: Event) -> None: ...


class NoRecorder:
    """Keeps nothing."""

    def record(self, event: Event) -> None:
        del event


class MemoryRecorder:
    """Keeps events in a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


class FileRecorder:
    """One JSON object a line, appended and synced; survives kill -9 and power failure at any byte.

    Opening a file that a killed run left goes on after its last whole line. One writer at a time: a second one is
    refused with ``ValueError``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ValueError(f"another run writes to {path}: wait for it, or choose another folder") from None
        try:
            self.before, whole = _parse(path)
        except ValueError:
            self._file.close()
            raise
        self._file.truncate(whole)
        _sync_folder(path.parent)

    def record(self, event: Event) -> None:
        self._file.write(_line(event))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Mirrored:
    """Records to ``first``, which must hold, then to ``mirror``, which may fail: it is then left alone with one warning."""

    def __init__(self, first: Recorder, mirror: Recorder) -> None:
        self._first = first
        self._mirror: Recorder | None = mirror

    def record(self, event: Event) -> None:
        self._first.record(event)
        if self._mirror is None:
            return
        try:
            self._mirror.record(event)
        except Exception as error:  # noqa: BLE001 - a foreign tracking server must not cost a run
            self._mirror = None
            _log.warning("the mirror failed and gets no more events of this run: %s", error)


def read_events(path: Path) -> Iterator[Event]:
    """The events of a file, in order; a torn last line is passed over.

    Raises ``ValueError`` naming the line where another one is damaged.
    """
    return iter(_parse(path)[0])


def _parse(path: Path) -> tuple[list[Event], int]:
    """The events, and how many bytes hold them."""
    content = path.read_bytes()
    events: list[Event] = []
    whole = 0
    for number, line in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", content), 1):
        event = _event(line) if line.endswith(b"\n") else None
        if event is None:
            if whole + len(line) < len(content):
                raise ValueError(f"{path}, line {number} is no event: the file was changed by hand or the disk failed")
            break
        events.append(event)
        whole += len(line)
    return events, whole


def _event(line: bytes) -> Event | None:
    try:
        found: Any = json.loads(line)
        return Event(found["type"], found["experiment"], int(found["time"]), cast(dict[str, Any], found["data"]))
    except (ValueError, KeyError, TypeError):
        return None


def _line(event: Event) -> bytes:
    document = {"type": event.type, "experiment": event.experiment, "time": event.time, "data": plain(event.data)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def plain(value: Any) -> Any:
    """A value as JSON can hold it.

    Scalars and arrays of numpy become Python's, numbers that are not finite become ``None``, and anything else its text.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast(list[Any], value)]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool)) or value is None else str(value)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
