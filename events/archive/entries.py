"""Entries as the log had them, out of the archive: the same rows, offsets, commits and watermarks, for whoever refolds.

Their payload is encoded anew, so they have no link of the chain of hashes: Parquet's checksums stand for it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from events.archive.files import damaged, offset_column, require_sound
from events.archive.segments import Segment
from events.catalog import STREAMS
from events.entry import EMPTY, Entry, EntryHeader, encode
from events.envelope import CellName
from events.errors import Corrupt

_KEPT = 2
"""Segments that stay open: whoever refolds reads them in order."""


class _Open(NamedTuple):
    """A segment that is being read."""

    segment: Segment
    headers: dict[str, NDArray[np.int64]]
    ends: NDArray[np.int64]
    """The offset after each entry."""
    encrypted: list[list[str]]
    positions: list[bytes]
    file: pq.ParquetFile
    groups: NDArray[np.int64]
    """The offset of the first row of each row group."""


class ArchivedEntries:
    """Reads entries of the segments below ``root``. Safe for several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._mutex = threading.Lock()
        self._open: tuple[_Open, ...] = ()

    def read(self, segments: Sequence[Segment], after: int, max_bytes: int) -> list[Entry]:
        """As ``LogReader.read``, of the entries that lie wholly in ``segments``, which follow one another without a gap.

        Answers the entries of one row group at most. Raises ``Corrupt`` for a file that is missing or damaged.
        """
        segment = next((segment for segment in segments if segment.end > after), None)
        if segment is None:
            return []
        try:
            with self._mutex:
                opened = self._opened(segment)
                n = int(np.searchsorted(opened.ends, max(after, 0), side="right"))
                if opened.headers["first"][n] < segment.first or opened.ends[n] > segment.end:
                    return self._straddling(segments, opened, n)
                return self._whole(opened, n, max_bytes)
        except (OSError, pa.ArrowInvalid) as error:
            raise damaged(segment, self._root, f"cannot be read ({error})") from error

    def _whole(self, opened: _Open, n: int, max_bytes: int) -> list[Entry]:
        """Entries from ``n`` on that lie in the segment and in the row groups that the first of them needs."""
        groups, first = opened.groups, opened.headers["first"]
        begin = max(0, int(np.searchsorted(groups, first[n], side="right")) - 1)
        stop = max(begin + 1, int(np.searchsorted(groups, opened.ends[n], side="left")))
        upto = int(groups[stop]) if stop < len(groups) else opened.segment.end
        table = opened.file.read_row_groups(list(range(begin, stop))) if len(groups) else None
        found: list[Entry] = []
        size = 0
        while n < len(first) and opened.ends[n] <= upto:
            entry = _entry(opened, n, table)
            size += len(entry.payload)
            if found and size > max_bytes:
                break
            found.append(entry)
            n += 1
        return found

    def _straddling(self, segments: Sequence[Segment], opened: _Open, n: int) -> list[Entry]:
        """The entry ``n``, whose rows lie in several segments; none where not all of them are archived."""
        first, end = int(opened.headers["first"][n]), int(opened.ends[n])
        if end > segments[-1].end:
            return []
        offset = offset_column(opened.segment.stream)
        within: Any = [(offset, ">=", first), (offset, "<", end)]
        concerned = [segment for segment in segments if segment.first < end and segment.end > first]
        for segment in concerned:
            require_sound(segment, self._root)
        parts = [
            pq.read_table(self._root / segment.file, filters=within, page_checksum_verification=True)
            for segment in concerned
        ]
        return [_entry(opened, n, pa.concat_tables(parts))]

    def _opened(self, segment: Segment) -> _Open:
        for opened in self._open:
            if opened.segment == segment:
                return opened
        for entries in (False, True):
            require_sound(segment, self._root, entries=entries)
        headers = pq.read_table(self._root / segment.entries_file, page_checksum_verification=True)
        file = pq.ParquetFile(self._root / segment.file, page_checksum_verification=True)
        place = file.schema_arrow.get_field_index(offset_column(segment.stream))
        parts = [file.metadata.row_group(n).column(place).statistics for n in range(file.metadata.num_row_groups)]
        listed = {name: headers[name].to_pylist() for name in ("encrypted", "position")}
        arrays = {name: headers[name].to_numpy() for name in headers.column_names if name not in listed}
        ends = arrays["first"] + np.maximum(arrays["rows"], 1)
        groups = np.array([part.min for part in parts], np.int64)
        opened = _Open(segment, arrays, ends, listed["encrypted"], listed["position"], file, groups)
        self._open = (opened, *self._open[: _KEPT - 1])
        return opened


def _entry(opened: _Open, n: int, table: pa.Table | None) -> Entry:
    """The entry with header ``n`` of a segment; its rows are among those of ``table``."""
    segment, stream = opened.segment, STREAMS[opened.segment.stream]
    said: dict[str, Any] = {name: int(values[n]) for name, values in opened.headers.items()}
    payload = EMPTY
    if said["rows"] and table is not None:
        offsets = table[offset_column(segment.stream)].to_numpy()
        low, high = np.searchsorted(offsets, [said["first"], said["first"] + said["rows"]])
        rows = table.slice(int(low), int(high - low))
        columns = [_own(rows.column(place), field.type) for place, field in enumerate(stream.schema)]
        payload = encode(stream, pa.record_batch(columns, schema=stream.schema))
    if payload.rows != said["rows"]:
        raise Corrupt(
            f"{segment.stream} of {segment.producer} at {said['first']}: {payload.rows} rows, not {said['rows']}"
        )
    return Entry(
        EntryHeader(
            stream=segment.stream,
            producer=segment.producer,
            tenant=CellName.parse(segment.producer).tenant,
            version=payload.version,
            size=payload.size,
            encrypted=tuple(opened.encrypted[n]),
            position=opened.positions[n],
            codec=payload.codec,
            **said,
        ),
        payload.data,
    )


def _own(column: pa.ChunkedArray, type_: pa.DataType) -> pa.Array:
    """One array; a dictionary has the values of these rows only, as when the entry was written."""
    together: Any = column.combine_chunks()
    if not pa.types.is_dictionary(type_):
        return together.cast(type_)
    return together.cast(type_.value_type).dictionary_encode().cast(type_)
