"""What the three views of the business have in common: the businesses that are defined, and the hours of each."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec
from pydantic import ValidationError

from actors import ledger
from actors.columns import times
from actors.dashboards.buckets import HOUR, SECOND
from actors.dashboards.matching import Matching
from actors.fold import NONE, Batch, Outputs, Topic
from events.catalog import CLOCK, CONTROL
from query.business.meaning import Business

KIND = "business"
KEPT_HOURS = 14 * 24
DAY_HOURS = 24
M = TypeVar("M")


class Known(msgspec.Struct):
    """A business as its definition said it last."""

    spec: dict[str, Any]
    version: int = 0


class Sums(msgspec.Struct):
    """Whole numbers by hour (us) and name."""

    hours: dict[int, dict[str, int]] = {}

    def add(self, at_us: int, name: str, value: int) -> None:
        hour = self.hours.setdefault(at_us // HOUR * HOUR, {})
        hour[name] = hour.get(name, 0) + value

    def prune(self, now_us: int, keep: int = KEPT_HOURS) -> bool:
        floor = (now_us // HOUR - keep) * HOUR
        gone = [start for start in self.hours if start < floor]
        for start in gone:
            del self.hours[start]
        return bool(gone)

    def between(self, start_us: int, end_us: int, name: str) -> int:
        return sum(self.hours.get(hour, {}).get(name, 0) for hour in range(start_us, end_us, HOUR))

    def names(self, start_us: int, end_us: int) -> set[str]:
        found = (self.hours.get(hour, {}) for hour in range(start_us, end_us, HOUR))
        return {name for hour in found for name in hour}


def closed(now_us: int) -> tuple[int, int, int]:
    """Where the 24 whole hours before the last 24, these, and the open one begin: what is shown as before, and as now."""
    end = now_us // HOUR * HOUR
    return end - 2 * DAY_HOURS * HOUR, end - DAY_HOURS * HOUR, end


class State(msgspec.Struct, Generic[M]):
    now: int = 0
    known: dict[str, Known] = {}
    views: dict[str, M] = {}
    """By business."""


@dataclass
class BusinessView(ABC, Generic[M]):
    """A fold over ``control`` (which businesses there are), the clock, and what people do.

    ``first``: specs of businesses that are there from the beginning. Rows from before a business was defined, or defined
    anew, are not in its figures: the executive summary has them.
    """

    first: tuple[Mapping[str, Any], ...] = ()
    topics: Sequence[Topic] = ()
    _read: dict[tuple[str, int], Business | None] = field(default_factory=dict[Any, Any], repr=False)
    _touched: set[str] = field(default_factory=set[str], repr=False)
    _due: set[str] = field(default_factory=set[str], repr=False)
    """Touched, and to be shown: at the next tick, for figures of a day need not be computed with every commit."""

    @abstractmethod
    def empty(self) -> M:
        """A view that nothing was taken into."""

    @abstractmethod
    def take(self, view: M, business: Business, rows: Matching, batch: Batch) -> None:
        """Take in rows of the stream of a business."""

    @abstractmethod
    def show(self, name: str, business: Business, view: M, now_us: int) -> dict[str, Any]:
        """The entry of the topic."""

    @abstractmethod
    def prune(self, view: M, now_us: int) -> None:
        """Let go of what is too old to be shown."""

    def initial(self) -> State[M]:
        state: State[M] = State()
        for spec in self.first:
            self._define(state, str(spec["name"]), dict(spec), 0)
        return state

    def _define(self, state: State[M], name: str, spec: dict[str, Any], version: int) -> None:
        if name in state.known and state.known[name].spec == spec:
            return
        state.known[name] = Known(spec, version)
        state.views[name] = self.empty()
        self._touched.add(name)

    def fold(self, state: State[M], batch: Batch) -> tuple[State[M], Outputs]:
        if batch.stream == CONTROL.name:
            for place, row in enumerate(batch.table.select(["type", "subject", "data"]).to_pylist(), batch.first):
                if row["type"] and row["type"].startswith(f"{KIND}."):
                    self._command(state, row, place)
        elif batch.stream == CLOCK.name:
            for now in times(batch.table, "time").tolist():
                self._tick(state, now)
        elif batch.table.num_rows:
            rows = Matching(batch.table)
            for name, view in state.views.items():
                business = self._business(state, name)
                if business is not None and business.stream == batch.stream:
                    self.take(view, business, rows, batch)
                    self._touched.add(name)
        return state, NONE

    def _command(self, state: State[M], row: Mapping[str, Any], place: int) -> None:
        _, defined, spec, _ = ledger.spoken(row["type"], json.loads(row["data"]))
        name = row["subject"]
        if defined and spec is not None:
            self._define(state, name, {**spec, "name": name}, place)
        else:
            state.known.pop(name, None)
            state.views.pop(name, None)
            self._touched.add(name)

    def _business(self, state: State[M], name: str) -> Business | None:
        """None for a definition of a later release that this one cannot read: it is left alone."""
        known = state.known[name]
        key = (name, known.version)
        if key not in self._read:
            try:
                self._read[key] = Business.model_validate(known.spec)
            except ValidationError:
                self._read[key] = None
        return self._read[key]

    def _tick(self, state: State[M], now_us: int) -> None:
        before, state.now = state.now, max(state.now, now_us)
        if state.now // HOUR > before // HOUR:
            for name, view in state.views.items():
                self.prune(view, state.now)
                self._touched.add(name)
        self._due |= self._touched
        self._touched = set()

    def _entries(self, state: State[M], names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in names:
            business = self._business(state, name)
            if business is not None:
                yield name, self.show(name, business, state.views[name], state.now)

    def view(self, state: State[M], topic: str) -> Mapping[str, Any]:
        return dict(self._entries(state, list(state.views)))

    def changes(self, state: State[M]) -> Mapping[str, Mapping[str, Any]]:
        due, self._due = self._due, set()
        if not due:
            return {}
        gone: dict[str, Any] = {name: None for name in due if name not in state.views}
        fresh = dict(self._entries(state, [name for name in state.views if name in due]))
        return {self.topics[0].name: {**gone, **fresh}}


def seconds(us: int) -> float:
    return us / SECOND
