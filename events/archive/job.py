"""One run of the archiver, in a process of its own that ends when it is done: `python -m events.archive.job`.

The libraries that it needs take 80 MB, and what it does keeps a core busy: neither is in a host, and it is nice to the rest.
It takes an ``Order`` (pickled) from standard input, and prints a ``Done`` (JSON, a line) for each range that it archived.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from events.archive.log import ArchivedSpec
from events.archive.segments import Segment
from events.archive.store import mirrored, store_of
from events.errors import Conflict, Corrupt, Transient
from events.log import LogReader

if TYPE_CHECKING:
    from events.archive.delta import StreamTable

_NICE = 10


class Range(msgspec.Struct, frozen=True):
    """Offsets ``[first, end)`` of one producer's stream."""

    stream: str
    producer: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to archive: ranges of one log, those of a stream in the order of their offsets."""

    log: ArchivedSpec
    ranges: tuple[Range, ...] = ()
    drop: tuple[Segment, ...] = ()
    """Segments that are not kept any more: where does what is kept begin?"""
    mirror: tuple[Segment, ...] = ()
    """All segments: the archive's store is to have their files, too."""
    sweep: tuple[Segment, ...] = ()
    """Segments that were dropped a while ago: their files go."""


class Done(msgspec.Struct, frozen=True):
    """A ``segment`` that is archived, to be dropped or swept, in the order that was asked for.

    Or why the run ends before the rest: ``corrupt`` where waiting is no help.
    """

    segment: Segment | None = None
    failure: str = ""
    corrupt: bool = False


def archive(log: LogReader, root: Path, ranges: Sequence[Range]) -> Generator[Segment, None, None]:
    """Archive one range after the other. One that is in its table already is not written again, but answered all the same.

    Raises ``Transient`` (full disk, another archiver at work) and ``Corrupt`` (the log lacks rows, or is not the log of this
    archive); what was answered before is in the archive.
    """
    from events.archive.delta import StreamTable

    tables: dict[str, StreamTable] = {}
    with alone(root):
        for wanted in ranges:
            try:
                table = tables.get(wanted.stream) or tables.setdefault(wanted.stream, StreamTable(root, wanted.stream))
                yield _archived(log, root, table, wanted)
            except Conflict as error:
                raise Transient(str(error), 5.0) from error
            except OSError as error:
                raise Transient(
                    f"{root}: disk full or not writable ({error}); make room for the archive", 30.0
                ) from error


def _archived(log: LogReader, root: Path, table: StreamTable, wanted: Range) -> Segment:
    from events.archive.files import write

    end = table.end(wanted.producer)
    if end > wanted.first:
        segment = table.recorded(wanted.producer, wanted.first)
        if segment is None or not _agrees(log, segment):
            raise Corrupt(
                f"the archive has {wanted.stream} of {wanted.producer} up to offset {end}, and the log records it up to "
                f"{wanted.first}: they are not of one system; restore both from one backup, or move {root} away"
            )
        return segment
    if end < wanted.first:
        raise Corrupt(
            f"the archive's table has {wanted.stream} of {wanted.producer} up to offset {end}, and the log records it up to "
            f"{wanted.first}; restore {root} from a backup"
        )
    segment = write(log, root, (wanted.stream, wanted.producer), wanted.first, wanted.end)
    table.add(segment, time.time_ns() // 1_000_000)
    return segment


def _agrees(log: LogReader, segment: Segment) -> bool:
    """Whether the log has the entry that the segment ends with."""
    entries = log.read(segment.stream, segment.producer, segment.end - 1, 1)
    return bool(entries) and entries[0].header.first < segment.end and entries[0].header.chain.hex() == segment.chain


def dropping(log: LogReader, segments: Sequence[Segment]) -> Generator[Segment, None, None]:
    """``segments``, each with the offset as its ``end`` where the first entry begins that lies wholly after it."""
    for segment in segments:
        entries = log.read(segment.stream, segment.producer, segment.end, 1)
        begins = bool(entries) and entries[0].header.first < segment.end
        yield msgspec.structs.replace(segment, end=entries[0].header.end) if begins else segment


def sweep(root: Path, segments: Sequence[Segment]) -> Generator[Segment, None, None]:
    """Delete the files of dropped ``segments``, and take them out of their tables. What is gone already is no error."""
    from events.archive.delta import StreamTable

    with alone(root):
        bucket = store_of(root)
        for segment in segments:
            names = (segment.file, segment.entries_file)
            if bucket is not None:
                bucket.remove(names)
            for name in names:
                (root / name).unlink(missing_ok=True)
            yield segment
        for stream in sorted({segment.stream for segment in segments}):
            StreamTable(root, stream).forget({segment.file for segment in segments})


def mirror(root: Path, segments: Sequence[Segment]) -> None:
    """Bring what the archive's store lacks there. Raises ``Transient`` where it does not answer: here all is safe, and the
    next run brings it."""
    if segments and store_of(root) is not None:
        with alone(root):
            for _ in mirrored(root, segments):
                pass


@contextmanager
def alone(root: Path) -> Generator[None, None, None]:
    """Nobody else adds to the archive meanwhile. Raises ``Transient`` where another process does, or copies it."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (root / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Transient(
                f"another process archives to {root}, or makes a backup of it; it is tried again", 5.0
            ) from None
        yield


def main() -> None:
    """Do what standard input asks for."""
    os.nice(_NICE)
    order: Order = pickle.load(sys.stdin.buffer)  # from the host that started this process
    log = order.log.open(woken=False)
    try:
        for segment in archive(log, order.log.root, order.ranges) if order.ranges else ():
            _tell(Done(segment))
        for segment in dropping(log, order.drop):
            _tell(Done(segment))
        for segment in sweep(order.log.root, order.sweep) if order.sweep else ():
            _tell(Done(segment))
        mirror(order.log.root, order.mirror)
    except (Transient, Corrupt) as error:
        _tell(Done(failure=str(error), corrupt=isinstance(error, Corrupt)))
    except BrokenPipeError:  # whoever asked is gone; the next run finds what is written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        log.close()


def _tell(done: Done) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
