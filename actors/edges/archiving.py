"""Archiving: the worker that moves what is cold from the log into the archive, and what is small into blocks.

Every few seconds it looks how far each producer of its tenant has come. Whole ranges go to the archive in a process of their
own; what is left over lies in blocks. Then the log is trimmed, where that is asked for.
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import msgspec

from actors.archiver import ArchiveBounds, Archiver, State
from actors.cell import AnyCell
from actors.edges.retaining import expired
from actors.edges.trimming import needed
from actors.workers import Worker
from events.archive.blocks import LEVELS
from events.archive.job import Done, Order, Range
from events.archive.log import ArchivedLog
from events.archive.segments import Segment
from events.catalog import BACKSTAGE, OURS, SEGMENTS
from events.errors import Corrupt, Transient
from events.log import Source

logger = logging.getLogger(__name__)
SECOND = 1_000_000
MOST_RANGES = 64
"""Archived in one run, so that what is done is recorded now and then."""
MIRROR_AGAIN_S = 30.0
"""How long after a failure the archive's store is asked again."""
TRIM_EVERY = 12
"""Looks of the archiver for each time that the log is trimmed, or the archive."""
SWEEP_AFTER = 120
"""Looks after which the files of a dropped segment go."""
GONE_US = 3600 * SECOND
"""The log is not kept for a cell that has not committed for so long, nor for ``hot_s``."""
TRIM_STEP = 4_096
"""Offsets that the log forgets at once: the producer's commits wait so long."""


class ArchiverWorker(Worker):
    """Drives the cell of an ``Archiver``; ``now`` gives microseconds UTC."""

    def __init__(self, cell: AnyCell, log: ArchivedLog, bounds: ArchiveBounds, now: Callable[[], int]) -> None:
        super().__init__(cell, log)
        if log.spec is None:
            raise ValueError("the archiver's own process cannot open a log that is in this one alone")
        self._spec = log.spec
        self._archiver = cast(Archiver, cell.fold)
        self._archived = log
        self._bounds = bounds
        self._now = now
        self._sealed: dict[Source, int] = {}
        """Where the next block of each source may begin."""
        self._trimmed: dict[Source, int] = {}
        self._trim_at = self._retain_at = 0.0
        self._sweeping: dict[Segment, float] = {}
        """Segments that were dropped, and when their files go (monotonic): a question may be reading them."""
        self._swept: set[str] = set()
        self._mirror_at: float | None = 0.0 if bounds.store else None
        """When the archive's store is next to be compared (monotonic); None: it has all."""
        self._process: subprocess.Popen[bytes] | None = None
        self._door = threading.Lock()
        """Held while a process starts and while it is ended: none is left behind."""

    def wake(self) -> None:
        with self._door:
            if self._process is not None:
                self._process.terminate()

    def step(self) -> None:
        heads = dict(self._heads())
        due = list(self._due(heads))[:MOST_RANGES]
        if due:
            self._archive(due)
        self._seal(heads)
        self._mirror()
        if self._bounds.trim:
            self._trim(heads)
            self._retain()
        self.detail = ""
        if len(due) < MOST_RANGES:
            self.stopping.wait(self._bounds.every_s)

    def _heads(self) -> Iterator[tuple[Source, int]]:
        """Where each producer of the tenant stands.

        ``segments`` stays in the log: it says what is in the archive. So do those by which cells talk to each other, and
        streams of parts, which the archiver's own process does not know.
        """
        prefix = f"{self.cell.tenant}/"
        for stream in OURS:
            if stream not in (SEGMENTS.name, *BACKSTAGE):
                for producer in self.log.producers(stream):
                    if producer.startswith(prefix):
                        yield (stream, producer), self.log.head(stream, producer)

    def _due(self, heads: Mapping[Source, int]) -> Iterator[Range]:
        """Ranges that are full: between two multiples of ``segment_rows``."""
        state, rows = cast(State, self.cell.state), self._bounds.segment_rows
        for (stream, producer), head in heads.items():
            first = state.end(stream, producer)
            while (end := (first // rows + 1) * rows) <= head:
                yield Range(stream, producer, first, end)
                first = end

    def _archive(self, due: list[Range]) -> None:
        """Let a process of its own archive ``due``, and record what it did. Raises ``Transient`` or ``Corrupt``."""
        done, failure = self._in_a_process(Order(self._spec, ranges=tuple(due)))
        if self._bounds.store:
            self._mirror_at = 0.0
        if done:
            with self.lock:
                self.cell.record(lambda state: self._archiver.written(state, done, self._now()))
        for segment in done:
            self._archived.blocks.forget((segment.stream, segment.producer), segment.end)
        if failure is not None:
            raise failure

    def _in_a_process(self, order: Order) -> tuple[list[Segment], Exception | None]:
        with self._door:
            if self.stopping.is_set():
                return [], None
            self._process = subprocess.Popen(
                [sys.executable, "-m", "events.archive.job"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        said, _ = self._process.communicate(pickle.dumps(order))
        code = self._process.returncode
        with self._door:
            self._process = None
        told = [msgspec.json.decode(line, type=Done) for line in said.splitlines(keepends=True) if line.endswith(b"\n")]
        done = [one.segment for one in told if one.segment is not None]
        for one in told:
            if one.failure:
                return done, Corrupt(one.failure) if one.corrupt else Transient(one.failure, 30.0)
        if code and not self.stopping.is_set():
            return done, Transient(
                f"the archiver's process ended with {code}; what it wrote is whole, it begins again", 30.0
            )
        return done, None

    def _mirror(self) -> None:
        """Let the archive's store have what it lacks: at the start, and after each run. Raises ``Transient``."""
        if self._mirror_at is None or time.monotonic() < self._mirror_at:
            return
        self._mirror_at = time.monotonic() + MIRROR_AGAIN_S
        self._archived.segments.refresh()
        shelves = [s for (_, p), s in self._archived.segments.shelves() if p.startswith(f"{self.cell.tenant}/")]
        kept = [segment for shelf in shelves for segment in shelf.segments]
        _, failure = self._in_a_process(Order(self._spec, mirror=tuple(kept)))
        if failure is not None:
            raise failure
        self._mirror_at = None

    def _seal(self, heads: Mapping[Source, int]) -> None:
        state = cast(State, self.cell.state)
        for source, head in heads.items():
            after = max(state.end(*source), self._sealed.get(source, 0))
            if head - after >= LEVELS[0] and not self.stopping.is_set():
                try:
                    self._sealed[source] = self._archived.blocks.seal(self.log, source, after, head)
                except OSError as error:
                    raise Transient(f"{self._archived.root}: {error}; make room for the archive", 30.0) from error

    def _trim(self, heads: Mapping[Source, int]) -> None:
        """Let the log forget what is archived, older than ``hot_s``, consumed by every cell, and below their snapshots."""
        before = self._now() - int(self._bounds.hot_s * SECOND)
        self._archived.segments.refresh()
        ends: dict[Source, int] = {}
        for source in heads:
            old = [s for s in self._archived.segments.of(*source).segments if (s.latest_received or 0) < before]
            if old and old[-1].end > self._trimmed.get(source, 0):
                ends[source] = old[-1].end
        if not ends or time.monotonic() < self._trim_at:
            return
        self._trim_at = time.monotonic() + TRIM_EVERY * self._bounds.every_s  # to look into all snapshots costs
        kept = needed(self.log, min(before, self._now() - GONE_US))
        for source, end in ends.items():
            below = min(end, kept.get(source, end))
            while self._trimmed.get(source, 0) < below and not self.stopping.is_set():
                self._trimmed[source] = min(below, self._trimmed.get(source, 0) + TRIM_STEP)
                self._archived.trim(*source, self._trimmed[source])

    def _retain(self) -> None:
        """Drop the segments that are not kept any more, once the log has forgotten them; later their files go."""
        if time.monotonic() < self._retain_at:
            return
        self._retain_at = time.monotonic() + TRIM_EVERY * self._bounds.every_s
        self._archived.segments.refresh()
        prefix, dropped = f"{self.cell.tenant}/", list[Segment]()
        shelves = [(source, s) for source, s in self._archived.segments.shelves() if source[1].startswith(prefix)]
        for stream, bounds in self._bounds.retention.items():
            kept = [segment for source, shelf in shelves if source[0] == stream for segment in shelf.segments]
            dropped += [segment for segment in expired(kept, bounds, self._now()) if self._forgotten(segment)]
        if dropped:
            told, failure = self._in_a_process(Order(self._spec, drop=tuple(dropped)))
            if told:
                with self.lock:
                    self.cell.record(lambda state: self._archiver.dropped(state, told, self._now()))
            if failure is not None:
                raise failure
        self._sweep([segment for _, shelf in shelves for segment in shelf.dropped])

    def _forgotten(self, segment: Segment) -> bool:
        """Whether the log has nothing of the segment any more: then no cell needs it."""
        left = self._archived.log.read(segment.stream, segment.producer, 0, 1)
        return bool(left) and left[0].header.first >= segment.end

    def _sweep(self, dropped: list[Segment]) -> None:
        """Delete the files of segments that were dropped a while ago, also before this process began."""
        now, later = time.monotonic(), time.monotonic() + SWEEP_AFTER * self._bounds.every_s
        for segment in dropped:
            if segment.file not in self._swept and segment not in self._sweeping:
                self._sweeping[segment] = later
        due = [segment for segment, at in self._sweeping.items() if at <= now]
        if due:
            _, failure = self._in_a_process(Order(self._spec, sweep=tuple(due)))
            if failure is not None:
                raise failure
            self._swept |= {segment.file for segment in due}
            for segment in due:
                del self._sweeping[segment]
