"""What must be true of a history, worked out in plain Python from what the clients sent: no cell, no state, no faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

import msgspec
import pyarrow as pa

from actors.cell import Saved
from actors.fold import Batch, Choosing, Fold, Outputs, Pieced, Recorded
from actors.slices import journal_above, slices_of
from events.append import Follower
from events.catalog import QUARANTINE
from events.entry import NO_WATERMARK, Entry, decode
from events.log import EventLog, JournalRow, Snapshot, Source
from tests.laws.feeds import plain
from tests.laws.toys import ALARM_AT, BOUND, POISON, WIDTH, int_column

Row = tuple[Any, ...]


class Opened(Entry, frozen=True):
    """An entry that is decoded once, however often a thousand seeds read it."""

    def batch(self) -> pa.RecordBatch:
        return _decoded(self.header, self.payload)


_decoded = lru_cache(2048)(decode)


def opened(entries: Iterable[Entry]) -> list[Entry]:
    return [Opened(entry.header, entry.payload) for entry in entries]


class History:
    """Everything that a log holds or ever held."""

    def __init__(self, log: EventLog, trimmed: Mapping[Source, Sequence[Entry]] | None = None) -> None:
        self.log = log
        self._trimmed = trimmed or {}
        self._entries: dict[Source, list[Entry]] = {}

    def entries(self, stream: str, producer: str) -> list[Entry]:
        """The producer's entries from the first on, those that were trimmed too; checked: dense, ordered, unaltered."""
        source = (stream, producer)
        if source not in self._entries:
            kept: list[Entry] = []
            while more := self.log.read(stream, producer, kept[-1].header.end if kept else 0, 1 << 40):
                kept += more
            first = kept[0].header.first if kept else 0
            past = [e for e in self._trimmed.get(source, ()) if e.header.first < first]
            self._entries[source] = opened(_checked(source, past + kept))
        return self._entries[source]

    def rows(self, stream: str, producer: str, *columns: str) -> list[Row]:
        """The producer's rows: the named columns, times as integers; ``@`` names the row's own offset."""
        found: list[Row] = []
        for entry in self.entries(stream, producer):
            if entry.header.rows:
                table = entry.batch()
                offsets = list(range(entry.header.first, entry.header.end))
                values = [offsets if name == "@" else _plain(table, name) for name in columns]
                found += zip(*values, strict=True)
        return found

    def slices(self, row: JournalRow) -> Iterator[Batch]:
        """The batches that a journal row names."""
        for entry in self.entries(row.stream, row.producer):
            if entry.header.first < row.end and entry.header.end > row.start:
                yield from slices_of(entry, row.start, row.end, row.skipped)


def _plain(table: pa.RecordBatch, name: str) -> list[Any]:
    column = table.column(name)
    return int_column(table, name) if pa.types.is_timestamp(column.type) else column.to_pylist()


def _checked(source: Source, entries: list[Entry]) -> list[Entry]:
    at = commit = committed = 0
    watermark = NO_WATERMARK
    for entry in entries:
        head = entry.header
        assert head.first == at, f"{source}: offset {at} is followed by {head.first}"
        assert head.commit > commit, f"{source}: commit {head.commit} after {commit}"
        assert head.committed >= committed, f"{source}: time of commit {head.commit} steps back"
        assert head.watermark >= watermark, f"{source}: the watermark steps back at {head.first}"
        at, commit, committed, watermark = head.end, head.commit, head.committed, head.watermark
    Follower().check(source, [e for e in entries if e.header.chain])  # what comes from an archive has none
    return entries


def saved_in(snapshot: Snapshot) -> Saved:
    return msgspec.msgpack.decode(snapshot.data, type=Saved)


def check(
    history: History,
    folds: Mapping[str, Fold[Any]],
    states: Mapping[str, bytes],
    requests: Mapping[str, Sequence[pa.RecordBatch]],
) -> None:
    """Every law that one history can show: nothing lost, nothing twice, replay equals live, snapshots are true."""
    for name, fold in folds.items():
        consumes_everything_once(history, name, fold)
        replay_equals_live(history, name, fold, states.get(name))
    for door, sent in requests.items():
        stream = folds[door].writes[0]
        expected = [(i,) for request in sent for i in request.column("id").to_pylist()]
        same(f"{stream} of {door}", history.rows(stream, door, "id"), expected)
    for tenant in sorted({tenant_of(name) for name in folds}):
        windows_are_right(history, tenant)
        alarms_are_right(history, tenant)
        tallies_are_right(history, tenant)
        brittle_repeats_the_good_rows(history, tenant)


def tenant_of(cell: str) -> str:
    return cell.partition("/")[0]


def producers_of(history: History, tenant: str, stream: str) -> list[str]:
    """The tenant's producers of a stream."""
    return [name for name in history.log.producers(stream) if tenant_of(name) == tenant]


def consumes_everything_once(history: History, name: str, fold: Fold[Any]) -> None:
    """The journal names each place of each input exactly once, in order; and nothing of another tenant."""
    cursor: dict[Source, int] = {}
    for row in journal_above(history.log, name, 0):
        source = (row.stream, row.producer)
        assert tenant_of(row.producer) == tenant_of(name), f"{name} took {source}, which is another tenant's"
        assert row.start == cursor.get(source, 0), f"{name} took {source} from {row.start}, not {cursor.get(source, 0)}"
        cursor[source] = row.end
    always = fold.wants(fold.initial()) if isinstance(fold, Choosing) else fold.reads
    for stream in always:
        for producer in producers_of(history, tenant_of(name), stream):
            head = history.log.head(stream, producer)
            at = cursor.get((stream, producer), 0)
            assert at == head, f"{name} stopped at {at} of {head} in {stream} of {producer}"


def replay_equals_live(history: History, name: str, fold: Fold[Any], live: bytes | None) -> None:
    """Folding the journal anew gives each commit's entries bit for bit, each snapshot, and the state that lives."""
    log = history.log
    state, watermarks = fold.initial(), dict.fromkeys(fold.writes, NO_WATERMARK)
    journal = {n: list(rows) for n, rows in groupby(journal_above(log, name, 0), key=lambda row: row.commit)}
    own = {(e.header.commit, s): e for s in fold.writes for e in history.entries(s, name)}
    snapshots = {ref.commit: ref.snapshot for ref in log.snapshots(name)}
    number, _ = log.last_commit(name)
    assert max([*snapshots, *journal, 0]) <= number, f"{name}: a snapshot or journal row of a commit that is not"
    for commit in range(1, number + 1):
        outputs = Outputs()
        for row in journal.get(commit, ()):
            for batch in history.slices(row):
                state, emitted = fold.fold(state, batch)
                outputs.extend(emitted)
        mine = [own[commit, s] for s in fold.writes if (commit, s) in own]
        if commit in journal:
            _emitted_exactly(f"{name} commit {commit}", outputs, mine, watermarks)
        elif isinstance(fold, Recorded):
            for entry in mine:
                state = fold.absorb(state, Batch(entry.header, entry.header.first, entry.batch(), True))
        else:
            assert not mine, f"{name} commit {commit} has outputs and no journal"
        snapshot = snapshots.get(commit)
        if snapshot and snapshot.fold_version == fold.version:
            past = fold.dump_apart(state)[0] if isinstance(fold, Pieced) else fold.dump(state)
            assert saved_in(snapshot).state == past, f"{name}: the snapshot at {commit} is not its past"
    if live is not None:
        assert fold.dump(state) == live, f"{name}: the live state is not what its history gives"


def _emitted_exactly(what: str, outputs: Outputs, mine: list[Entry], watermarks: dict[str, int]) -> None:
    emitted = dict(outputs.items())
    by_stream = {e.header.stream: e for e in mine if e.header.stream != QUARANTINE.name}
    for stream, emission in emitted.items():
        expected = plain(emission.batches)
        moved = emission.watermark > watermarks[stream]
        watermarks[stream] = max(watermarks[stream], emission.watermark)
        entry = by_stream.pop(stream, None)
        if entry is None:
            assert not expected and not moved, f"{what}: replay emits to {stream}, live did not"
            continue
        assert (plain([entry.batch()]) if entry.header.rows else []) == expected, (
            f"{what}: replay emits other rows to {stream}"
        )
        assert entry.header.watermark == watermarks[stream], f"{what}: another watermark of {stream}"
    assert not by_stream, f"{what}: live emitted to {sorted(by_stream)}, replay does not"


def same(what: str, found: Sequence[Row], expected: Sequence[Row]) -> None:
    """Raises ``AssertionError`` that says what was lost, what came twice, or what differs first."""
    if list(found) == list(expected):
        return
    lost = [row for row in expected if row not in found]
    strange = [row for row in found if row not in expected]
    twice = len(found) - len(set(found))
    raise AssertionError(f"{what}: lost {lost[:5]}, strange {strange[:5]}, {twice} twice, of {len(expected)} rows")


# -- the toys, in plain Python -------------------------------------------------------------------------------------


def windows_are_right(history: History, tenant: str) -> None:
    windows: dict[tuple[int, str], dict[str, list[float]]] = {}
    late: list[Row] = []
    marks: list[int] = []
    doors = producers_of(history, tenant, "user_interactions")
    for door in doors:
        mark = NO_WATERMARK
        columns = ("@", "time", "received", "partition_key", "value")
        for offset, time, received, key, value in history.rows("user_interactions", door, *columns):
            start = time // WIDTH * WIDTH
            if start + WIDTH <= mark:
                late.append((f"{door}:{offset}", time, value))
            else:
                windows.setdefault((start, key), {}).setdefault(door, []).append(value)
            mark = max(mark, min(time, received) - BOUND)
        marks.append(mark)
    low = min(marks)
    expected: list[Row] = []
    for (start, key), parts in sorted(windows.items()):
        if start + WIDTH <= low:
            total = 0.0
            for door in sorted(parts):
                total += _sum(parts[door])
            expected.append((key, start, sum(map(len, parts.values())), total))
    same("windows", history.rows("metrics", f"{tenant}/windows/0", "key", "start", "count", "sum"), expected)
    found = history.rows("anomalies", f"{tenant}/windows/0", "cause", "time", "value")
    same("late rows", sorted(found), sorted(late))


def _sum(values: Sequence[float]) -> float:
    total = 0.0  # a sequential scan: from Python 3.12 on `sum` compensates
    for value in values:
        total += value
    return total


def alarms_are_right(history: History, tenant: str) -> None:
    totals: dict[str, int] = {}
    expected: list[Row] = []
    for key, count in history.rows("metrics", f"{tenant}/windows/0", "key", "count"):
        before = totals.get(key, 0)
        totals[key] = before + count
        if totals[key] // ALARM_AT > before // ALARM_AT:
            expected.append((key, float(totals[key])))
    same("alarms", history.rows("alerts", f"{tenant}/alarm/0", "key", "value"), expected)


def tallies_are_right(history: History, tenant: str) -> None:
    """Order matters here, and the journal has it."""
    count, total = 0, 0.0
    expected: list[Row] = []
    for row in journal_above(history.log, f"{tenant}/tally/0", 0):
        column = "time" if row.stream == "clock" else "value"
        for offset, value in history.rows(row.stream, row.producer, "@", column):
            if not row.start <= offset < row.end:
                continue
            if row.stream == "clock":
                expected.append((f"{count} {total}",))
            else:
                count += 1
                total += value
    same("tallies", history.rows("outbox", f"{tenant}/tally/0", "body"), expected)


def brittle_repeats_the_good_rows(history: History, tenant: str) -> None:
    found = history.rows("notifications", f"{tenant}/brittle/0", "cause", "attempts")
    assert [number for _, number in found] == list(range(1, len(found) + 1)), "brittle folded a row twice, or not"
    poison: list[Row] = []
    for door in producers_of(history, tenant, "user_interactions"):
        rows = history.rows("user_interactions", door, "@", "value")
        poison += [(door, offset) for offset, value in rows if value == POISON]
        expected = [(f"{door} {offset}",) for offset, value in rows if value != POISON]
        same(f"rows of {door} in brittle", [(c,) for c, _ in found if c.split()[0] == door], expected)
    quarantined = history.rows(QUARANTINE.name, f"{tenant}/brittle/0", "producer", "offset")
    same("quarantined rows", sorted(quarantined), sorted(poison))
    skipped = [(r.producer, o) for r in journal_above(history.log, f"{tenant}/brittle/0", 0) for o in r.skipped]
    same("skipped rows", sorted(skipped), sorted(poison))
