"""A log that moves: from files to a server, and back, while the system is stopped.

Everything is copied as it is (entries, commits, their times and epochs, saved states), then both logs are read whole and
compared; only then does the data directory say that its log is there. What stops it half way changes nothing: the same
command goes on, and until it is done the new place refuses to be anybody's log.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from events.errors import Corrupt, Rejected
from events.log import EventLog, Verdict
from events.transfer import CopySource, CopyTarget, digest
from hindcast.datadir import DataDir
from hindcast.log_place import SQLITE, VALKEY, LogHold, Place, record, recorded

if TYPE_CHECKING:
    from hindcast.valkey import ValkeyServer

Told = Callable[[Verdict], None]


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was brought over, and what stays behind."""

    before: Place
    after: Place
    cells: int
    rows: int
    commits: int
    payload_bytes: int
    seconds: float


def migrate(data_dir: Path, to: Place, told: Told) -> Migrated:
    """Bring the directory's log to another place; ``told`` of each cell that was compared and found equal.

    Raises ``Rejected`` (a system runs, no log, already there, a log in the way), ``Transient`` (a server that does not
    answer) and ``Corrupt`` (the log is damaged, or the copy differs); the directory keeps its log where it was then.
    """
    data = DataDir(data_dir.absolute())
    before = recorded(data.path) if data.path.is_dir() else None
    if before is None:
        raise Rejected("data_dir", f"there is no log in {data_dir}; name the right one with --data-dir")
    if before == to:
        raise Rejected("to", f"the log of {data_dir} is in {to.shown} already")
    to.spec(data.path)
    data.claim()
    hold, begun = LogHold(before, data), time.monotonic()
    try:
        log = hold.take().open(woken=False)
        try:
            verdicts = _copied(log, data, to, told)
        finally:
            log.close()
        record(data.path, to)
    finally:
        hold.end()
        data.release()
    return Migrated(
        before,
        to,
        len(verdicts),
        sum(v.rows for v in verdicts),
        sum(v.commits for v in verdicts),
        sum(v.payload_bytes for v in verdicts),
        time.monotonic() - begun,
    )


def _copied(log: EventLog, data: DataDir, to: Place, told: Told) -> list[Verdict]:
    target, server = _target(data, to)
    try:
        target.begin()
        source = cast("CopySource", log)
        for cell in log.cells():
            target.adopt(cell, source.copy(cell))
        verdicts: list[Verdict] = []
        for cell in log.cells():
            verdict = _compared(log.verify(cell), target.verify(cell))
            if digest(source.copy(cell)) != digest(target.copy(cell)):
                raise Corrupt(f"{cell}: the copy is not what was copied: commits or saved states differ")
            told(verdict)
            verdicts.append(verdict)
        target.finish()
        return verdicts
    finally:
        target.close()
        if server is not None:
            server.stop()


def _compared(old: Verdict, new: Verdict) -> Verdict:
    """The chain hash of every entry agrees with its payload on both sides, and the last one is the same: so all are."""
    if not old.sound:
        raise Corrupt(f"{old.cell} is damaged where it is: {old.problems[0]}")
    if old != new:
        raise Corrupt(f"{old.cell}: the copy is not what was copied: {_difference(old, new)}")
    return new


def _difference(old: Verdict, new: Verdict) -> str:
    if new.problems:
        return new.problems[0]
    names = ("commits", "entries", "rows", "payload_bytes", "journal_rows", "snapshots")
    return ", ".join(f"{getattr(new, n)} of {getattr(old, n)} {n}" for n in names if getattr(new, n) != getattr(old, n))


def _target(data: DataDir, to: Place) -> tuple[CopyTarget, ValkeyServer | None]:
    where = f"{data.path.resolve()} of {socket.gethostname()}"
    spec: Any = to.spec(data.path)
    if to.place == SQLITE:
        from events.sqlite_transfer import SqliteTarget

        return SqliteTarget(spec.directory), None
    from events.redis_transfer import RedisTarget

    if to.place != VALKEY:
        return RedisTarget(spec, data.generation, where), None
    from events.redis_place import RedisPlace
    from hindcast.valkey import ValkeyServer

    server = ValkeyServer(spec.directory, spec.socket)
    server.start()
    remedy = f"(from before a migration?); move {spec.directory} away first"
    return RedisTarget(RedisPlace(server.url), data.generation, where, remedy), server
