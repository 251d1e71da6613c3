"""A stream as a dataset that DuckDB scans: lazily, any number of times, with its columns and filters pushed down.

Files of the archive that cannot have a row which the filter wants are not opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from events.archive.files import damaged, offset_column, require_sound
from events.archive.segments import Segment
from query.history import Archived

Part = Archived | pa.RecordBatch
_BATCH_ROWS = 65_536


class Scan(NamedTuple):
    """What DuckDB needs of a scanner. The thread that reads it does the reading.

    Not a scanner of Arrow's: that one reads in a thread of a pool, waits there for what this reads with further threads
    of the same pool, and so many scans at once as there are threads wait for each other for ever.
    """

    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.schema, self.batches())


class StreamTable(ds.Dataset):  # pyright: ignore[reportUntypedBaseClass]
    """A dataset for DuckDB that may be scanned any number of times; columns and filters are pushed into the scan.

    ``parts`` are read anew for each scan; ``failed`` hears of an error before DuckDB does, which would only keep its words.
    ``first_unused``: whether nobody looks at the first column. DuckDB asks for it where it only counts rows; it is null
    then, and no file is read for it.
    """

    def __init__(
        self,
        schema: pa.Schema,
        root: Path,
        parts: Callable[[], Iterator[Part]],
        failed: Callable[[Exception], None],
        first_unused: Callable[[], bool] = lambda: False,
    ) -> None:
        self._columns = schema
        self._root = root
        self._parts = parts
        self._failed = failed
        self._first_unused = first_unused

    @property
    def schema(self) -> pa.Schema:
        return self._columns

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> Scan:  # pyright: ignore[reportIncompatibleMethodOverride]
        first = self._columns.field(0)
        if self._first_unused() and columns == [first.name]:
            columns = {first.name: ds.scalar(pa.scalar(None, first.type))}  # pyright: ignore[reportAssignmentType]
        wanted = ds.Scanner.from_batches([], schema=self._columns, columns=columns, filter=filter).projected_schema
        return Scan(wanted, lambda: self._scanned(columns, filter))

    def _scanned(self, columns: Sequence[str] | None, wanted: Any) -> Iterator[pa.RecordBatch]:
        try:
            for archived, parts in groupby(self._parts(), key=_kind):
                if archived:
                    yield from self._archived(list(parts), columns, wanted)  # pyright: ignore[reportArgumentType]
                else:
                    for batch in parts:
                        yield from ds.dataset([batch]).to_batches(columns=columns, filter=wanted)
        except Exception as error:
            self._failed(error)
            raise

    def _archived(self, parts: list[Archived], columns: Sequence[str] | None, wanted: Any) -> Iterator[pa.RecordBatch]:
        for cut, some in groupby(parts, key=lambda part: None if part.whole else part):
            found = wanted
            if cut:
                place = ds.field(offset_column(cut.segment.stream))
                within = (place >= cut.first) & (place < cut.end)
                found = within if wanted is None else wanted & within
            segments = self._concerned([part.segment for part in some], found)
            for segment in segments:
                require_sound(segment, self._root)
            try:
                yield from self._dataset(segments).to_batches(
                    columns=columns, filter=found, batch_size=_BATCH_ROWS, batch_readahead=4, fragment_readahead=2
                )
            except (OSError, pa.ArrowInvalid) as error:
                raise damaged(
                    segments[0], self._root, f"or a file after it, up to {segments[-1].end}: {error}"
                ) from error

    def _concerned(self, segments: Sequence[Segment], wanted: Any) -> Sequence[Segment]:
        """The segments that may have rows which the filter wants."""
        if wanted is None:
            return segments
        paths = {fragment.path for fragment in self._dataset(segments).get_fragments(wanted)}
        return [segment for segment in segments if str(self._root / segment.file) in paths]

    def _dataset(self, segments: Sequence[Segment]) -> ds.Dataset:
        labels = [field.name for field in self._columns if pa.types.is_dictionary(field.type)]
        form = ds.ParquetFileFormat(
            read_options=ds.ParquetReadOptions(dictionary_columns=labels),
            default_fragment_scan_options=ds.ParquetFragmentScanOptions(
                page_checksum_verification=True, pre_buffer=True
            ),
        )
        disk = fs.LocalFileSystem()
        fragments = [
            form.make_fragment(str(self._root / segment.file), disk, partition_expression=_known(segment))
            for segment in segments
        ]
        return ds.FileSystemDataset(fragments, self._columns, form, disk)


def _kind(part: Part) -> bool:
    return isinstance(part, Archived)


def _known(segment: Segment) -> ds.Expression:
    """What holds of every row of a segment: the scan passes over files of which the filter wants none."""
    place = ds.field(offset_column(segment.stream))
    known = (place >= segment.first) & (place < segment.end)
    for name, least, most in (
        ("time", segment.earliest, segment.latest),
        ("received", segment.earliest_received, segment.latest_received),
    ):
        if least is not None and most is not None:
            known = known & (ds.field(name) >= _time(least)) & (ds.field(name) <= _time(most))
    return known


def _time(us: int) -> pa.Scalar:
    return pa.scalar(us, pa.timestamp("us", tz="UTC"))
