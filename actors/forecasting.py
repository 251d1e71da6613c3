"""Forecasts that are made again and again: which ones are asked for, and when each was made last.

What a forecast says depends on how far the log was read, and to make one takes libraries of 200 MB. So it is an edge's work
(``actors.edges.forecasting``), in a process of its own that ends, and what it says is recorded as it was said: rows of
``forecasts``. This fold knows the definitions, and from its own rows when each was last looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from actors.analyzers.findings import spec_of
from actors.columns import times
from actors.fold import Batch, Outputs
from events.catalog import CONTROL, FORECASTS, rows

WITHDRAWN = "forecast.withdrawn"
LEAST_EVERY_S = 300.0
"""A forecast that says no ``every_s`` is made anew once a step, but no more often than this."""


class Watched(msgspec.Struct):
    """One definition. ``cause``: the event that said it. ``made``: when it was last looked at, us; 0: not yet."""

    spec: dict[str, Any]
    cause: str
    made: int = 0


class State(msgspec.Struct):
    watched: dict[str, Watched] = {}
    widths: dict[str, int] = {}
    """By metric as it is defined: of its windows, us."""

    def width_us(self, metric: str) -> int:
        """Of the windows of a metric, or of the family that may be its. 0: it is not defined."""
        families = (width for name, width in sorted(self.widths.items()) if name.startswith("{"))
        return self.widths.get(metric) or next(families, 0)


@dataclass(frozen=True, slots=True)
class Forecasting:
    """The fold."""

    name: str = "forecasts"
    version: int = 1
    reads: tuple[str, ...] = (CONTROL.name,)
    writes: tuple[str, ...] = (FORECASTS.name,)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        for place, row in enumerate(batch.table.select(["type", "subject", "data", "time"]).to_pylist()):
            kind, _, what = (row["type"] or "").partition(".")
            if kind not in ("forecast", "metric") or what not in ("defined", "removed"):
                continue
            name, spec = row["subject"], spec_of(row)
            if kind == "metric":
                state.widths.pop(name, None)
                if spec is not None:
                    state.widths[name] = int(spec.get("width_s", 10.0) * 1e6)
                continue
            before = state.watched.get(name)
            if before is not None and spec == before.spec:
                continue
            if before is not None:
                del state.watched[name]
                outputs.emit(FORECASTS.name, _withdrawn(name, before, int(row["time"].timestamp() * 1e6)))
            if spec is not None:
                state.watched[name] = Watched(dict(spec), f"{batch.producer}:{batch.first + place}")
        return state, outputs

    def tell(self, state: State, made: pa.RecordBatch) -> tuple[State, Outputs, None]:
        """Record what was made; rows of definitions that hold no more, or say something else by now, are left out."""
        held = [
            name in state.watched and state.watched[name].cause == cause
            for name, cause in zip(made.column("watch").to_pylist(), made.column("cause").to_pylist(), strict=True)
        ]
        outputs = Outputs()
        kept = made.filter(pa.array(held, pa.bool_()))
        if kept.num_rows:
            outputs.emit(FORECASTS.name, kept)
            self._taken(state, kept)
        return state, outputs, None

    def absorb(self, state: State, batch: Batch) -> State:
        if batch.stream == FORECASTS.name:
            self._taken(state, batch.table)
        return state

    @staticmethod
    def _taken(state: State, table: pa.RecordBatch) -> None:
        columns = (table.column(name).to_pylist() for name in ("type", "watch", "cause"))
        for type_, name, cause, at in zip(*columns, times(table, "time").tolist(), strict=True):
            watched = state.watched.get(name)
            if type_ != WITHDRAWN and watched is not None and watched.cause == cause:
                watched.made = max(watched.made, at)

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def every_us(spec: Mapping[str, Any], step_us: int) -> int:
    """How often a forecast in steps of ``step_us`` is made."""
    return int(spec["every_s"] * 1e6) if spec["every_s"] is not None else max(int(LEAST_EVERY_S * 1e6), step_us)


def step_us(spec: Mapping[str, Any], width_us: int) -> int:
    """One step, for windows of its metric of ``width_us``."""
    return round(spec["step_s"] * 1e6) if spec["step_s"] is not None else width_us


def _withdrawn(name: str, was: Watched, at: int) -> pa.RecordBatch:
    said = {"watch": name, "metric": was.spec["metric"], "aggregate": was.spec["aggregate"], "key": ""}
    return rows(FORECASTS, {"type": WITHDRAWN, "time": at, "cause": was.cause, **said}, 1)
