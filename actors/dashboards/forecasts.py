"""The forecasts that people see: the newest of each series, with the steps that it looked back on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.fold import NONE, Batch, Outputs, Topic
from actors.forecasting import WITHDRAWN
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.catalog import FORECASTS
from events.envelope import CellName

MOST = 500
"""Series that are shown; beyond, the oldest go."""
READ = ("type", "time", "watch", "metric", "aggregate", "key", "step", "start", "width_us", "value", "expected", "lower",
        "upper", "level", "n", "error", "naive_error", "message")  # fmt: skip


class Ahead(msgspec.Struct):
    """One series as the page needs it; times in seconds UTC. ``t``: the start of each step, ``known`` of those before."""

    watch: str
    metric: str
    aggregate: str
    key: str
    made: float
    width: float
    level: float | None
    n: int
    message: str
    error: float | None = None
    naive_error: float | None = None
    past: list[float] = []
    known: list[float | None] = []
    t: list[float] = []
    expected: list[float] = []
    lower: list[float] = []
    upper: list[float] = []


State = dict[str, Ahead]


@dataclass
class ForecastView:
    """Folds the stream ``forecasts`` into the topic ``forecasts``: each series by an id of its own, the newest of each."""

    name: str = "foreseen"
    version: int = 1
    reads: tuple[str, ...] = (FORECASTS.name,)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic("forecasts", "upsert"),)
    _touched: set[str] = field(default_factory=set[str], repr=False)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        newest: dict[str, float] = {}
        for row in batch.table.select([*READ]).to_pylist():
            watch, made = row["watch"] or "", row["time"].timestamp() if row["time"] else 0.0
            if newest.get(watch) != made:
                newest[watch] = made
                for id_ in [i for i, one in state.items() if one.watch == watch and one.made != made]:
                    self._drop(state, id_)  # what was made before: some of its keys may be gone
            self._take(state, row, watch, made)
            if len(state) > MOST:
                self._drop(state, next(iter(state)))
        return state, NONE

    def _take(self, state: State, row: Mapping[str, Any], watch: str, made: float) -> None:
        if row["type"] == WITHDRAWN:
            for id_ in [id_ for id_, one in state.items() if one.watch == watch]:
                self._drop(state, id_)
            return
        key = row["key"] or ""
        id_ = f"{watch}\t{key}"
        ahead = state.get(id_)
        if ahead is None:
            width = (row["width_us"] or 0) / 1e6
            metric, aggregate = row["metric"] or "", row["aggregate"] or ""
            ahead = state[id_] = Ahead(watch, metric, aggregate, key, made, width, row["level"], 0, "")
        self._touched.add(id_)
        at = row["start"].timestamp() if row["start"] else 0.0
        if row["type"] == "forecast.known":
            ahead.past.append(at)
            ahead.known.append(row["value"])
            return
        ahead.n, ahead.message = row["n"] or 0, row["message"] or ""
        ahead.error, ahead.naive_error = row["error"], row["naive_error"]
        if row["expected"] is not None:
            ahead.t.append(at)
            for name in ("expected", "lower", "upper"):
                getattr(ahead, name).append(row[name])

    def _drop(self, state: State, id_: str) -> None:
        del state[id_]
        self._touched.add(id_)

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        return {id_: msgspec.to_builtins(ahead) for id_, ahead in state.items()}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        touched, self._touched = self._touched, set()
        if not touched:
            return {}
        said = {id_: msgspec.to_builtins(state[id_]) if id_ in state else None for id_ in sorted(touched)}
        return {"forecasts": said}

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)  # in the order of the state: what is oldest goes first

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    beside = str(CellName(within.tenant, "findings", 0))
    yield CellSpec("dashboards", ForecastView(), within.tenant, beside=beside)


PART = Part("forecasts", cells=_cells)
