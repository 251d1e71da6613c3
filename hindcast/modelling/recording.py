"""A training run as events of a running system's log."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tuning.recorder import Event, plain

if TYPE_CHECKING:
    from hindcast.client import Client


def new_experiment(name: str) -> str:
    """The id of a run that begins now, with the model's name and the moment (UTC) in it."""
    return f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


class LogRecorder:
    """Keeps the events of one training run in the log, each safe once ``record`` returns. A ``tuning.recorder.Recorder``."""

    def __init__(self, client: Client, experiment: str, name: str, about: Mapping[str, Any] | None = None) -> None:
        """``name``: of the model; ``about``: more of how it began, such as what the data is a table of."""
        self._client = client
        self._about = {"name": name, **(about or {})}
        self.experiment = experiment

    def record(self, event: Event) -> None:
        data = plain(event.data)
        if event.type in ("experiment.started", "experiment.resumed"):
            data = {**data, **self._about}
        self.say(event.type, data, event.time)

    def say(self, kind: str, data: Mapping[str, Any], time_us: int | None = None) -> None:
        """Record one fact of the run."""
        at = time_us or time.time_ns() // 1000
        fact = {"type": kind, "experiment": self.experiment, "time": at, "data": plain(data)}
        self._client.record_experiment([fact])
