"""The findings that people see: what rises, falls or moves together now, and what is still learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.fold import NONE, Batch, Outputs, Topic
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.catalog import INSIGHTS

MOST = 1_000
"""Findings that are shown; beyond, the oldest go."""
SHOWN = ("rising", "falling", "together", "opposed", "learning")
SERIES = ("metric", "aggregate", "key", "with_metric", "with_aggregate", "with_key")
FIGURES = ("time", "start", "value", "lower", "upper", "change", "lag_us", "p_value", "n", "message")


class Shown(msgspec.Struct):
    """One finding as the page needs it; times in seconds UTC."""

    kind: str
    watch: str
    status: str
    metric: str
    aggregate: str
    key: str
    with_metric: str | None
    with_aggregate: str | None
    with_key: str | None
    t: float
    since: float | None
    value: float | None
    lower: float | None
    upper: float | None
    change: float | None
    lag: float | None
    p: float | None
    n: int | None
    message: str


State = dict[str, Shown]


@dataclass
class Insights:
    """Folds the stream ``insights`` into the topic ``insights``: each watched series or pair by an id of its own.

    What is steady or apart is taken away: nobody has to read that there is nothing.
    """

    name: str = "findings"
    version: int = 1
    reads: tuple[str, ...] = (INSIGHTS.name,)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic("insights", "upsert"),)
    _touched: set[str] = field(default_factory=set[str], repr=False)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        for row in batch.table.select(["type", "watch", "status", *SERIES, *FIGURES]).to_pylist():
            self._take(state, row)
        while len(state) > MOST:
            gone = next(iter(state))
            del state[gone]
            self._touched.add(gone)
        return state, NONE

    def _take(self, state: State, row: Mapping[str, Any]) -> None:
        kind = row["type"].partition(".")[0]
        id_ = "\t".join([kind, row["watch"], *(row[name] or "" for name in SERIES)])
        self._touched.add(id_)
        state.pop(id_, None)  # what is told again becomes the newest
        if row["status"] in SHOWN:
            said = {name: row[name] for name in Shown.__struct_fields__ if name in row}
            said |= {"kind": kind, "key": row["key"] or "", "t": row["time"].timestamp(), "p": row["p_value"]}
            said |= {"since": row["start"].timestamp() if row["start"] else None}
            said |= {"lag": row["lag_us"] / 1e6 if row["lag_us"] is not None else None}
            state[id_] = Shown(**said)

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        return {id_: msgspec.to_builtins(shown) for id_, shown in state.items()}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        touched, self._touched = self._touched, set()
        if not touched:
            return {}
        return {"insights": {id_: msgspec.to_builtins(state[id_]) if id_ in state else None for id_ in sorted(touched)}}

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)  # in the order of the state, which is the order of news

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    yield CellSpec("dashboards", Insights(), within.tenant)


PART = Part("insights", cells=_cells)
