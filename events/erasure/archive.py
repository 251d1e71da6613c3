"""An archive without a person: files that name the person are written anew, and so is the Delta table of their stream."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from events.archive.files import ROW_GROUP, Draft, properties, require_sound
from events.archive.segments import DROPPED, Segment, Segments, recorded, told
from events.archive.store import FILE, store_of
from events.erasure.identifiers import Identifiers
from events.erasure.log import Counted, Touched
from events.erasure.rows import erased
from events.log import LogReader

BLOCKS = "blocks"


def rewrite(
    log: LogReader, root: Path, into: Path, tenant: str, who: Identifiers, touched: Touched
) -> dict[str, Segment]:
    """Make the archive of ``root`` in ``into``, the rows of ``tenant`` without ``who``.

    Answers the segments that are other ones now, by file.

    Files that are not touched are the same ones (hard links). Left out are blocks, which are made again, and files that the
    log does not name (any more): what was dropped, and what a run that was killed left. Raises ``Corrupt``
    for a damaged file, and ``OSError``.
    """
    into.mkdir(mode=0o700, parents=True)
    known = Segments(log, root)
    known.refresh()
    changed: dict[str, Segment] = {}
    for source, shelf in known.shelves():
        for segment in shelf.segments if source[1].startswith(f"{tenant}/") else ():
            require_sound(segment, root)
            found = _rewritten(segment, root, into, who, touched.setdefault(source, Counted()))
            if found is not None:
                changed[segment.file] = found
    kept = {file for _, shelf in known.shelves() for one in shelf.segments for file in (one.file, one.entries_file)}
    there = {str(path.relative_to(root)) for path in root.rglob("*.parquet")}
    streams = {file.partition("/")[0] for file in (*changed, *(there - kept)) if not file.startswith(f"{BLOCKS}/")}
    _linked(root, into, there & kept - set(changed))
    _linked(root, into, [FILE] if (root / FILE).exists() else ())
    for stream in sorted({path.parent.name for path in root.glob("*/_delta_log")}):
        if stream in streams:
            _table(into, stream, known, changed)
        else:
            _linked(root, into, {str(path.relative_to(root)) for path in (root / stream / "_delta_log").rglob("*")})
    return changed


def forget_elsewhere(root: Path, changed: Iterable[str]) -> None:
    """Delete in the archive's store what is written anew, and the tables of its streams; the next start brings both there.

    Raises ``Transient`` where it does not answer.
    """
    bucket = store_of(root)
    files = set(changed)
    if bucket is not None and files:
        logs = tuple(f"{stream}/_delta_log/" for stream in {file.partition("/")[0] for file in files})
        bucket.remove([name for name in bucket.has() if name in files or name.startswith(logs)])


def _rewritten(segment: Segment, root: Path, into: Path, who: Identifiers, counted: Counted) -> Segment | None:
    """The segment as it is without the person, written; None where the person is not in it."""
    file = pq.ParquetFile(root / segment.file, page_checksum_verification=True)
    if not any(erased(batch, segment.stream, who).touched for batch in file.iter_batches(ROW_GROUP)):
        return None
    schema = file.schema_arrow
    with Draft(into / segment.file) as draft, pq.ParquetWriter(draft.file, schema, **properties(schema)) as writer:
        for batch in file.iter_batches(ROW_GROUP):
            found = erased(batch, segment.stream, who)
            counted.rows += found.rows
            counted.mentions += found.mentions
            writer.write_table(pa.Table.from_batches([found.batch]), ROW_GROUP)
    counted.segments += 1
    return msgspec.structs.replace(segment, bytes=draft.size, checksum=draft.checksum)


def _linked(root: Path, into: Path, files: Iterable[str]) -> None:
    for place in sorted(files):
        path = root / place
        if path.is_dir() or path.suffix == ".part":
            continue
        (into / place).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.link(path, into / place)
        except OSError:  # a disk without hard links
            shutil.copy2(path, into / place)


def _table(into: Path, stream: str, known: Segments, changed: Mapping[str, Segment]) -> None:
    """The Delta table of a stream, made anew: how far each producer is archived, and which files there are."""
    from events.archive.delta import StreamTable

    table = StreamTable(into, stream)
    dropped: set[str] = set()
    for source, shelf in known.shelves():
        if source[0] != stream:
            continue
        for segment in sorted((*shelf.dropped, *shelf.segments), key=lambda one: one.first):
            if segment in shelf.dropped:
                dropped.add(segment.file)
            table.add(changed.get(segment.file, segment), 0)
    gone = {file for file in dropped if not (into / file).exists()}
    if gone:
        table.forget(gone)


def renewed(batch: pa.RecordBatch, changed: Mapping[str, Segment]) -> pa.RecordBatch:
    """Rows of the stream ``segments`` that say of the files what holds now; the same batch where nothing is to be said."""
    found = list(recorded(batch))
    if not any(segment.file in changed for _, segment in found):
        return batch
    parts: list[pa.RecordBatch] = []
    for row, (kind, segment) in enumerate(found):
        new = changed.get(segment.file)
        if new is None:
            parts.append(batch.slice(row, 1))
            continue
        end = segment.end if kind == DROPPED else new.end
        said = told([msgspec.structs.replace(segment, bytes=new.bytes, checksum=new.checksum, end=end)], 0, kind)
        kept = batch.slice(row, 1)
        names = {"bytes", "checksum"}
        columns = [said.column(f.name) if f.name in names else kept.column(f.name) for f in batch.schema]
        parts.append(pa.record_batch(columns, schema=batch.schema))
    return pa.Table.from_batches(parts).unify_dictionaries().combine_chunks().to_batches()[0]
