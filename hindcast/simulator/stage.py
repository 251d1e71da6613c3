"""What a simulated life is made of: scripts that pause and act, on a stage that keeps the time and what is going wrong."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, Literal, NamedTuple

Kind = Literal["track", "identify", "page", "group"]
Trouble = Literal["checkout", "api", "quiet", "campaign"]


class Event(NamedTuple):
    """One call of the Segment SDK: ``client_of[source].<kind>(**kwargs)``, ``delay_s`` after the event before it."""

    delay_s: float
    source: str
    kind: Kind
    kwargs: dict[str, Any]


class Step(NamedTuple):
    """Wait ``pause_s`` simulated seconds, then do this; without a kind, only wait."""

    pause_s: float
    kind: Kind | None = None
    kwargs: dict[str, Any] = {}  # noqa: RUF012  # never written to


Script = Iterator[Step]


class Incident(NamedTuple):
    """Something goes wrong (or very right) from ``start_s`` until ``end_s``, in seconds of the simulation."""

    trouble: Trouble
    start_s: float
    end_s: float


CALM = Incident("quiet", -1.0, -1.0)


@dataclass(slots=True)
class Stage:
    """The simulated present: its time, its chance, its incident, and the scripts that are being played."""

    chance: Random
    start_us: int
    now_s: float = 0.0
    incident: Incident = CALM
    tide: Callable[[float], float] = lambda _: 1.0
    """How busy it is at a time, beside days and weeks: 0 to 1."""
    _order: Iterator[int] = field(default_factory=count)
    _due: list[tuple[float, int, str, Script, Step]] = field(default_factory=list[tuple[float, int, str, Script, Step]])

    @property
    def now_us(self) -> int:
        """The simulated time, microseconds UTC."""
        return self.start_us + int(self.now_s * 1e6)

    def suffers(self, trouble: Trouble) -> bool:
        """Whether that is happening now."""
        return self.incident.trouble == trouble and self.incident.start_s <= self.now_s < self.incident.end_s

    def play(self, source: str, script: Script) -> None:
        """Begin a script; it goes on until it ends by itself."""
        step = next(script, None)
        if step is not None:
            heapq.heappush(self._due, (self.now_s + step.pause_s, next(self._order), source, script, step))

    def perform(self) -> Iterator[tuple[str, Kind, dict[str, Any]]]:
        """Everything that is done, in the order of time; ``now_s`` is when."""
        while self._due:
            self.now_s, _, source, script, step = heapq.heappop(self._due)
            self.play(source, script)
            if step.kind is not None:
                yield source, step.kind, step.kwargs
