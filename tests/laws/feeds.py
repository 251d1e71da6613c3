"""Input for folds: entries of any stream, made from a seed, so that two processes can make the same ones."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st

from actors.fold import Batch
from actors.packing import pack
from events.catalog import STREAMS, rows
from events.entry import NO_WATERMARK, EntryHeader
from tests.laws import model_feeds
from tests.laws.toys import int_column

RAW = ("user_interactions", "system_metrics", "website_analytics")
"""Streams whose watermark is known at each row; of the others only the header says it, at the end of an entry."""
BOUND_US = 5_000_000
BASE_US = 1_760_000_000_000_000
RULE = {"condition": "events.count > 5", "threshold": 5.0, "channels": ["dashboard"], "for_s": 20.0}
GAUGES = ("cpu.percent", "memory.percent", "disk.percent", "network.bytes_per_s")
VALUES: Mapping[tuple[str, str], Sequence[Any]] = {
    ("user_interactions", "type"): (
        "order.placed",
        "page.viewed",
        "events",
        "user.identified",
        "user.aliased",
        "user.grouped",
    ),
    ("user_interactions", "properties"): ("{}", '{"plan":"pro"}', '{"previousId":"a","groupId":"g"}', None),
    ("user_interactions", "currency"): ("EUR", "USD", None),
    ("user_interactions", "context"): (
        None,
        '{"campaign":{"source":"news","medium":"email"},"page":{"path":"/a"}}',
        '{"page":{"url":"https://shop.example/b?utm_source=google","referrer":"https://t.co/x"}}',
    ),
    ("website_analytics", "type"): ("page.requested", "page.viewed"),
    ("website_analytics", "referrer"): (None, "https://www.google.com/", "https://a/x"),
    ("website_analytics", "path"): ("/", "/price", "/style.css"),
    ("website_analytics", "status"): (200, 404, None),
    ("system_metrics", "type"): GAUGES,
    ("system_metrics", "source"): ("host-a", "host-b"),
    ("metrics", "type"): ("metric.sampled", "metric.sampled", "window.closed"),
    ("metrics", "source"): ("events", "{type}", None),
    ("metrics", "metric"): ("events", "events", "{type}", *GAUGES),
    ("metrics", "key"): ("a", "b", "", None),
    ("late_rows", "metrics"): (["events"], ["events", "revenue"]),
    ("metrics", "width_us"): (10_000_000,),
    ("metrics", "revision"): (0, 0, 0, 1),
    ("past_metrics", "type"): ("metric.sampled",),
    ("past_metrics", "source"): ("events", "{type}"),
    ("past_metrics", "metric"): ("events", "events", *GAUGES),
    ("past_metrics", "key"): ("a", "b", ""),
    ("past_metrics", "width_us"): (10_000_000,),
    ("anomalies", "metric"): ("events", *GAUGES),
    ("forecasts", "type"): (
        "forecast.known",
        "forecast.made",
        "forecast.made",
        "forecast.missing",
        "forecast.withdrawn",
    ),
    ("insights", "type"): ("trend.judged", "trend.judged", "correlation.judged"),
    ("insights", "status"): ("rising", "falling", "steady", "learning", "withdrawn"),
    ("alerts", "type"): (
        "alert.pending",
        "alert.fired",
        "alert.resolved",
        "alert.acknowledged",
        "alert.calmed",
        "alert.revised",
    ),
    ("alerts", "time"): (BASE_US, BASE_US - 90_000_000_000, BASE_US + 1),
    ("control", "type"): (
        "rule.created",
        "rule.deleted",
        "rule.defined",
        "rule.defined",
        "rule.removed",
        "metric.defined",
        "metric.defined",
        "metric.removed",
        "anomaly.defined",
        "anomaly.removed",
        "trend.defined",
        "trend.removed",
        "forecast.defined",
        "forecast.removed",
        "correlation.defined",
        "session.defined",
        "session.defined",
        "session.removed",
        "identity.defined",
        "identity.defined",
        "identity.unlinked",
        "feature.defined",
        "feature.defined",
        "feature.removed",
        "dashboard.defined",
        "alert.acknowledged",
        "alert.raised",
        "notification.asked",
        "notification.resent",
    ),
    ("control", "subject"): ("r", "s", "t"),
    ("past_requests", "type"): ("past.wanted", "past.wanted", "past.taken", "past.dropped"),
    ("past_requests", "subject"): ("metric/r", "anomaly/events.count"),
    ("pasts", "type"): ("past.folding", "past.part", "past.part", "past.folded"),
    ("pasts", "subject"): ("metric/r", "anomaly/events.count"),
    ("pasts", "partition_key"): ("t/past_requests/0", "t/past_requests/1"),
    ("dead_letters", "stream"): ("user_interactions", "control"),
    ("idle_producers", "stream"): ("user_interactions", "user_interactions", "system_metrics"),
    ("idle_producers", "producer"): ("t/user_interactions/0", "t/user_interactions/1", "t/system_metrics/1"),
    ("idle_producers", "at_offset"): range(20),
    ("outbox", "channel"): ("dashboard", "webhook"),
    ("outbox", "body"): ("{}",),
    ("outbox", "idempotency_key"): ("a", "b", "r", "s"),
    **model_feeds.VALUES,
}
"""What a column may hold; the others hold a few plain values of their type, and now and then none."""


class Feed(NamedTuple):
    """One entry to come: rows of a producer, or none and only a watermark."""

    stream: str
    producer: str
    table: pa.RecordBatch
    watermark: int
    committed: int


def make(seed: int, entries: int, most_rows: int, streams: Sequence[str]) -> list[Feed]:
    """``entries`` feeds of the given streams; of each stream two producers."""
    rng = random.Random(seed)
    now, marks, feeds = BASE_US, dict[tuple[str, str], int](), list[Feed]()
    for number in range(entries):
        stream = rng.choice(streams)
        producer = f"t/{stream}/{0 if stream in ('clock', 'control') else rng.randrange(2)}"
        now += rng.choice((0, 1, 900_000, 7_000_000, 40_000_000))
        n = 0 if rng.random() < 0.08 else 1 if stream == "clock" else rng.randint(0, most_rows)
        table = _rows(rng, stream, n, now, number)
        mark = max(marks.get((stream, producer), NO_WATERMARK), _mark(table))
        if n == 0:
            mark = max(mark, now - 2 * BOUND_US)
        marks[stream, producer] = mark
        feeds.append(Feed(stream, producer, table, mark, now + 1000))
    return feeds


def _mark(table: pa.RecordBatch) -> int:
    pairs = zip(int_column(table, "time"), int_column(table, "received"), strict=True)
    return max((min(t, r) - BOUND_US for t, r in pairs), default=NO_WATERMARK)


def _rows(rng: random.Random, stream: str, n: int, now: int, number: int) -> pa.RecordBatch:
    ids = [f"{rng.randrange(6)}" if rng.random() < 0.05 else f"{stream} {number} {i}" for i in range(n)]
    columns: dict[str, Any] = {"id": ids, "received": [now] * n}
    columns["time"] = [now if stream == "clock" else _when(rng, now) for _ in range(n)]
    columns["source"] = [rng.choice(("site-a", "site-b")) for _ in range(n)]
    for field in STREAMS[stream].schema:
        wanted = VALUES.get((stream, field.name))
        if wanted or field.name not in columns:
            columns[field.name] = [rng.choice(wanted) if wanted else _plain(rng, field, now) for _ in range(n)]
    if stream in ("pasts", "past_requests"):
        columns["data"] = [_of_a_past(rng, subject) for subject in columns["subject"]]
        if stream == "pasts":
            columns["payload"] = [_past(rng, type_) for type_ in columns["type"]]
    if stream == "models":
        columns["subject"] = [model_feeds.subject(rng, type_) for type_ in columns["type"]]
        columns["data"] = [model_feeds.said(rng, type_) for type_ in columns["type"]]
    if stream == "control":
        columns["subject"] = [
            rng.choice(("events.count", "cpu.percent.mean")) if type_.startswith(("anomaly.", "trend.")) else name
            for type_, name in zip(columns["type"], columns["subject"], strict=True)
        ]
        columns["data"] = [_said(rng, *said) for said in zip(columns["type"], columns["subject"], strict=True)]
    return rows(STREAMS[stream], columns, n)


def _of_a_past(rng: random.Random, subject: str) -> str:
    """The data of a row about the past of a definition."""
    kind, _, name = subject.partition("/")
    spec = {"name": name, "stream": "user_interactions"} if kind == "metric" else {"metric": "events"}
    cut = {"t/user_interactions/0": rng.randrange(3)}
    said = {"spec": spec, "cause": "t/control/0:1"}
    found = {"kind": kind, "name": name, "version": rng.randrange(6), "said": said, "stream": "user_interactions"}
    return json.dumps(
        {**found, "cut": cut, "share": 0.5, "producer": "t/user_interactions/0", "first": rng.randrange(2)}
    )


def _past(rng: random.Random, type_: str) -> bytes:
    """What a row about a past carries: rows that a fold tells as its own, or states by producer."""
    if type_ != "past.part":
        return msgspec.msgpack.encode({})
    n = rng.randrange(3)
    return pack(rows(STREAMS["metrics"], {"type": "metric.sampled", "time": BASE_US, "metric": ["r"] * n}, n))


METRICS_DEFINED: Sequence[Mapping[str, Any]] = (
    {"stream": "user_interactions"},
    {
        "stream": "user_interactions",
        "types": ["order.placed"],
        "key": "currency",
        "value": "value",
        "distinct": "subject",
    },
    {"stream": "system_metrics", "key": "source", "value": "value"},
    {"stream": "dead_letters", "key": "field"},
    {"stream": "control", "key": "type"},
)


SESSIONS_DEFINED: Sequence[Mapping[str, Any]] = (
    {"stream": "user_interactions", "gap_s": 8.0, "lateness_s": 60.0, "conversions": ["order.placed"], "own_hosts": []},
    {"stream": "user_interactions", "gap_s": 1.0, "lateness_s": 0.0, "conversions": [], "own_hosts": []},
    {"stream": "website_analytics", "gap_s": 8.0, "lateness_s": 20.0, "conversions": [], "own_hosts": ["a"]},
)


FEATURES_DEFINED: Sequence[Mapping[str, Any]] = tuple(
    {"name": "user.f", **spec}
    for spec in (
        {"aggregate": "count"},
        {"aggregate": "days_since", "event": "order.placed", "window": "30s"},
        {"aggregate": "sum", "of": "value", "window": "10s"},
        {"aggregate": "last", "of": "plan", "window": "1d"},
        {"aggregate": "distinct", "of": "currency"},
        {"aggregate": "count", "stream": "website_analytics", "key": "path"},
        {"expression": "user.r + 1"},
    )
)


def _said(rng: random.Random, type_: str, name: str) -> str:
    """The data of a command: a rule in clear in its old form, else a definition with its owner."""
    if type_ == "identity.unlinked":
        return json.dumps({"other": rng.choice((None, "b"))})
    if type_ == "alert.raised":
        raised = {"status": rng.choice(("firing", "firing", "resolved")), "resolve_after_s": rng.choice((None, 60))}
        return json.dumps({**raised, "key": rng.choice("ab"), "data": {"accuracy": 0.61}, "channels": ["ops"]})
    if type_ == "notification.asked":
        return json.dumps({"body": {"title": name}, "channels": ["ops", "pager"]})
    if type_.endswith((".defined", ".removed")):
        kind = type_.partition(".")[0]
        spec = {"name": name, **rng.choice(METRICS_DEFINED)}
        if kind == "rule":
            spec = json.loads(_rule(rng, name))
        elif kind == "anomaly":
            metric, _, aggregate = name.rpartition(".")
            spec = {"metric": metric, "aggregate": aggregate}
        elif kind == "trend":
            metric, _, aggregate = name.rpartition(".")
            spec = {"metric": metric, "aggregate": aggregate, "windows": rng.choice((16, 40)), "alpha": 0.2}
        elif kind == "forecast":
            metric, _, aggregate = name.rpartition(".")
            spec = {"metric": metric, "aggregate": aggregate, "step_s": rng.choice((None, 60.0)), "every_s": None}
        elif kind == "correlation":
            series = rng.choice(
                (["events.count[a]", "events.count[b]"], ["events.sum[a]", "events.mean[b]", "cpu.percent.max[a]"])
            )
            spec = {"name": name, "series": series, "windows": 40, "max_lag": 2, "fdr": 0.2}
        elif kind == "identity":
            spec = {"identify": ["user.identified"], "alias": ["user.aliased"], "group": ["user.grouped"]}
        elif kind == "feature":
            spec = {"name": name, **rng.choice(FEATURES_DEFINED)}
        elif kind == "session":
            spec = {"name": name, **rng.choice(SESSIONS_DEFINED)}
        return json.dumps({"spec": spec, "owner": rng.choice(("api", "file:base.yaml")), "by": "ada"})
    return _rule(rng, name)


def _rule(rng: random.Random, name: str) -> str:
    """What a command about the rule ``name`` may say, whatever its type."""
    condition = rng.choice((RULE["condition"], "events.count < 1", "cpu.percent.mean > 3", 'events.sum{key="a"} < 1',
                            "events.sum / events.count > threshold", "events.count[1m] vs 2m < threshold",
                            "cpu.percent.mean > threshold and events.count < 9"))  # fmt: skip
    policy = {"for_s": rng.choice((0.0, 20.0)), "no_data": rng.choice(("resolve", "keep", "fire"))}
    policy |= {"keep_firing_for_s": rng.choice((0.0, 0.0, 30.0)), "clear_threshold": rng.choice((None, None, 0.5))}
    return json.dumps({**RULE, "condition": condition, **policy, "name": name, "by": "ada"})


def _when(rng: random.Random, now: int) -> int:
    if rng.random() < 0.02:
        return 4_102_444_800_000_000  # 2100
    return now - rng.choice((0, 1, 300_000, 4_000_000, 9_000_000, 70_000_000))


def _plain(rng: random.Random, field: pa.Field, now: int) -> Any:
    if pa.types.is_timestamp(field.type):
        return now // 10_000_000 * 10_000_000 - rng.choice((0, 10_000_000))
    if pa.types.is_floating(field.type):
        return rng.choice((0.1, 0.2, 3.3, 7.0, 1e16, -1e16, 42.5))
    if pa.types.is_boolean(field.type):
        return rng.random() < 0.5
    if pa.types.is_integer(field.type):
        return rng.choice((0, 1, 7, 100))
    if pa.types.is_binary(field.type):
        return b"\x00x"
    return rng.choice(("a", "b", "c"))


def feeds(*streams: str, entries: int = 12, most_rows: int = 12) -> st.SearchStrategy[list[Feed]]:
    """Entries of ``streams``."""
    return st.builds(make, st.integers(0, 2**32), st.integers(0, entries), st.integers(1, most_rows), st.just(streams))


# -- the same rows, cut otherwise ----------------------------------------------------------------------------------


def batches(fed: Sequence[Feed], cuts: Callable[[int], Sequence[int]] = lambda n: ()) -> Iterator[Batch]:
    """The feeds as a cell would take them; ``cuts(n)`` says where to slice an entry of n rows."""
    heads: dict[tuple[str, str], int] = {}
    for number, feed in enumerate(fed, 1):
        first = heads.get(feed[:2], 0)
        n = feed.table.num_rows
        version = STREAMS[feed.stream].version
        header = EntryHeader(
            feed.stream, feed.producer, "t", first, n, number, feed.committed, 1, version, feed.watermark
        )
        heads[feed[:2]] = header.end
        places = [0, *sorted(c for c in cuts(n) if 0 < c < n), n]
        for a, b in pairwise(places):
            yield Batch(header, first + a, feed.table.slice(a, b - a), b == n)


def recut(fed: Sequence[Feed], cuts: Callable[[int], Sequence[int]]) -> list[Feed]:
    """The same rows in more entries, each with the watermark that it would have been written with."""
    marks: dict[tuple[str, str], int] = {}
    finer: list[Feed] = []
    for feed in fed:
        n = feed.table.num_rows
        places = [0, *sorted(c for c in cuts(n) if 0 < c < n), n]
        for a, b in pairwise(places):
            part = feed.table.slice(a, b - a)
            mark = marks.get(feed[:2], NO_WATERMARK)
            mark = feed.watermark if b == n else max(mark, _mark(part)) if feed.stream in RAW else mark
            marks[feed[:2]] = mark
            finer.append(feed._replace(table=pa.record_batch(part.columns, schema=part.schema), watermark=mark))
    return finer


def plain(found: Sequence[pa.RecordBatch]) -> list[Any]:
    """Rows of batches in a form that compares bit by bit: dictionaries opened, NaN equal to NaN, -0.0 unlike 0.0."""
    if not found:
        return []
    table = pa.Table.from_batches(found)
    return list(zip(*(_bits(table.column(name)) for name in table.column_names), strict=True))


def _bits(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_floating(column.type):
        return [None if v is None else v.hex() for v in column.to_pylist()]
    if pa.types.is_timestamp(column.type):
        return pc.cast(column, pa.int64()).to_pylist()
    return column.to_pylist()
