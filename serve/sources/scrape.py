"""What reads the source ``prometheus``: one answer is one row a series, of now.

A scrape says what is now, so one that was not committed is a gap. Its position is not a place but a memory: the totals that
were read last. So a total's ``increase`` is counted from what is committed, and over any restart the increases add up.
"""

from __future__ import annotations

import fnmatch
from collections import OrderedDict
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec
import numpy as np
import xxhash

from actors.source import Read, next_beat
from events.collected import API_METRICS
from serve.ingest.times import range_fault
from serve.sources.exposition import ACCEPT, Exposition, Sample, parse
from serve.sources.fetching import Fetcher, FetchSpec, refuse_markup
from serve.sources.gathered import Gathered, as_json

KEPT = 3_900
"""So many totals fit into a position."""
MOST_KNOWN = 200_000
"""So many are remembered while the reader lives, those that are not shown any more included."""


class Memory(msgspec.Struct, array_like=True):
    """The position: when it was read last (microseconds UTC), and totals by a hash of their series."""

    at: int = 0
    series: bytes = b""
    """uint64 each."""
    totals: bytes = b""
    """float64 each."""
    stamped: bytes = b""
    """uint64 each: series that say their own times."""
    stamps: bytes = b""
    """int64 each: these times, microseconds UTC."""


class Target:
    """A source of ``api_metrics``. ``now`` gives microseconds UTC."""

    def __init__(
        self,
        url: str,
        fetch: FetchSpec,
        every_s: float,
        only: tuple[str, ...],
        subject_label: str | None,
        source: str,
        now: Callable[[], int],
    ) -> None:
        self.url, self.fetch, self.source, self.now = url, fetch, source, now
        self.every_us = int(every_s * 1_000_000)
        self.only, self.subject_label = only, subject_label

    def open(self, position: bytes | None) -> Scraper:
        return Scraper(self, msgspec.msgpack.decode(position, type=Memory) if position else Memory())


class Scraper:
    """Scrapes one target."""

    def __init__(self, target: Target, memory: Memory) -> None:
        self._target = target
        self._fetcher = Fetcher(target.fetch)
        series, totals = np.frombuffer(memory.series, np.uint64), np.frombuffer(memory.totals, np.float64)
        self._totals = OrderedDict(zip(series.tolist(), totals.tolist(), strict=True))
        """Those that were seen last stand last."""
        self._at = memory.at
        stamped, stamps = np.frombuffer(memory.stamped, np.uint64), np.frombuffer(memory.stamps, np.int64)
        self._stamped = OrderedDict(zip(stamped.tolist(), stamps.tolist(), strict=True))
        """The times of series that say their own: one that says the same again was told already."""
        self._said: frozenset[str] = frozenset()
        """Lines that were refused in the last answer: one that stays is told of once."""

    def read(self) -> Read:
        target = self._target
        now = target.now()
        answer = self._fetcher.get(target.url, headers={"accept": ACCEPT})
        refuse_markup(answer, "measurements")
        found = parse(answer.body.decode("utf-8", "replace"), answer.media)
        gathered = Gathered(API_METRICS, target.source, now)
        for sample in found.samples:
            if self._wanted(sample):
                self._take(sample, found, gathered)
        for line, reason, what in found.broken:
            if what not in self._said:
                gathered.refuse("line", reason, line)
        self._said, self._at = frozenset(broken.what for broken in found.broken), now
        for known in (self._totals, self._stamped):
            while len(known) > MOST_KNOWN:
                known.popitem(last=False)
        return Read(
            gathered.batch(),
            self._position(),
            next_beat(target.now(), target.every_us),
            gathered.refused(),
            note="; ".join(self._notes(found)),
        )

    def _wanted(self, sample: Sample) -> bool:
        only = self._target.only
        return not only or any(fnmatch.fnmatchcase(sample.name, pattern) for pattern in only)

    def _take(self, sample: Sample, found: Exposition, gathered: Gathered) -> None:
        labels = as_json(dict(sorted(sample.labels.items())))
        key = xxhash.xxh3_64_intdigest(f"{sample.name}{labels}".encode())
        if sample.at_us is not None:
            if self._stamped.get(key) == sample.at_us:
                return
            fault = range_fault(sample.at_us, gathered.received_us, None)
            if fault:
                gathered.refuse("timestamp", fault, f"{sample.name}{labels} {sample.value} {sample.at_us}")
                return
            self._stamped[key] = sample.at_us
        target = self._target
        gathered.add(
            time=gathered.received_us if sample.at_us is None else sample.at_us,
            type=sample.name,
            subject=sample.labels.get(target.subject_label or "") or urlsplit(target.url).netloc.rpartition("@")[2],
            kind=sample.kind,
            value=sample.value,
            increase=self._increase(sample, key, found) if sample.total else None,
            unit=sample.unit,
            labels=labels,
        )

    def _increase(self, sample: Sample, key: int, found: Exposition) -> float | None:
        """By how much a total grew since the last answer; None where nothing says from what it grew.

        One that is smaller than before began anew at 0 (https://prometheus.io/docs/prometheus/latest/querying/functions,
        ``increase``), and so did one of which the program says that it began after the last answer.
        """
        before = self._totals.pop(key, None)
        self._totals[key] = sample.value
        labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k not in ("le", "quantile")))
        began = found.created.get((sample.family, labels))
        if self._at and began is not None and began * 1_000_000 > self._at:
            return sample.value
        if before is None:
            return None
        return sample.value - before if sample.value >= before else sample.value

    def _position(self) -> bytes:
        stamps = dict(list(self._stamped.items())[-KEPT // 2 :])
        totals = dict(list(self._totals.items())[-(KEPT - len(stamps)) :])
        return msgspec.msgpack.encode(
            Memory(
                self._at,
                np.array([*totals], np.uint64).tobytes(),
                np.array([*totals.values()], np.float64).tobytes(),
                np.array([*stamps], np.uint64).tobytes(),
                np.array([*stamps.values()], np.int64).tobytes(),
            )
        )

    def _notes(self, found: Exposition) -> Iterator[str]:
        if found.unread:
            yield f"{found.unread:,} native histograms are not read; let the program show classic ones besides"
        if found.broken:
            yield f"{len(found.broken):,} lines are left out, the first because it {found.broken[0].reason}"
        remembered = len(self._totals) + len(self._stamped)
        if remembered > KEPT:
            yield f"of {remembered:,} totals {KEPT:,} are remembered over a restart; `only` takes fewer"

    def close(self) -> None:
        self._fetcher.close()
