"""Identity: which ids are one person, and which account each has, as a fold that can take a link back.

`user_interactions` says who is who, ``control`` that the links of an id are taken back (``identity.unlinked``). What changes
is told on `identities`, so whoever asks as of a moment has the people of that moment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from actors.analyzers.identity_state import Links, Placed
from actors.columns import labels
from actors.fold import NONE, Batch, Outputs
from analytics.persons import WARNINGS, Kind, Link, Note
from events.catalog import CONTROL, IDENTITIES, USER_INTERACTIONS, rows

DEFINED, REMOVED, UNLINKED = "identity.defined", "identity.removed", "identity.unlinked"
_COLUMNS = ("type", "subject", "anonymous_id", "time", "source", "properties")
_ANONYMOUS = ("$anon_distinct_id", "anonymousId", "anonymous_id")
_FORMER = ("previousId", "alias", "previous_id")
_ACCOUNT = ("groupId", "group_id", "account")
Row = dict[str, Any]


class State(msgspec.Struct):
    types: dict[str, str] = {}
    """By type of event: what it says (identify, alias, group). Empty: nothing is defined."""
    links: Links = msgspec.field(default_factory=Links)


@dataclass(frozen=True)
class IdentityAnalyzer:
    """The fold."""

    name: str = "identities"
    version: int = 1
    reads: tuple[str, ...] = (CONTROL.name, USER_INTERACTIONS.name)
    writes: tuple[str, ...] = (IDENTITIES.name,)

    def initial(self) -> State:
        return State()

    def wants(self, state: State) -> frozenset[str]:
        """Only commands until identity is defined; then the stream, from its beginning."""
        return frozenset(self.reads if state.types else self.reads[:1])

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        said = list(self._commands(state, batch) if batch.stream == CONTROL.name else self._events(state, batch))
        if not said:
            return state, NONE
        outputs = Outputs()
        outputs.emit(IDENTITIES.name, _rows(said))
        return state, outputs

    def _events(self, state: State, batch: Batch) -> Iterator[Row]:
        codes, names = labels(batch.table, "type")
        ours = [name in state.types for name in names]
        if not any(ours):
            return
        places = [row for row, code in enumerate(codes.tolist()) if ours[code]]
        table = batch.table.select(_COLUMNS).take(pa.array(places, pa.int64()))
        times = table.column("time").cast(pa.int64()).to_pylist()
        for place, time, row in zip(places, times, table.drop_columns(["time"]).to_pylist(), strict=True):
            beside = {"time": time, "source": row["source"], "cause": f"{batch.producer}:{batch.first + place}"}
            yield from _told(self._event(state, row, time or 0), beside)

    def _event(self, state: State, row: Row, time: int) -> Iterator[Placed | Note | Row]:
        what, subject, said = state.types[row["type"]], row["subject"] or "", _object(row["properties"])
        if what == "group":
            account = _first(said, _ACCOUNT)
            if account and subject and state.links.join(subject, account, time):
                yield {"type": "account.joined", "subject": subject, "account": account}
            return
        if what == "identify":
            kind: Kind = "identify"
            other = _first(said, _ANONYMOUS[:1]) or row["anonymous_id"] or _first(said, _ANONYMOUS[1:])
        else:
            kind, other = "alias", _first(said, _FORMER)
        if other and subject and not (what == "identify" and other == subject):
            yield from state.links.link(Link(time, kind, other, subject))

    def _commands(self, state: State, batch: Batch) -> Iterator[Row]:
        table = batch.table
        for place, row in enumerate(table.select(["type", "subject", "data"]).to_pylist()):
            if row["type"] not in (DEFINED, REMOVED, UNLINKED):
                continue
            data = json.loads(row["data"])
            at = table.column("time").cast(pa.int64())[place].as_py()
            beside = {"time": at, "cause": f"{batch.producer}:{batch.first + place}"}
            if row["type"] == DEFINED:
                spec = data["spec"]
                state.types = {name: what for what in ("group", "alias", "identify") for name in spec[what]}
            elif row["type"] == REMOVED:
                state.types = {}
            else:
                yield from _told(state.links.unlink(row["subject"], data.get("other")), beside)

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)  # its dictionaries are in the order of the rows that filled them

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _object(text: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _first(said: Mapping[str, Any], names: Iterable[str]) -> str:
    """The first of the properties that is there, as a text: an id may come as a number."""
    for name in names:
        value = said.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def _told(found: Iterable[Placed | Note | Row], beside: Row) -> Iterator[Row]:
    for one in found:
        if isinstance(one, Placed):
            yield {"type": "identity.placed", "subject": one.id, "person": one.person, **beside}
        elif isinstance(one, Note):
            type_ = "identity.warned" if one.reason in WARNINGS else "identity.refused"
            said = {"subject": one.link.a, "other": one.link.b, "person": one.person or None, "reason": one.reason}
            yield {"type": type_, **said, "message": one.message, **beside}
        else:
            yield {**one, **beside}


def _rows(said: list[Row]) -> pa.RecordBatch:
    names = ("type", "subject", "time", "source", "cause", "person", "other", "reason", "message", "account")
    return rows(IDENTITIES, {name: [row.get(name) for row in said] for name in names}, len(said))
