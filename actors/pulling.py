"""Pulling: the worker that reads a source and records what it says.

A reader is opened only at the committed position, and thrown away whenever a commit fails. Rows that were read and not
committed are read again, rows that were committed are not.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.compute as pc

from actors.cell import AnyCell
from actors.source import MOST_POSITION, Read, Reader, Source, SourceHealth
from actors.topology import Surroundings
from actors.workers import Health, Worker
from events.errors import Transient
from events.log import LogReader

if TYPE_CHECKING:
    from actors.collectors.pull import PullCollector

logger = logging.getLogger(__name__)
SECOND = 1_000_000
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0

SPARE_US = 50_000
"""A reader that has nothing and does not say when to come again is asked again so much later."""


def pause_s(failures: int, least_s: float, chance: float) -> float:
    """The pause after the ``failures``-th error in a row (from 1): 1 s, doubled each time up to a minute, times 0.75 to
    1.25 by ``chance`` (0 to 1), for sources that failed together must not come again together; never less than ``least_s``,
    which was asked for, and up to a quarter more."""
    doubled = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 30))
    return max(doubled * (0.75 + chance / 2), least_s * (1 + chance / 4))


class PullWorker(Worker):
    """Reads ``source`` from the committed position on. ``name`` and ``kind`` are the source's, for those who look.

    An error of the source costs a pause and a new reader; the cell keeps its state and goes on. ``admission`` raises
    ``Transient`` while no new rows are wanted.
    """

    def __init__(
        self,
        cell: AnyCell,
        log: LogReader,
        source: Callable[[], Source],
        now: Callable[[], int],
        *,
        name: str = "",
        kind: str = "",
        admission: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(cell, log)
        self._collector = cast("PullCollector", cell.fold)
        self._make = source
        self._source: Source | None = None
        self._reader: Reader | None = None
        self._now = now
        self._admission = admission
        self._wake_at = 0
        self._failures = 0
        """In a row."""
        self._known = SourceHealth(name or cell.fold.name, kind or name, self._collector.stream.name)
        self._error_at = self._read_at = self._row_at = 0

    def recovered(self) -> None:
        self._close()

    def step(self) -> None:
        if self._now() < self._wake_at:
            self._rest()
            return
        try:
            self._admission()
            read = self._checked(self._opened().read())
        except Exception as error:  # noqa: BLE001 - whatever a source may raise: it is said, and the cell goes on
            self._failed(error)
            return
        with self.lock:
            self.cell.record(lambda state: self._collector.admit(state, read.rows, read.position, read.refused))
        self._succeeded(read)

    def _opened(self) -> Reader:
        if self._source is None:
            self._source = self._make()
        if self._reader is None:
            with self.lock:
                position: bytes = self.cell.state.position
            self._reader = self._source.open(position or None)
        return self._reader

    def _checked(self, read: Read) -> Read:
        """``read``, or ``ValueError`` that says which rule of ``Read`` its author broke."""
        stream, position = self._collector.stream, read.position
        if not read.rows.schema.equals(stream.schema):
            raise ValueError(f"the rows are not of stream {stream.name}; `events.catalog.rows` makes such rows")
        if read.refused is not None and not self._collector.refuses:
            raise ValueError("the source brings refused rows, but is not declared as one that `refuses`")
        if position is not None and not 0 < len(position) <= MOST_POSITION:
            raise ValueError(f"the position has {len(position):,} bytes; it must have 1 to {MOST_POSITION:,}")
        return read

    def _rest(self) -> None:
        """Wait until the source is due; while it keeps silent, and does not fail, the watermark follows the clock."""
        left_us = min(self._wake_at - self._now(), self._collector.idle_us)
        self.stopping.wait(left_us / SECOND)
        # A source that fails may have rows to come: were the watermark to follow, they would be late.
        if self._now() < self._wake_at and not self._failures and not self.stopping.is_set():
            with self.lock:
                self.cell.record(lambda state: self._collector.idle(state, self._now()))

    def _succeeded(self, read: Read) -> None:
        now, known, n = self._now(), self._known, read.rows.num_rows
        if self._failures:
            logger.warning("source %s reads again after %d errors", known.name, self._failures)
        if read.note:
            logger.warning("source %s: %s", known.name, read.note)
        self._failures, self._read_at = 0, now
        self._wake_at = read.wake_at_us or 0
        lag_s = known.lag_s
        if n:
            self._row_at = now
            newest = pc.max(read.rows.column("time")).cast(pa.int64()).as_py()  # pyright: ignore[reportAttributeAccessIssue]
            lag_s = lag_s if newest is None else (now - newest) / SECOND
        elif not read.behind:
            with self.lock:
                self.cell.record(lambda state: self._collector.idle(state, now))
            self._wake_at = self._wake_at or now + SPARE_US
        refused = read.refused.num_rows if read.refused is not None else 0
        self._known = known._replace(
            state="reading",
            rows=known.rows + n,
            refused=known.refused + refused,
            lag_s=lag_s,
            behind=read.behind,
            note=read.note or known.note,
        )
        self.detail = ""

    def _failed(self, error: Exception) -> None:
        """Say it, close the reader, and come again after a pause."""
        self._close()
        self._failures += 1
        said = f"{type(error).__name__}: {error}"
        if self._failures == 1 or said != self._known.last_error:
            expected = isinstance(error, Transient | OSError)
            logger.warning("source %s: %s", self._known.name, said, exc_info=None if expected else error)
        least_s = error.retry_after_s if isinstance(error, Transient) else 0.0
        self._error_at = self._now()
        self._wake_at = self._error_at + int(pause_s(self._failures, least_s, random.random()) * SECOND)
        self._known = self._known._replace(state="retrying", errors=self._known.errors + 1, last_error=said)
        self.detail = f"the source fails, it is tried again: {said}"

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            try:
                reader.close()
            except Exception as error:  # noqa: BLE001 - it is gone either way, and another is opened
                logger.warning("source %s: closing it: %s", self._known.name, error)

    def health(self) -> Health:
        now = self._now()
        ages = {
            f"{what}_s_ago": (now - at) / SECOND if at else None
            for what, at in (("error", self._error_at), ("read", self._read_at), ("row", self._row_at))
        }
        return super().health()._replace(source=self._known._replace(**ages))

    def stop(self, timeout_s: float = 10.0) -> None:
        super().stop(timeout_s)
        if not self._thread.is_alive():
            self._close()


@dataclass(frozen=True, slots=True)
class Pull:
    """Drive the cell by reading a source, which ``source`` makes within the host; ``guarded``: subject to back-pressure."""

    source: Callable[[Callable[[], int]], Source]
    """Called with the host's clock (microseconds UTC)."""
    name: str = ""
    kind: str = ""
    guarded: bool = False

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        return PullWorker(
            cell,
            host.log,
            partial(self.source, host.now),
            host.now,
            name=self.name,
            kind=self.kind,
            admission=host.admission if self.guarded else lambda: None,
        )
