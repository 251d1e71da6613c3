"""The collector of imports: files of events of the past, each row recorded once, whenever and however often it is sent.

An import is known by its name, which is made of its content. How many of its rows have been judged stands in the header of
the entry that records them, so rows and place are committed together: an import that was broken off goes on exactly there,
and one that is sent again adds nothing, however long ago it was. Beside that, the ids of its last rows are remembered, for
exports of one product overlap. No watermark follows from these rows: they are of the past, and nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from actors.collectors.arrivals import ACCEPTED, CONFLICT, DUPLICATE, Arrivals, Part
from actors.collectors.push import IDENTITY, PushCollector, conflicts, user_interactions
from actors.columns import times
from actors.fold import Batch, Outputs
from actors.hashing import hashes
from analytics import dedup
from events.catalog import DEAD_LETTERS, IMPORTS, USER_INTERACTIONS, rows
from events.envelope import IMPORTER
from events.errors import Corrupt

REMEMBERED = 1 << 20
"""Ids of imported rows that are remembered, beside the places of all imports: 10 MB."""
_MINUTE_US = 60_000_000


class Imported(msgspec.Struct):
    """How far one import has come. ``earliest`` and ``latest``: of its accepted rows, us UTC."""

    rows: int = 0
    accepted: int = 0
    earliest: int | None = None
    latest: int | None = None
    finished: bool = False

    def see(self, table: pa.RecordBatch) -> None:
        if table.num_rows:
            at = times(table, "time")
            low, high = int(at.min()), int(at.max())
            self.earliest = low if self.earliest is None else min(low, self.earliest)
            self.latest = high if self.latest is None else max(high, self.latest)
            self.accepted += table.num_rows


class State(msgspec.Struct):
    seen: dedup.DedupState
    imports: dict[str, Imported]
    taken: int = 0
    """Rows accepted, of all imports."""


class _Place(msgspec.Struct, array_like=True):
    """What stands in an entry's header."""

    name: str
    rows: int


class Progress(NamedTuple):
    """How many of an import's rows have been judged, how many were accepted, and whether these are all."""

    rows: int
    accepted: int
    finished: bool


@dataclass(frozen=True, slots=True)
class ImportCollector:
    """Records imported rows. State: the place of each import, and the ids of the last rows."""

    remembered: int = REMEMBERED
    name: str = IMPORTER
    version: int = 1
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = (USER_INTERACTIONS.name, DEAD_LETTERS.name, IMPORTS.name)
    idle_us: int = 2_000_000
    rules: PushCollector = field(default_factory=user_interactions)
    """What makes rows the same."""

    def initial(self) -> State:
        return State(dedup.DedupState(self.remembered), {})

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        raise Corrupt(f"{self.name} reads no stream, yet its journal names {batch.stream}")

    def progress(self, state: State, name: str) -> Progress:
        """How far an import has come."""
        known = state.imports.get(name) or Imported()
        return Progress(known.rows, known.accepted, known.finished)

    def admit(self, state: State, arrivals: Arrivals, part: Part, now_us: int) -> tuple[State, Outputs, np.ndarray]:
        """Record a part of an import; again, it adds nothing. Answers a verdict a row.

        The part begins where the last one ended, or lies below that as a whole.
        """
        batch, outputs = arrivals.rows, Outputs()
        imported = state.imports.get(part.name) or Imported()
        verdict = np.full(batch.num_rows, DUPLICATE, np.uint8)
        if part.end > imported.rows:
            assert part.first == imported.rows, "the worker lets no other part in"
            verdict = self._judge(state, batch)
            accepted = batch if not verdict.any() else batch.filter(pa.array(verdict == ACCEPTED))
            place = msgspec.msgpack.encode(_Place(part.name, part.end))
            outputs.emit(USER_INTERACTIONS.name, accepted, position=place)
            if (verdict == CONFLICT).any():
                outputs.emit(DEAD_LETTERS.name, conflicts(self.rules, batch.filter(pa.array(verdict == CONFLICT))))
            if arrivals.refused is not None:
                outputs.emit(DEAD_LETTERS.name, arrivals.refused)
            imported = self._see(state, part.name, part.end, accepted)
        if part.finished is not None and not imported.finished:
            imported.finished = True
            state.imports[part.name] = imported
            outputs.emit(IMPORTS.name, _finished(part, imported, now_us))
        return state, outputs, verdict

    def absorb(self, state: State, batch: Batch) -> State:
        if batch.stream == USER_INTERACTIONS.name:
            self._judge(state, batch.table)
            place = msgspec.msgpack.decode(batch.header.position, type=_Place)
            self._see(state, place.name, place.rows, batch.table)
        elif batch.stream == IMPORTS.name:
            for name in batch.table.column("subject").to_pylist():
                state.imports.setdefault(name, Imported()).finished = True
        return state

    def _judge(self, state: State, batch: pa.RecordBatch) -> np.ndarray:
        """A verdict a row. The memory of ids goes by a clock, which here counts accepted rows: in an hour of it as many come
        as are remembered."""
        ids, contents = hashes(batch, IDENTITY), hashes(batch, self.rules.content)
        a_minute, at = max(1, self.remembered // 60), 0
        verdict = np.empty(batch.num_rows, np.uint8)
        while at < batch.num_rows:
            minute, passed = divmod(state.taken, a_minute)
            end = min(batch.num_rows, at + a_minute - passed)
            clock = np.full(end - at, minute * _MINUTE_US)
            verdict[at:end] = dedup.admit(state.seen, ids[at:end], contents[at:end], clock)
            state.taken += int((verdict[at:end] == ACCEPTED).sum())
            at = end
        return verdict

    @staticmethod
    def _see(state: State, name: str, end: int, accepted: pa.RecordBatch) -> Imported:
        imported = state.imports.setdefault(name, Imported())
        imported.see(accepted)
        imported.rows = max(imported.rows, end)
        return imported

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(self.dump_apart(state))

    def load(self, data: bytes) -> State:
        apart, pieces = msgspec.msgpack.decode(data, type=tuple[bytes, dict[str, bytes]])
        return self.load_apart(apart, pieces.__getitem__)

    def dump_apart(self, state: State) -> tuple[bytes, dict[str, bytes]]:
        seen, pieces = dedup.dump_apart(state.seen)
        return msgspec.msgpack.encode((seen, state.imports, state.taken)), pieces

    def load_apart(self, data: bytes, piece: Callable[[str], bytes]) -> State:
        seen, imports, taken = msgspec.msgpack.decode(data, type=tuple[bytes, dict[str, Imported], int])
        return State(dedup.load_apart(seen, piece), imports, taken)


def _finished(part: Part, imported: Imported, now_us: int) -> pa.RecordBatch:
    columns = {
        "type": "import.finished",
        "subject": part.name,
        "partition_key": part.name,
        "time": now_us,
        "received": now_us,
        "file": part.finished,
        "row_count": imported.rows,
        "accepted": imported.accepted,
        "earliest": [imported.earliest],
        "latest": [imported.latest],
    }
    return rows(IMPORTS, columns, 1)
