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
from events.sqlite_log import SqliteLog
from tests.chaos.load import Event
from tests.laws.oracle import History

SECOND = 1_000_000
DOOR = "main/user_interactions/0"
Window = tuple[int, str]
"""(start in us, key)"""


def every_event_once(history: History, sent: Mapping[str, Event]) -> None:
    """The rows of the log are the events that were sent: none lost, none twice, none altered."""
    rows = history.rows("user_interactions", DOOR, "id", "type", "subject", "time", "amount", "currency")
    found = {row[0]: Event(*row) for row in rows}
    assert len(found) == len(rows), f"{len(rows) - len(found)} events are in the log twice"
    lost = sent.keys() - found.keys()
    assert not lost, f"{len(lost)} events are lost, such as {sorted(lost)[:5]}"
    altered = [id for id, event in found.items() if event != sent.get(id)]
    assert not altered, f"{len(altered)} events are altered or strange, such as {altered[:5]}"
    assert not history.rows("dead_letters", DOOR, "id")


def takes_everything_in_order(history: History, cell: str) -> None:
    """The cell's journal has no gap and no overlap, and no event or sample that it reads is beyond its end.

    What comes by the clock alone (ticks, watermarks) may have come while the system drained.
    """
    cursor: dict[tuple[str, str], int] = {}
    for row in journal_above(history.log, cell, 0):
        source = (row.stream, row.producer)
        assert row.start == cursor.get(source, 0), f"{cell} took {source} from {row.start}, not {cursor.get(source, 0)}"
        assert not row.skipped, f"{cell} set rows aside: {row}"
        cursor[source] = row.end
    for source, at in cursor.items():
        if source[0] in ("user_interactions", "metrics"):
            last = max((e.header.end for e in history.entries(*source) if e.header.rows), default=0)
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
    columns = ("metric", "start", "key", "revision", "count", "sum", "min", "max")
    for name, start, key, revision, *figures in history.rows("metrics", "main/metrics/0", *columns):
        if name == metric:
            shown = tuple(figures) if values else (figures[0], None, None, None)
            revisions[start, key].append((revision, shown))
    for window, found in revisions.items():
        assert [r for r, _ in found] == list(range(len(found))), f"{metric} {window}: revisions {found}"
        assert all(a[1] != b[1] for a, b in pairwise(found)), f"{metric} {window}: a revision that changes nothing"
    return {window: found[-1][1] for window, found in revisions.items()}


def strict_windows(
    log: SqliteLog, history: History, width: int, lateness: int, bound: int
) -> tuple[dict[Window, int], int]:
    """Counts by window, and the rows refused as too late, in the order of the log: row by row, with its punctuations."""
    mark, counts, refused = NO_WATERMARK, defaultdict[Window, int](int), 0
    for entry in history.entries("user_interactions", DOOR):
        if entry.header.rows:
            table = entry.batch()
            times = table.column("time").cast("int64").to_pylist()
            received = table.column("received").cast("int64").to_pylist()
            for time, came in zip(times, received, strict=True):
                mark = max(mark, min(time, came) - bound)
                start = time // width * width
                if start + width + lateness <= mark:
                    refused += 1
                else:
                    counts[start, ""] += 1
        mark = max(mark, entry.header.watermark)
    return dict(counts), refused


# -- alerts --------------------------------------------------------------------------------------------------------------


def alert_history(history: History) -> list[tuple[Any, ...]]:
    """(type, rule, key, time, value) of every transition, from the rules, samples and ticks in the journal's order."""
    rules: dict[str, dict[str, Any]] = {}
    alive: dict[tuple[str, str], dict[str, Any]] = {}
    told: list[tuple[Any, ...]] = []
    for stream, row in _in_journal_order(history, "main/alert_evaluator/0"):
        if stream == "control":
            if row["type"] == "rule.created":
                rules[row["subject"]] = json.loads(row["data"])
        elif stream == "metrics":
            for name in sorted(rules):
                told += _judged(rules[name], name, row, alive)
        else:
            for name in sorted({rule for rule, _ in alive}):
                for key in sorted(k for rule, k in alive if rule == name):
                    a = alive[name, key]
                    waited = row["time"] - a["since"] >= rules[name]["for_s"] * SECOND
                    if a["state"] == "pending" and row["time"] - a["last"] <= 600 * SECOND and waited:
                        a["state"] = "firing"
                        told.append(("alert.fired", name, key, row["time"], a["value"]))
    return told


def _judged(
    rule: Mapping[str, Any], name: str, sample: Mapping[str, Any], alive: dict[Any, Any]
) -> Iterator[tuple[Any, ...]]:
    """One sample under one rule of the form ``metric.count > threshold``."""
    metric, _, aggregate = rule["condition"].split(" ")[0].rpartition(".")
    if sample["metric"] != metric:
        return
    key, at, value = sample["key"], sample["time"], sample[aggregate]
    breached = value is not None and value > rule["threshold"]
    a = alive.get((name, key))
    if a is None:
        if not breached:
            return
        a = alive[name, key] = {"state": "ok", "since": at, "last": 0, "value": value}
    if at <= a["last"]:
        return
    if breached and a["state"] in ("ok", "resolved"):
        a["since"] = at
    a["last"], a["value"] = at, float(value)
    if not breached:
        after = "resolved" if a["state"] in ("firing", "resolved") else "ok"
    else:
        after = "firing" if a["state"] == "firing" or at - a["since"] >= rule["for_s"] * SECOND else "pending"
    before, a["state"] = a["state"], after
    if after == "ok":
        del alive[name, key]
    if after != before:
        word = {"ok": "alert.calmed", "pending": "alert.pending", "firing": "alert.fired", "resolved": "alert.resolved"}
        if after != "ok" or before == "pending":
            yield word[after], name, key, at, float(value)


def _in_journal_order(history: History, cell: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(stream, row) as the cell took them, times in us."""
    columns = {
        "control": ("@", "type", "subject", "data", "time"),
        "metrics": ("@", "metric", "key", "time", "count", "sum", "mean", "max", "distinct"),
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
