"""The archive's files: the rows of a range of offsets as Parquet, and beside them the headers of its entries."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from pyarrow import compute

from events.archive.segments import Segment
from events.archive.store import store_of
from events.entry import Entry, EntryHeader
from events.envelope import CellName
from events.errors import Corrupt
from events.log import LogReader, Source
from events.tables import columns_of, rows_within

pc: Any = compute  # its functions are made at import, where no type checker sees them
ROW_GROUP = 65_536
"""Rows written, and later read or passed over, at once."""
COMMIT = pa.field("row_commit", pa.int64())
"""In the files after the table's own columns: the commit that each row came with."""
HEADERS = pa.schema(
    [
        *((name, pa.int64()) for name in ("first", "rows", "commit", "committed", "epoch", "watermark")),
        ("encrypted", pa.list_(pa.string())),
        ("position", pa.binary()),
    ]
)
"""Of each entry that has a place in the range, also of those without rows."""
_READ_BYTES = 8 << 20
_IN_STEPS = ("row_offset", "offset", "row_commit", "time", "received")
"""Columns that grow row by row: stored as differences."""


@cache
def file_schema(stream: str) -> pa.Schema:
    """The columns of a stream's Parquet files."""
    return columns_of(stream).append(COMMIT)


def offset_column(stream: str) -> str:
    """What the files of a stream call the place of a row."""
    return columns_of(stream).names[-2]


def file_of(stream: str, producer: str, first: int, end: int) -> str:
    """Where a range's rows are, below the archive's folder."""
    return f"{stream}/{'+'.join(map(str, CellName.parse(producer)))}/{first:015d}-{end:015d}.parquet"


class _Spans:
    """Smallest and largest of the event times and of the times of receipt, microseconds UTC."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[int, int]] = {}
        self._open: set[str] = set()
        """Columns with a row that has no time: nothing may be concluded from the others."""

    def take(self, table: pa.Table) -> None:
        for name in ("time", "received"):
            found = pc.min_max(table[name].cast(pa.int64()))
            low, high = found["min"].as_py(), found["max"].as_py()
            if table[name].null_count:
                self._open.add(name)
            elif low is not None:
                old = self._of.get(name, (low, high))
                self._of[name] = (min(old[0], low), max(old[1], high))

    def get(self, name: str) -> tuple[int | None, int | None]:
        return (None, None) if name in self._open else self._of.get(name, (None, None))


def write(log: LogReader, root: Path, source: Source, first: int, end: int) -> Segment:
    """Write what ``log`` has of ``source`` in ``[first, end)`` to ``root``; the files are durable when this returns.

    Files of an attempt before are written over. Raises ``Corrupt`` where the log lacks some of it, ``OSError`` (disk full).
    """
    stream, producer = source
    name = file_of(stream, producer, first, end)
    spans, headers, chain = _Spans(), list[EntryHeader](), b""
    with Draft(root / name) as draft:
        writer = pq.ParquetWriter(draft.file, file_schema(stream), **properties(file_schema(stream)))
        with writer:
            written = 0
            for entries in _groups(log, source, first, end):
                headers += [entry.header for entry in entries]
                chain = entries[-1].header.chain
                table = rows_of(entries, first, end)
                spans.take(table)
                written += table.num_rows
                if table.num_rows:
                    writer.write_table(table, ROW_GROUP)
    earliest, latest = spans.get("time")
    received = spans.get("received")
    segment = Segment(
        stream,
        producer,
        first,
        end,
        written,
        name,
        draft.size,
        draft.checksum,
        "",
        earliest,
        latest,
        *received,
        chain.hex(),
    )
    with Draft(root / segment.entries_file) as aside:
        pq.write_table(_headers_table(headers), aside.file, compression="zstd", write_page_checksum=True)
    return msgspec.structs.replace(segment, entries_checksum=aside.checksum)


def properties(schema: pa.Schema) -> dict[str, Any]:
    steps = {name: "DELTA_BINARY_PACKED" for name in schema.names if name in _IN_STEPS}
    plain = [name for name in schema.names if name not in steps]
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": plain,
        "column_encoding": steps,
        "write_page_checksum": True,
    }


def _groups(log: LogReader, source: Source, first: int, end: int) -> Iterator[list[Entry]]:
    """All entries with a place in the range, some 65,536 rows at a time."""
    at, held, n = first, list[Entry](), 0
    while at < end:
        entries = log.read(*source, at, _READ_BYTES)
        if not entries or entries[0].header.first > at:
            raise Corrupt(
                f"{source[0]} of {source[1]}: the log has no offset {at}, which is to be archived up to {end}"
            )
        for entry in entries:
            if entry.header.first >= end:
                break
            held.append(entry)
            n += entry.header.rows
            if n >= ROW_GROUP:
                yield held
                held, n = [], 0
        at = entries[-1].header.end
    if held:
        yield held


def rows_of(entries: Sequence[Entry], first: int, end: int) -> pa.Table:
    """The rows of ``entries`` with offsets in ``[first, end)``, with the columns of the archive's files."""
    batch = rows_within(entries, first, end)
    offsets = batch.column(batch.num_columns - 2).to_numpy()
    starts = [entry.header.first for entry in entries]
    commits = np.array([entry.header.commit for entry in entries])[np.searchsorted(starts, offsets, side="right") - 1]
    return pa.Table.from_arrays(
        [*batch.columns, pa.array(commits, pa.int64())], schema=file_schema(entries[0].header.stream)
    )


def _headers_table(headers: Sequence[EntryHeader]) -> pa.Table:
    return pa.table({f.name: [getattr(h, f.name) for h in headers] for f in HEADERS}, schema=HEADERS)


class Draft:
    """A file that appears under its name only when it is whole and durable; after an error nothing is left of it.

    What an attempt left that was killed goes, too: only one process writes to an archive at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.{os.getpid()}.part")
        self.size = 0
        self.checksum = ""

    def __enter__(self) -> Draft:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._path.parent.glob(f"{self._path.name}.*.part"):
            left.unlink(missing_ok=True)
        descriptor = os.open(self._part, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
        self.file = os.fdopen(descriptor, "w+b")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.file.flush()
                os.fsync(self.file.fileno())
                self.size = self._part.stat().st_size
                self.checksum = checksum_of(self._part)
                self.file.close()
                self._part.rename(self._path)
                _sync_folder(self._path.parent)
        finally:
            self._part.unlink(missing_ok=True)
            with suppress(OSError):  # on a full disk closing writes once more, and fails again
                self.file.close()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checksum_of(path: Path) -> str:
    """xxh3-128 of a file, hexadecimal."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def damaged(segment: Segment, root: Path, why: object) -> Corrupt:
    """The error for a segment whose files are not as they were written: it names file, range and remedy."""
    return Corrupt(
        f"the archive of {segment.stream}, offsets {segment.first} to {segment.end} of {segment.producer}: {why}; "
        f"restore it from a backup (below {root}); `hindcast verify` names every file that is damaged"
    )


def require_sound(segment: Segment, root: Path, *, entries: bool = False) -> None:
    """Raises ``Corrupt`` where the file of a segment, or the one with its entries, is not what was written.

    Parquet leaves the headers of pages and the footer out of its checksums, and one bit there can hide rows. So a file is
    read whole when a process opens it for the first time, and again when it was changed.
    """
    name, checksum = (segment.entries_file, segment.entries_checksum) if entries else (segment.file, segment.checksum)
    path = root / name
    try:
        found = _here(root, name).stat()
        sound = _has_checksum(str(path), found.st_mtime_ns, found.st_size, checksum)
    except OSError as error:
        raise damaged(segment, root, f"{path} cannot be read ({error.strerror})") from error
    if not sound:
        raise damaged(segment, root, f"{path} is not what was written")


def _here(root: Path, name: str) -> Path:
    """The file, which is fetched from the archive's store where it is not on the disk (any more)."""
    path = root / name
    if not path.exists():
        bucket = store_of(root)
        if bucket is not None:
            bucket.fetch(name)
    return path


@lru_cache(maxsize=65_536)
def _has_checksum(path: str, changed_ns: int, size: int, checksum: str) -> bool:
    return checksum_of(Path(path)) == checksum


def unsound(segment: Segment, root: Path) -> Iterator[str]:
    """What is wrong with a segment's files, in words: missing, or other bytes than were written."""
    for name, checksum in ((segment.file, segment.checksum), (segment.entries_file, segment.entries_checksum)):
        path = root / name
        try:
            found = checksum_of(_here(root, name))
        except FileNotFoundError:
            yield f"{path} is missing"
        except OSError as error:
            yield f"{path} cannot be read ({error.strerror})"
        else:
            if found != checksum:
                yield f"{path} is not what was written: its checksum is {found}, not {checksum}"
