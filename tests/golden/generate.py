"""Writes the golden files that are missing. Never overwrites one: see README.md."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from events.catalog import STREAMS, Stream, rows
from events.entry import EMPTY, NO_WATERMARK, Entry, EntryHeader, chain, encode
from events.log import Commit, EventLog, JournalRow, Output, Snapshot
from events.sqlite_log import SqliteLog
from tests.golden import models, states

HERE = Path(__file__).parent
CELL = "demo/golden/0"
SAMPLES: dict[str, tuple[Any, Any]] = {
    "string": ("a word", 'é "quoted" \n \u0000 😀 ' + "x" * 300),
    "binary": (b"\x00\x01", b"\xff" * 40),
    "timestamp": (1_780_000_000_000_000, -1),
    "int64": (42, -(2**63)),
    "int32": (7, 2**31 - 1),
    "int8": (1, -1),
    "double": (0.1, -1.7976931348623157e308),
    "bool": (True, False),
    "list<item: string>": (["a word"], ["", 'é "quoted" 😀', "x" * 300]),
}
REQUIRED = ("type", "time")


def sample(stream: Stream) -> pa.RecordBatch:
    """Three rows: every column, only what is required, awkward values."""
    columns: dict[str, list[Any]] = {}
    for field in stream.schema:
        type_ = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        plain, awkward = SAMPLES[str(type_).partition("[")[0]]
        columns[field.name] = [plain, plain if field.name in REQUIRED else None, awkward]
    return rows(stream, columns, 3)


def entry_of(stream: Stream, position: bytes = b"") -> Entry:
    payload = encode(stream, sample(stream))
    header = EntryHeader(
        stream=stream.name,
        producer=CELL,
        tenant="demo",
        first=1_000,
        rows=payload.rows,
        commit=17,
        committed=1_780_000_000_123_456,
        epoch=3,
        version=payload.version,
        watermark=1_779_999_999_000_000,
        codec=payload.codec,
        size=payload.size,
        chain=chain(b"0123456789abcdef", payload.data),
        position=position,
    )
    return Entry(header, payload.data)


def plain_header(header: EntryHeader) -> dict[str, Any]:
    """The header as JSON values; a field that was added later is left out where it holds its default."""
    fields = {**msgspec.structs.asdict(header), "chain": header.chain.hex()}
    for later in ("position", "tombstone"):
        if not fields[later]:
            del fields[later]
    return json.loads(msgspec.json.encode(fields))


def plain_rows(batch: pa.RecordBatch) -> dict[str, list[Any]]:
    """Columns as JSON values: times in microseconds, bytes as hex."""
    plain: dict[str, list[Any]] = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        values = (column.cast(pa.int64()) if pa.types.is_timestamp(field.type) else column).to_pylist()
        plain[field.name] = [v.hex() if isinstance(v, bytes) else v for v in values]
    return plain


def journaled(log: EventLog) -> None:
    """The story that ``journal.v1`` tells."""
    ticks, commands = STREAMS["clock"], STREAMS["control"]
    lease = log.acquire(CELL, [ticks.name, commands.name])
    tick = encode(ticks, rows(ticks, {"type": "clock.ticked", "time": [10, 20, 30]}, 3))
    command = encode(commands, rows(commands, {"type": "rule.created", "data": '{"id":"r1"}'}, 1))
    feed, other = ("user_interactions", "demo/user_interactions/0"), ("metrics", "démo/metrics/63")
    story = [
        Commit(0, b"1:1", 1_000, (JournalRow(0, *feed, 0, 500, 1),), (Output(ticks.name, tick, 30),)),
        Commit(
            1, b"1:2", 900, (JournalRow(0, *feed, 500, 510, 1, (503, 509)), JournalRow(0, *other, 2**40, 2**40 + 1, 2))
        ),
        Commit(2, b"1:3", 2_000, outputs=(Output(commands.name, command), Output(ticks.name, EMPTY, 40))),
        Commit(3, b"1:4", 3_000, (JournalRow(0, *feed, 510, 511, 1),), (), Snapshot(3, "x86_64", b"state")),
        Commit(4, b"1:5", 4_000, outputs=(Output(ticks.name, tick, NO_WATERMARK), Output(ticks.name, tick, 60))),
    ]
    for commit in story:
        log.commit(lease, commit)
    log.trim(ticks.name, CELL, 4)


def told(log: EventLog) -> dict[str, Any]:
    """All that can be read from ``journal.v1``, as JSON values."""
    entries = [e for stream in ("clock", "control") for e in log.read(stream, CELL, 0, 1 << 20)]
    return {
        "last_commit": list(log.last_commit(CELL)),
        "journal": [json.loads(msgspec.json.encode(row)) for row in log.journal(CELL, 0)],
        "snapshots": [
            {
                "commit": r.commit,
                "version": r.snapshot.fold_version,
                "arch": r.snapshot.arch,
                "data": r.snapshot.data.hex(),
            }
            for r in log.snapshots(CELL)
        ],
        "entries": [{"header": plain_header(e.header), "rows": plain_rows(e.batch())} for e in entries],
    }


def files() -> Iterator[tuple[Path, bytes]]:
    """Every golden file of today's versions, and what would be written to it."""
    entries = {f"{stream.name}.v{stream.version}": entry_of(stream) for stream in STREAMS.values()}
    entries["positioned.v1"] = entry_of(STREAMS["user_interactions"], b"\x00line 7 of a file")
    for name, entry in entries.items():
        path = HERE / "entries" / f"{name}.entry"
        yield path, entry.to_bytes()
        decoded = {"header": plain_header(entry.header), "rows": plain_rows(entry.batch())}
        yield path.with_suffix(".json"), json.dumps(decoded, indent=1, ensure_ascii=False).encode() + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        log = SqliteLog(folder)
        journaled(log)
        story = json.dumps(told(log), indent=1, ensure_ascii=False).encode() + b"\n"
        log.close()
        (db,) = (Path(folder) / "cells").glob("*.db")
        yield HERE / "journal.v1.db", db.read_bytes()
        yield HERE / "journal.v1.json", story
    for name, data in (*models.files(), *states.files()):
        yield HERE / name, data


def main() -> None:
    """Raises ``FileExistsError`` where nothing is missing: there is nothing for it to do."""
    missing = [(path, data) for path, data in files() if not path.exists()]
    if not missing:
        raise FileExistsError("every golden file is there, and none is ever written again; see README.md")
    for path, data in missing:
        path.parent.mkdir(exist_ok=True)
        with path.open("xb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
