"""Is anything left of a person? A search over every file of a folder, as it is and unpacked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from events.entry import Entry, decode_header, encode_header
from events.erasure.identifiers import Identifiers
from events.errors import Corrupt
from events.sqlite_schema import SUFFIX, cell_name, open_reader

_CHUNK, _OVERLAP = 4 << 20, 4_096
MOST = 100


def remains(folder: Path, who: Identifiers) -> list[str]:
    """Where a name still stands, in words; a hundred places at most. Raises ``OSError``.

    Each file is searched as it lies on the disk. Cells and Parquet files are unpacked, too: payloads, headers, positions,
    journals, saved states; columns. Where somebody else's name begins or ends like one that is looked for, compression may
    cut it just there: of such a file only what is unpacked counts.
    """
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found += (f"{path.relative_to(folder)}: {place}" for place in _places(path, who))
        if len(found) >= MOST:
            break
    return found[:MOST]


def _places(path: Path, who: Identifiers) -> Iterator[str]:
    if who.within(path.name.encode()):
        yield "its name"
    unpacked = _cell(path) if path.suffix == SUFFIX else _parquet(path) if path.suffix == ".parquet" else iter(())
    alike = False
    for place, data in unpacked:
        if who.within(data):
            yield place
        alike = alike or who.may_be_in(data)
    if not alike and _raw(path, who):
        yield "its bytes"


def _raw(path: Path, who: Identifiers) -> bool:
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if who.within(before + chunk):
                return True
            before = chunk[-_OVERLAP:]
    return False


def _cell(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        db = open_reader(path, cell_name(path.stem))
    except Corrupt:
        return  # no cell's file
    try:
        for header, payload in db.execute("SELECT header, payload FROM entry"):
            entry = Entry(decode_header(header), payload)
            yield (
                f"{entry.header.stream} at offset {entry.header.first}",
                encode_header(entry.header) + _unpacked(entry),
            )
        for table, column in (("snapshot", "data"), ("lasting", "data"), ("piece", "data"), ("commits", "journal")):
            for number, data in db.execute(f"SELECT rowid, {column} FROM {table}" if table != "piece" else
                                           "SELECT name, data FROM piece"):  # fmt: skip
                yield from ((f"{table} {number}", form) for form in _forms(data or b""))
    finally:
        db.close()


def _unpacked(entry: Entry) -> bytes:
    if entry.header.rows == 0:
        return entry.payload
    return pa.Codec(entry.header.codec).decompress(entry.payload, entry.header.size, asbytes=True)


def _forms(data: bytes) -> Iterator[bytes]:
    yield data
    try:
        yield zlib.decompress(data)
    except zlib.error:
        return


def _parquet(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):
        return
    for number, batch in enumerate(file.iter_batches()):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield f"rows of batch {number}", sink.getvalue().to_pybytes()
