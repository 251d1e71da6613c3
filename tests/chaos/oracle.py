"""What must be true at the end, worked out in plain Python from what was acknowledged, and from the log's own order.

Two ways to the same figures: windows that never close for good are a group-by over what was sent, whatever the order;
windows that refuse late rows, and alerts, depend on the order that the log says it took.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from actors.slices import journal_above
from events.entry import NO_WATERMARK
from tests.chaos.load import Event
from tests.laws.oracle import History

SECOND = 1_000_000
CLOSED = "window.closed"
Window = tuple[int, str]
"""(start in us, key)"""


def every_event_once(history: History, sent: Mapping[str, Event]) -> None:
    """The rows of the log are the events that were sent: none lost, none twice, none altered."""
    columns = ("id", "type", "subject", "time", "amount", "currency")
    rows = [row for door in doors_of(history) for row in history.rows("user_interactions", door, *columns)]
    found = {row[0]: Event(*row) for row in rows}
    assert len(found) == len(rows), f"{len(rows) - len(found)} events are in the log twice"
    lost = sent.keys() - found.keys()
    assert not lost, f"{len(lost)} events are lost, such as {sorted(lost)[:5]}"
    altered = [id for id, event in found.items() if event != sent.get(id)]
    assert not altered, f"{len(altered)} events are altered or strange, such as {altered[:5]}"
    assert not [row for door in doors_of(history) for row in history.rows("dead_letters", door, "id")]


def doors_of(history: History) -> list[str]:
    """The collectors of what was sent, one a partition; imports are told apart, and there are none."""
    return [door for door in history.log.producers("user_interactions") if door.startswith("main/user_interactions/")]


def takes_everything_in_order(history: History, cell: str) -> None:
    """The cell's journal has no gap and no overlap, and no event or sample that it reads is beyond its end.

    What comes by the clock alone (ticks, watermarks, the end of empty windows) may have come while the system drained.
    """
    cursor: dict[tuple[str, str], int] = {}
    for row in journal_above(history.log, cell, 0):
        source = (row.stream, row.producer)
        assert row.start == cursor.get(source, 0), f"{cell} took {source} from {row.start}, not {cursor.get(source, 0)}"
        assert not row.skipped, f"{cell} set rows aside: {row}"
        cursor[source] = row.end
    for source, at in cursor.items():
        if source[0] in ("user_interactions", "metrics"):
            last = max(
                (offset + 1 for offset, type_ in history.rows(*source, "@", "type") if type_ != CLOSED), default=0
            )
            assert at >= last, f"{cell} stopped at {at} of {last} in {source}"


def windows_of(
    sent: Mapping[str, Event], width_us: int, types: tuple[str, ...] | None, by: str
) -> dict[Window, tuple[Any, ...]]:
    """(count, sum, min, max) by window and key, of all that was sent."""
    groups: dict[Window, list[Event]] = defaultdict(list)
    for event in sent.values():
        if types is None or event.type in types:
            groups[event.time // width_us * width_us, str(getattr(event, by) or "")].append(event)
    return {window: _figures([event.amount for event in events]) for window, events in groups.items()}


def _figures(amounts: list[int | None]) -> tuple[Any, ...]:
    known = [amount for amount in amounts if amount is not None]
    if not known:
        return len(amounts), None, None, None
    return len(amounts), float(sum(known)), float(min(known)), float(max(known))


def final_samples(history: History, metric: str, values: bool) -> dict[Window, tuple[Any, ...]]:
    """The same of the log's ``metric.sampled``, last revision of each window; revisions come one after the other."""
    revisions: dict[Window, list[tuple[int, tuple[Any, ...]]]] = defaultdict(list)
    columns = ("type", "metric", "start", "key", "revision", "count", "sum", "min", "max")
    for type_, name, start, key, revision, *figures in history.rows("metrics", "main/metrics/0", *columns):
        if (type_, name) == ("metric.sampled", metric):
            shown = tuple(figures) if values else (figures[0], None, None, None)
            revisions[start, key].append((revision, shown))
    for window, found in revisions.items():
        assert [r for r, _ in found] == list(range(len(found))), f"{metric} {window}: revisions {found}"
        assert all(a[1] != b[1] for a, b in pairwise(found)), f"{metric} {window}: a revision that changes nothing"
    return {window: found[-1][1] for window, found in revisions.items()}


def strict_windows(history: History, width: int, lateness: int, bound: int) -> tuple[dict[Window, int], list[str]]:
    """Counts by window, and the ids refused as too late: row by row in the order that the analyzer took them, against the
    least watermark of all partitions; of one that idles the log says how far."""
    doors = doors_of(history)
    mark, read, idle = dict.fromkeys(doors, NO_WATERMARK), dict.fromkeys(doors, 0), dict[str, int]()
    low, counts, refused = NO_WATERMARK, defaultdict[Window, int](int), list[str]()

    def least() -> int:
        return max(low, min(max(mark[door], idle.get(door, NO_WATERMARK)) for door in doors))

    for part in journal_above(history.log, "main/metrics/0", 0):
        if part.stream == "idle_producers":
            rows = history.rows(part.stream, part.producer, "@", "stream", "producer", "at_offset", "until")
            for _, stream, door, at, until in (row for row in rows if part.start <= row[0] < part.end):
                if stream == "user_interactions" and at == read[door]:
                    idle[door] = max(idle.get(door, NO_WATERMARK), until)
                    low = least() if any(read.values()) else low
        if part.stream != "user_interactions":
            continue
        door = part.producer
        idle.pop(door, None)
        for batch in history.slices(part):
            times, received = (batch.table.column(name).cast("int64").to_pylist() for name in ("time", "received"))
            for time, came, id in zip(times, received, batch.table.column("id").to_pylist(), strict=True):
                mark[door] = max(mark[door], min(time, came) - bound)
                low = least()
                start = time // width * width
                if start + width + lateness <= low:
                    refused.append(id)
                else:
                    counts[start, ""] += 1
            mark[door] = max(mark[door], batch.watermark)
            low = least()
        read[door] = part.end
    return dict(counts), refused


def listed_as_late(history: History, metric: str) -> list[str]:
    """The ids that ``late_rows`` has of a metric."""
    found = history.rows("late_rows", "main/metrics/0", "id", "metrics")
    return [id for id, metrics in found if metric in metrics]


# -- alerts --------------------------------------------------------------------------------------------------------------


class Told:
    """Rules of the form ``metric.count > threshold`` or ``<``: one verdict a window, kept in a plain dictionary."""

    def __init__(self) -> None:
        self.rules: dict[str, dict[str, Any]] = {}
        self.until: dict[str, int] = {}
        """By metric: end of the newest closed window."""
        self.newest: dict[tuple[str, str], int] = {}
        """By metric and key: end of the newest window with rows."""
        self.held: dict[tuple[str, str], dict[int, bool]] = defaultdict(dict)
        """By rule and key: whether the condition held, by end of the window."""
        self.phase: dict[tuple[str, str], str] = defaultdict(lambda: "ok")
        self.value: dict[tuple[str, str], float] = {}
        self.told: list[tuple[Any, ...]] = []

    def about(self, metric: str) -> list[str]:
        return [name for name in sorted(self.rules) if self.rules[name]["condition"].startswith(f"{metric}.count ")]

    def breached(self, rule: str, count: float) -> bool:
        limit = self.rules[rule]["threshold"]
        return count > limit if " > " in self.rules[rule]["condition"] else count < limit

    def sampled(self, row: Mapping[str, Any]) -> None:
        """A window with rows. The key's windows between the last and this one were empty, if they were seen whole: if a
        window of the metric has ever been said to be closed."""
        metric, key, end, width = row["metric"], row["key"], row["time"], row["width_us"]
        judged = max(self.until.get(metric, 0), self.newest.get((metric, key), 0))
        for rule in self.about(metric):
            if end <= judged:
                self.revised(rule, key, end, width, float(row["count"]))
                continue
            if (metric, key) in self.newest and metric in self.until:
                for silent in range(judged + width, end, width):
                    self.judged(rule, key, silent, width, 0.0)
            self.judged(rule, key, end, width, float(row["count"]))
        if self.about(metric):
            self.newest[metric, key] = max(self.newest.get((metric, key), 0), end)

    def closed(self, row: Mapping[str, Any]) -> None:
        """Of every key that is known the windows without rows are empty."""
        metric, width = row["metric"], row["width_us"]
        for rule in self.about(metric):
            for key in sorted(key for known, key in self.newest if known == metric):
                for silent in range(max(row["start"], self.newest[metric, key]) + width, row["time"] + width, width):
                    self.judged(rule, key, silent, width, 0.0)
        self.until[metric] = max(self.until.get(metric, 0), row["time"])

    def judged(self, rule: str, key: str, end: int, width: int, count: float) -> None:
        here = (rule, key)
        self.held[here][end] = holds = self.breached(rule, count)
        self.value[here] = count
        before = self.phase[here]
        if holds and before != "firing":
            long = end - self.since(here, end, width) >= self.rules[rule]["for_s"] * SECOND
            self.phase[here] = "firing" if long else "pending"
        elif not holds:
            self.phase[here] = "resolved" if before in ("firing", "resolved") else "ok"
        self.moved(here, before, end)

    def revised(self, rule: str, key: str, end: int, width: int, count: float) -> None:
        """Late rows: a pending alert is counted anew, of any other it is history."""
        here, holds = (rule, key), self.breached(rule, count)
        if holds == self.held[here].get(end, False):
            return
        before, last = self.phase[here], max(self.held[here], default=0)
        began = self.since(here, last, width) if before == "pending" else 0
        self.held[here][end] = holds
        if before != "pending" or (self.held[here][last] and self.since(here, last, width) == began):
            self.told.append(("alert.revised", rule, key, end, count))
        elif not self.held[here][last]:
            self.phase[here] = "ok"
        elif last - self.since(here, last, width) >= self.rules[rule]["for_s"] * SECOND:
            self.phase[here] = "firing"
        self.moved(here, before, last)

    def since(self, here: tuple[str, str], end: int, width: int) -> int:
        while self.held[here].get(end - width):
            end -= width
        return end

    def moved(self, here: tuple[str, str], before: str, at: int) -> None:
        after = self.phase[here]
        if after != before and (after != "ok" or before == "pending"):
            words = {"ok": "calmed", "pending": "pending", "firing": "fired", "resolved": "resolved"}
            self.told.append((f"alert.{words[after]}", *here, at, self.value[here]))


def alert_history(history: History) -> list[tuple[Any, ...]]:
    """(type, rule, key, time, value) of every transition, from the rules, samples and closings in the journal's order."""
    story = Told()
    for stream, row in _in_journal_order(history, "main/alert_evaluator/0"):
        if stream == "control" and row["type"] == "rule.defined":
            story.rules[row["subject"]] = json.loads(row["data"])["spec"]
        elif stream == "metrics":
            story.closed(row) if row["type"] == "window.closed" else story.sampled(row)
    return story.told


def _in_journal_order(history: History, cell: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(stream, row) as the cell took them, times in us."""
    columns = {
        "control": ("@", "type", "subject", "data", "time"),
        "metrics": ("@", "type", "metric", "key", "start", "time", "width_us", "count"),
        "clock": ("@", "time"),
    }
    rows: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for part in journal_above(history.log, cell, 0):
        source = (part.stream, part.producer)
        if source not in rows:
            names = columns[part.stream]
            found = (dict(zip(names, row, strict=True)) for row in history.rows(*source, *names))
            rows[source] = {row["@"]: row for row in found}
        for offset in range(part.start, part.end):
            if offset in rows[source]:
                yield part.stream, rows[source][offset]


def told_alerts(history: History) -> list[tuple[Any, ...]]:
    return history.rows("alerts", "main/alert_evaluator/0", "type", "rule", "key", "time", "value")


def every_effect_once(history: History, channels: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Each fired or resolved alert is owed to each channel of its rule once, and settled once; answers the keys."""
    columns = ("type", "rule", "alert", "time")
    owed = [
        f"{alert}:{type_}:{at}:{channel}"
        for type_, rule, alert, at in history.rows("alerts", "main/alert_evaluator/0", *columns)
        if type_ in ("alert.fired", "alert.resolved")
        for channel in channels[rule]
    ]
    asked = [key for (key,) in history.rows("outbox", "main/alert_evaluator/0", "idempotency_key")]
    assert asked == owed, "the outbox is not what the alerts ask for"
    assert len(set(asked)) == len(asked), "an effect is owed twice"
    settled = history.rows("notifications", "main/notifier/0", "idempotency_key", "type")
    assert sorted(key for key, _ in settled) == sorted(asked), "an effect is not settled, or twice"
    assert {type_ for _, type_ in settled} <= {"notification.sent"}
    return asked
