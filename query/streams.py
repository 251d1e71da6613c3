"""The streams of a log as the tables of one database: read lazily, once or in parts, on one cut."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from events.catalog import STREAMS
from events.tables import columns_of
from query.history import Archived, History
from query.partitions import DataPartitioner, Part, Stretch

if TYPE_CHECKING:
    import duckdb

    from query.scan import StreamTable


class Streams:
    """The streams as DuckDB sees them. What goes wrong in the log meanwhile is kept: it is not the caller's fault."""

    def __init__(
        self,
        history: History,
        root: Path,
        divided: Collection[str] = (),
        partitions: int = 1,
        keep_bytes: int = 0,
        valid_at: int | None = None,
    ) -> None:
        """``divided``: the streams that are scanned in ``partitions`` parts. ``keep_bytes``: of rows read before."""
        self._keep_bytes = keep_bytes
        self._kept: dict[tuple[str, Part | None], list[Archived | pa.RecordBatch]] = {}
        self._history = history
        self._root = root
        self.counting = False
        """Whether the statement at hand only counts rows: nobody looks at the first column."""
        self._valid_at = valid_at
        self._divided = divided if partitions > 1 else ()
        self._partitioner = DataPartitioner(partitions)
        self.failure: Exception | None = None
        self.cut: dict[str, Mapping[str, int]] = {}

    def register(self, db: duckdb.DuckDBPyConnection) -> None:
        for name in STREAMS:
            stored = name if self._valid_at is None else f"{name}_of_all_times"
            if name in self._divided:
                self._register_parts(db, name, stored)
            else:
                db.register(stored, self._table(name, None))
            if self._valid_at is not None:
                db.execute(f"CREATE TEMP VIEW {name} AS FROM {stored} WHERE epoch_us(time) <= {self._valid_at}")
        db.execute("BEGIN TRANSACTION READ ONLY")

    def heads(self, stream: str) -> Mapping[str, int]:
        return self._history.heads(stream)

    def register_rest(self, db: duckdb.DuckDBPyConnection, name: str, stream: str, after: Mapping[str, int]) -> None:
        part = tuple(Stretch(p, min(after.get(p, 0), head), head) for p, head in self._history.heads(stream).items())
        db.register(name, self._table(stream, part))

    def _register_parts(self, db: duckdb.DuckDBPyConnection, name: str, stored: str) -> None:
        parts = self._partitioner.partition_data(self._history.heads(name)) or [()]
        for i, part in enumerate(parts):
            db.register(f"part_{i}_of_{name}", self._table(name, part))
        every = " UNION ALL ".join(f"FROM part_{i}_of_{name}" for i in range(len(parts)))
        db.execute(f"CREATE TEMP VIEW {stored} AS {every}")

    def _table(self, stream: str, part: Part | None) -> StreamTable:
        from query.scan import StreamTable  # needs pyarrow.dataset, which takes its time to import

        return StreamTable(
            columns_of(stream), self._root, lambda: self._read(stream, part), self._fails, lambda: self.counting
        )

    def _fails(self, failure: Exception) -> None:
        self.failure = failure

    def _read(self, stream: str, part: Part | None) -> Iterator[Archived | pa.RecordBatch]:
        kept = self._kept.get((stream, part))
        if kept is not None:
            yield from kept
            return
        read: list[Archived | pa.RecordBatch] = []
        room = self._keep_bytes
        self.cut[stream] = self._history.heads(stream)
        for found in self._history.parts(stream, part):
            room -= 0 if isinstance(found, Archived) else found.nbytes
            if room > 0:
                read.append(found)
            else:
                read.clear()
            yield found
        if room > 0:  # all of it was asked for, and it is small enough
            self._keep_bytes = room
            self._kept[stream, part] = read
