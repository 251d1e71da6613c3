"""Delta tables: the archive's files as one table a stream, for whatever else reads them.

Only a process that archives loads this module: the library takes 60 MB. A range is committed exactly once: the table itself
says how far each producer is archived (Delta's application transactions), and a commit on an older state of it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from events.archive.files import file_schema, offset_column
from events.archive.segments import Segment
from events.errors import Conflict, Corrupt

_NOTE = "hindcast.segment"
_LOG = "_delta_log"


class StreamTable:
    """The Delta table of one stream below ``root``; made where there is none.

    Raises ``Corrupt`` for one that cannot be read, or has other columns; ``OSError`` where it cannot be made.
    """

    def __init__(self, root: Path, stream: str) -> None:
        self._stream = stream
        self._schema = pa.schema([f.with_type(_stored(f.type)) for f in file_schema(stream)])
        folder = root / stream
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._table = _opened(folder) or self._made(folder)
        self._check_columns()

    def _made(self, folder: Path) -> DeltaTable:
        try:
            return DeltaTable.create(folder, self._schema, mode="ignore", name=self._stream)
        except DeltaError as error:
            raise OSError(None, f"the table of {self._stream}: {_first_line(error)}") from error

    def _check_columns(self) -> None:
        """Delta casts what it is given without a word, so columns are compared before anything is added."""
        there = {f.name: f.type for f in pa.schema(self._table.schema().to_arrow())}
        wrong = [
            f"{f.name} is {there[f.name]}, not {f.type}"
            for f in self._schema
            if f.name in there and _plain(there[f.name]) != _plain(f.type)
        ]
        missing = [f.name for f in self._schema if f.name not in there]
        if wrong or missing:
            said = "; ".join([*wrong, *(f"{name} is missing" for name in missing)])
            raise Corrupt(
                f"the archive's table of {self._stream} has other columns ({said}); move {self._table.table_uri} away"
            )

    def end(self, producer: str) -> int:
        """The offset up to which the producer's rows are in the table."""
        return self._table.transaction_version(producer) or 0

    def recorded(self, producer: str, first: int) -> Segment | None:
        """The segment of ``producer`` that begins at ``first``, if the table has it."""
        for commit in self._table.history():
            if note := commit.get(_NOTE):
                segment = msgspec.json.decode(note, type=Segment)
                if (segment.producer, segment.first) == (producer, first):
                    return segment
        return None

    def add(self, segment: Segment, at_ms: int) -> None:
        """Make the segment's file part of the table. Raises ``Conflict`` where another archiver was there first."""
        action = AddAction(
            path=segment.file.partition("/")[2],
            size=segment.bytes,
            partition_values={},
            modification_time=at_ms,
            data_change=True,
            stats=json.dumps(_statistics(segment)),
        )
        properties = CommitProperties(
            custom_metadata={_NOTE: msgspec.json.encode(segment).decode()},
            max_commit_retries=3,
            app_transactions=[Transaction(segment.producer, segment.end)],
        )
        try:
            self._table.create_write_transaction([action], "append", self._schema, commit_properties=properties)
            self._table.update_incremental()
        except CommitFailedError as error:
            raise Conflict(
                f"another archiver wrote {segment.stream} of {segment.producer}: {_first_line(error)}"
            ) from error
        except DeltaError as error:
            raise OSError(None, f"the table of {segment.stream}: {_first_line(error)}") from error

    def forget(self, files: Collection[str]) -> None:
        """Take ``files``, which are deleted, out of the table.

        Nothing is done where others are missing, too: those may come back from a backup.
        """
        gone = set(self._table.repair(dry_run=True)["files_removed"])
        if gone and gone <= {file.partition("/")[2] for file in files}:
            self._table.repair()


def lacking(root: Path, stream: str, segments: Collection[Segment]) -> Iterator[str]:
    """What is wrong with the Delta table of a stream in which ``segments`` are to be, in words.

    Hindcast's own questions do not need the table: the archiver does, and other programs.
    """
    folder = root / stream
    remedy = f"restore {folder / _LOG} from a backup; until then nothing more of {stream} is archived"
    try:
        table = _opened(folder)
    except Corrupt as error:
        yield str(error)
        return
    if table is None:
        yield f"the archive has no table of {stream}: {folder / _LOG} is missing; {remedy}"
        return
    there = {path.removeprefix("./") for path in _paths(table)}
    missing = [segment.file for segment in segments if segment.file.partition("/")[2] not in there]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield f"the archive's table of {stream} lacks {missing[0]}{more}; {remedy}"


def _opened(folder: Path) -> DeltaTable | None:
    """The table in ``folder``; None where there is none. Raises ``Corrupt``."""
    try:
        return DeltaTable(folder)
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise Corrupt(
            f"the archive's table in {folder} cannot be read ({_first_line(error)}); restore {folder / _LOG} from a backup"
        ) from error


def _paths(table: DeltaTable) -> list[str]:
    """The files of a table, by their place below its folder."""
    return pa.table(table.get_add_actions(flatten=True))["path"].to_pylist()


def _first_line(error: Exception) -> str:
    """Without the calls inside of the library, which follow."""
    return str(error).partition("\n")[0]


def _stored(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _plain(type_: pa.DataType) -> str:
    """The type's name, whatever the width of its offsets: Arrow has several of one text."""
    return str(type_).replace("large_", "").replace("_view", "").replace("element", "item")


def _statistics(segment: Segment) -> dict[str, Any]:
    """The file's statistics. Readers take times as milliseconds, so the largest is the next one that is not below it."""
    offset = offset_column(segment.stream)
    low: dict[str, Any] = {offset: segment.first}
    high: dict[str, Any] = {offset: segment.end - 1}
    for name, least, most in (
        ("time", segment.earliest, segment.latest),
        ("received", segment.earliest_received, segment.latest_received),
    ):
        if least is not None and most is not None:
            low[name], high[name] = _iso(least // 1000), _iso(most // 1000 + 1)
    return {"numRecords": segment.rows, "minValues": low, "maxValues": high, "nullCount": {}}


def _iso(ms: int) -> str:
    return pa.scalar(ms * 1000, pa.timestamp("us")).as_py().isoformat(timespec="milliseconds") + "Z"
