"""Metrics of the past that imports bring: windows that are closed are counted anew, from all rows that the log has of them.

The metrics analyzer counts what comes, in the order of event time, and what is imported comes years later, in any order. So
it leaves imported rows out, and this cell tells their windows: once an import is finished, and for every metric (one that is
defined later, too), the windows between its first and its last row are counted from the rows of all producers, whatever
their order was, and told on ``past_metrics``. They stand for the samples of ``metrics``; nothing that reacts to samples
reads them, so nobody is notified. A window that the analyzer may still change is told once it is closed for good.

What is counted is an edge's work (``actors.edges.retelling``), because it depends on how far the log was read; this fold
knows what is to be told, and what was. Each entry of ``past_metrics`` says in its header up to where its metric is told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from actors.columns import times
from actors.fold import NONE, Batch, Outputs
from events.catalog import CONTROL, IMPORTS, PAST_METRICS, USER_INTERACTIONS

DEFINED, REMOVED = "metric.defined", "metric.removed"


RETELLER = "retelling"


def is_retold(producer: str) -> bool:
    """Whether a sample is of a window that was counted anew."""
    return producer.split("/")[-2:-1] == [RETELLER]


class Metric(msgspec.Struct):
    """A metric as its event says it. ``told``: by import, the end of the last window that was told (us)."""

    said: dict[str, Any]
    cause: str
    told: dict[str, int] = {}


class Span(msgspec.Struct, frozen=True):
    """The times of an import's first and last row, us UTC."""

    earliest: int
    latest: int


class State(msgspec.Struct):
    metrics: dict[str, Metric] = {}
    imports: dict[str, Span] = {}


class Place(msgspec.Struct, array_like=True, frozen=True):
    """What stands in the header of an entry: whose windows it tells, and up to where all are told with it."""

    metric: str
    cause: str
    of: str
    until: int
    read: dict[str, int] = {}
    """By producer of the rows: those below this offset were there when they were counted."""


@dataclass(frozen=True, slots=True)
class Retelling:
    """The fold."""

    name: str = RETELLER
    version: int = 1
    reads: tuple[str, ...] = (CONTROL.name, IMPORTS.name)
    writes: tuple[str, ...] = (PAST_METRICS.name,)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        if batch.stream == IMPORTS.name:
            earliest, latest = times(batch.table, "earliest").tolist(), times(batch.table, "latest").tolist()
            known = batch.table.column("earliest").is_valid().to_pylist()
            for row, name in enumerate(batch.table.column("subject").to_pylist()):
                if known[row]:
                    state.imports[name] = Span(earliest[row], latest[row])
            return state, NONE
        for row, said in enumerate(batch.table.select(["type", "subject", "data"]).to_pylist()):
            name = said["subject"]
            if said["type"] == REMOVED:
                state.metrics.pop(name, None)
            elif said["type"] == DEFINED:
                self._define(state, name, json.loads(said["data"]), f"{batch.producer}:{batch.first + row}")
        return state, NONE

    @staticmethod
    def _define(state: State, name: str, data: dict[str, Any], cause: str) -> None:
        """A definition that says the same as before keeps its cause, as for the metrics analyzer."""
        said = {key: data[key] for key in ("spec", "bound_s") if key in data}
        before = state.metrics.get(name)
        if said.get("spec", {}).get("stream") != USER_INTERACTIONS.name:
            state.metrics.pop(name, None)
        elif before is None or not _alike(before.said, said):
            state.metrics[name] = Metric(said, cause)

    def tell(self, state: State, place: Place, found: pa.RecordBatch | None) -> tuple[State, Outputs, None]:
        """Tell windows of a metric; none, where it had no rows there."""
        outputs = Outputs()
        outputs.emit(PAST_METRICS.name, found, position=msgspec.msgpack.encode(place))
        self._told(state, place)
        return state, outputs, None

    def absorb(self, state: State, batch: Batch) -> State:
        if batch.stream == PAST_METRICS.name:
            self._told(state, msgspec.msgpack.decode(batch.header.position, type=Place))
        return state

    @staticmethod
    def _told(state: State, place: Place) -> None:
        metric = state.metrics.get(place.metric)
        if metric is not None and metric.cause == place.cause:
            metric.told[place.of] = max(place.until, metric.told.get(place.of, place.until))

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two definitions are the same metric to the analyzer."""
    from actors.analyzers.metric_series import BOUND_S, MetricSpec

    specs = [MetricSpec.of(said["spec"], said.get("bound_s", BOUND_S)).definition for said in (one, other)]
    return specs[0] == specs[1]
