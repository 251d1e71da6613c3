"""Every stream: its name, its Arrow schema and the version of that schema.

A stream's rows always begin with the envelope (CloudEvents 1.0 names). ``id`` may be null on rows that a fold derives:
their identity is ``producer:offset``. The tenant is in the entry header, once for all its rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from events.collected import COLLECTED
from events.errors import Rejected
from events.learned import FORECASTS, MODELS, PREDICTIONS
from events.stream import ENVELOPE, LABEL, TIME, Stream, stream_of

USER_INTERACTIONS = stream_of(
    "user_interactions",
    "What people do in the products: tracked events, pages, identifications.",
    pa.field("anonymous_id", pa.string()),
    pa.field("amount", pa.int64()),  # minor units of `currency`
    pa.field("currency", LABEL),
    pa.field("value", pa.float64()),
    pa.field("properties", pa.string()),  # JSON object: all beyond the contract
    pa.field("context", pa.string()),  # JSON object: library, page, campaign, device
)
SYSTEM_METRICS = stream_of(
    "system_metrics",
    "Gauges of the machines that run the products: `type` names the gauge, `source` the host.",
    pa.field("value", pa.float64()),
    pa.field("unit", LABEL),
)
METRICS = stream_of(
    "metrics",
    "metric.sampled: one window of one metric and key; a later `revision` replaces an earlier one. window.closed (without a "
    "revision): all windows that end in (start, time] are closed, and keys without a sample there had no rows. `cause` "
    "names the event that defined the metric; `subject` is `past` for windows from before that.",
    pa.field("metric", LABEL),
    pa.field("key", LABEL),
    pa.field("start", TIME),
    pa.field("width_us", pa.int64()),
    pa.field("count", pa.int64()),
    pa.field("sum", pa.float64()),
    pa.field("mean", pa.float64()),
    pa.field("min", pa.float64()),
    pa.field("max", pa.float64()),
    pa.field("p50", pa.float64()),
    pa.field("p95", pa.float64()),
    pa.field("p99", pa.float64()),
    pa.field("distinct", pa.int64()),
    pa.field("revision", pa.int32()),
)
PAST_METRICS = stream_of(
    "past_metrics",
    "metric.sampled: windows of the past, counted from all rows that the log has of them, after an import brought some. "
    "They stand for the samples of these windows in `metrics`; `metrics_latest` has both.",
    *[*METRICS.schema][len(ENVELOPE) :],
)


def _rollup(name: str, what: str) -> Stream:
    return stream_of(
        name,
        f"metric.rolled: windows of one metric and key by {what}, of one block of `of_stream` that ends at place `until` of "
        "`of_producer`. Rows of one bucket add up; GET /v1/metrics/range does it.",
        pa.field("metric", LABEL),
        pa.field("key", LABEL),
        pa.field("start", TIME),  # of the bucket, in UTC; `time` is its end
        pa.field("of_width_us", pa.int64()),  # of the windows
        pa.field("windows", pa.int64()),
        pa.field("first_start", TIME),  # of the first window that is in it, and of the last one
        pa.field("last_start", TIME),
        pa.field("count", pa.int64()),
        pa.field("sum", pa.float64()),
        pa.field("min", pa.float64()),
        pa.field("max", pa.float64()),
        pa.field("distinct_count", pa.int64()),  # the greatest of a window
        pa.field("of_stream", LABEL),
        pa.field("of_producer", LABEL),
        pa.field("until", pa.int64()),
    )


ROLLUPS = {
    60_000_000: _rollup("metrics_1m", "minute"),
    3_600_000_000: _rollup("metrics_1h", "hour"),
    86_400_000_000: _rollup("metrics_1d", "day"),
}
"""By width of a bucket, in us."""
IMPORTS = stream_of(
    "imports",
    "import.finished: all rows of an import are in the log. `subject` is the import, made of the files' content.",
    pa.field("file", pa.string()),
    pa.field("row_count", pa.int64()),
    pa.field("accepted", pa.int64()),
    pa.field("earliest", TIME),  # of the `time` of its rows; null where none was accepted
    pa.field("latest", TIME),
)
LATE_ROWS = stream_of(
    "late_rows",
    "row.late: a row that came too late for its window in `metrics`, which do not count it; it is in `stream` nevertheless.",
    pa.field("stream", LABEL),
    pa.field("event", LABEL),  # type of the row
    pa.field("metrics", pa.list_(pa.string())),
    pa.field("behind_us", pa.int64()),  # how far the watermark was ahead of the row's time: a lateness that would do
)
ANOMALIES = stream_of(
    "anomalies",
    "anomaly.scored: a metric sample beside what was expected of it.",
    pa.field("metric", LABEL),
    pa.field("key", LABEL),
    pa.field("start", TIME),
    pa.field("aggregate", LABEL),
    pa.field("value", pa.float64()),
    pa.field("score", pa.float64()),
    pa.field("expected", pa.float64()),
    pa.field("lower", pa.float64()),
    pa.field("upper", pa.float64()),
    pa.field("direction", pa.int8()),
    pa.field("is_anomaly", pa.bool_()),
    pa.field("status", LABEL),
)
INSIGHTS = stream_of(
    "insights",
    "trend.judged: whether the newest windows of a metric rise or fall (`value`: slope an hour). correlation.judged: "
    "whether two series move together (`value`: coefficient), and by how much the second follows the first (`lag_us`). "
    "Told when `status` changes.",
    pa.field("watch", LABEL),
    pa.field("status", LABEL),
    pa.field("metric", LABEL),
    pa.field("aggregate", LABEL),
    pa.field("key", LABEL),
    pa.field("with_metric", LABEL),
    pa.field("with_aggregate", LABEL),
    pa.field("with_key", LABEL),
    pa.field("start", TIME),
    pa.field("value", pa.float64()),
    pa.field("lower", pa.float64()),
    pa.field("upper", pa.float64()),
    pa.field("change", pa.float64()),  # over the whole span, as a share of the mean
    pa.field("lag_us", pa.int64()),
    pa.field("p_value", pa.float64()),
    pa.field("n", pa.int64()),
    pa.field("message", pa.string()),
)
ANNOTATIONS = stream_of(
    "annotations",
    "annotation.added: what happened at a time (to `until`), for charts to show: a release, a campaign, an incident. "
    "annotation.removed: it is shown no more. `subject` is the annotation; the newest row of it counts.",
    pa.field("title", pa.string()),
    pa.field("kind", LABEL),
    pa.field("about", pa.string()),
    pa.field("link", pa.string()),
    pa.field("until", TIME),  # null: a moment
    pa.field("dashboard", LABEL),  # null: of all
    pa.field("author", LABEL),
)
SESSIONS = stream_of(
    "sessions",
    "session.ended: a visit of one device, from its first event (`start`) to its last one (`time`). session.revised: late "
    "rows changed it; the highest `revision` of an `id` counts. session.withdrawn: it is part of another one. See "
    "`sessions_latest`.",
    pa.field("session", LABEL),  # name of the definition
    pa.field("device", pa.string()),  # whose inactivity ends it: the anonymous id, where there is one; else the subject
    pa.field("start", TIME),
    pa.field("duration_us", pa.int64()),
    pa.field("events", pa.int64()),
    pa.field("pages", pa.int64()),
    pa.field("conversions", pa.int64()),
    pa.field("entry", pa.string()),  # the first page, and …
    pa.field("exit", pa.string()),  # … the last one
    pa.field("channel", LABEL),
    pa.field("origin", LABEL),  # utm_source, or the host that referred
    pa.field("medium", LABEL),
    pa.field("campaign", LABEL),
    pa.field("content", LABEL),
    pa.field("term", LABEL),
    pa.field("referrer", pa.string()),
    pa.field("revision", pa.int32()),
)
IDENTITIES = stream_of(
    "identities",
    "identity.placed: from here on the id `subject` is one of `person`. identity.refused: a link to `other` that is not "
    "made, with its `reason`. identity.warned: one that is made, and worth a look. account.joined: the newest account of "
    "an id. See `people`.",
    pa.field("person", pa.string()),
    pa.field("other", pa.string()),
    pa.field("reason", LABEL),
    pa.field("message", pa.string()),
    pa.field("account", pa.string()),
)
ALERTS = stream_of(
    "alerts",
    "alert.pending | alert.calmed | alert.fired | alert.resolved | alert.acknowledged: the life of each alert. "
    "alert.revised: late rows changed what was judged of one window; nobody is told.",
    pa.field("alert", pa.string()),
    pa.field("rule", LABEL),
    pa.field("severity", LABEL),
    pa.field("metric", LABEL),
    pa.field("key", LABEL),
    pa.field("value", pa.float64()),
    pa.field("threshold", pa.float64()),
    pa.field("message", pa.string()),
    pa.field("by", pa.string()),
)
OUTBOX = stream_of(
    "outbox",
    "notification.requested: effects that the system owes to the world.",
    pa.field("channel", LABEL),
    pa.field("idempotency_key", pa.string()),
    pa.field("body", pa.string()),
)
NOTIFICATIONS = stream_of(
    "notifications",
    "notification.sent | notification.failed: what became of each effect.",
    pa.field("channel", LABEL),
    pa.field("idempotency_key", pa.string()),
    pa.field("attempts", pa.int32()),
    pa.field("error", pa.string()),
)
DELIVERIES = stream_of(
    "deliveries",
    "delivery.deferred: an attempt to deliver an effect that failed, and when the next one is due.",
    pa.field("channel", LABEL),
    pa.field("idempotency_key", pa.string()),
    pa.field("attempts", pa.int32()),
    pa.field("error", pa.string()),
    pa.field("due", TIME),
    pa.field("hold", pa.bool_()),  # the receiver asked for this: nothing goes to the channel before `due`
)
CONVERSATIONS = stream_of(
    "conversations",
    "conversation.begun: the first message about `subject` on a channel that has threads; `reference` names its thread.",
    pa.field("channel", LABEL),
    pa.field("reference", pa.string()),
)
CONTROL = stream_of(
    "control",
    "Commands that were accepted: rules, keys, acknowledgements; `data` is a JSON object.",
    pa.field("data", pa.string()),
)
CLOCK = stream_of("clock", "clock.ticked: the only clock a fold can see.")
IDLE_PRODUCERS = stream_of(
    "idle_producers",
    "producer.idled: a producer of a stream that has several has written nothing for a while; no window waits for rows of "
    "it from before `until`.",
    pa.field("stream", LABEL),
    pa.field("producer", LABEL),
    pa.field("at_offset", pa.int64()),  # of the next row that it will write
    pa.field("until", TIME),
)
DEAD_LETTERS = stream_of(
    "dead_letters",
    "row.rejected: refused input, kept with its reason. row.replayed: the one at `cause` was mended, and is recorded.",
    pa.field("stream", LABEL),
    pa.field("field", LABEL),
    pa.field("reason", pa.string()),
    pa.field("payload", pa.binary()),
)
REPLAYED = "row.replayed"
QUARANTINE = stream_of(
    "quarantine",
    "row.quarantined: a row that crashes a fold, set aside in the commit that skips it.",
    pa.field("fold", LABEL),
    pa.field("stream", LABEL),
    pa.field("producer", LABEL),
    pa.field("offset", pa.int64()),
    pa.field("error", pa.string()),
)
SEGMENTS = stream_of(
    "segments",
    "segment.written: which offsets of a stream are in the archive, in which file, and how to tell that it is whole. "
    "segment.dropped: one that is not kept any more.",
    pa.field("stream", LABEL),
    pa.field("producer", LABEL),
    pa.field("first_offset", pa.int64()),
    pa.field("end_offset", pa.int64()),  # the offset after the last one
    pa.field("row_count", pa.int64()),
    pa.field("file", pa.string()),  # below the archive's folder
    pa.field("bytes", pa.int64()),
    pa.field("checksum", pa.string()),  # xxh3-128 of the file, hexadecimal
    pa.field("entries_checksum", pa.string()),  # and of the file with the entries' headers
    pa.field("earliest", TIME),  # of the rows' `time`; null where there are no rows
    pa.field("latest", TIME),
    pa.field("earliest_received", TIME),
    pa.field("latest_received", TIME),
    pa.field("chain", pa.string()),  # the log's chain hash after the last entry that begins in the range, hexadecimal
)

PAST_REQUESTS = stream_of(
    "past_requests",
    "past.wanted: a definition joins a fold that has read its stream already, and asks for its past below a cut. "
    "past.taken: it has it, and counts on. past.dropped: nobody needs it any more. `data` is a JSON object.",
    pa.field("data", pa.string()),
)
PASTS = stream_of(
    "pasts",
    "past.folding: how far the past of a definition is folded. past.part: rows of it. past.folded: its state at the cut. "
    "`data` is a JSON object.",
    pa.field("data", pa.string()),
    pa.field("payload", pa.binary()),
)
BACKSTAGE = (PAST_REQUESTS.name, PASTS.name, IDLE_PRODUCERS.name)
"""Streams by which cells talk to each other; nothing can be defined on them."""

_known: dict[str, Stream] = {
    s.name: s
    for s in (
        USER_INTERACTIONS,
        SYSTEM_METRICS,
        METRICS,
        PAST_METRICS,
        *ROLLUPS.values(),
        IMPORTS,
        LATE_ROWS,
        ANOMALIES,
        INSIGHTS,
        ANNOTATIONS,
        FORECASTS,
        SESSIONS,
        IDENTITIES,
        ALERTS,
        OUTBOX,
        NOTIFICATIONS,
        DELIVERIES,
        CONVERSATIONS,
        CONTROL,
        CLOCK,
        IDLE_PRODUCERS,
        DEAD_LETTERS,
        QUARANTINE,
        PAST_REQUESTS,
        PASTS,
        SEGMENTS,
        MODELS,
        PREDICTIONS,
        *COLLECTED,
    )
}

OURS = tuple(_known)
"""The names of the streams that every process knows, without those of parts."""
STREAMS: Mapping[str, Stream] = MappingProxyType(_known)
"""By name: ours, and those that parts brought to this process (``join``)."""


def join(stream: Stream) -> None:
    """Make a part's stream known to this process; again, it changes nothing. Raises ``Rejected`` for what cannot be one."""
    if _known.get(stream.name, stream) != stream:
        raise Rejected("streams", f"there is another stream {stream.name!r} already; give this one a name of its own")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", stream.name):
        raise Rejected("streams", f"{stream.name!r} is no name of a stream: small letters, digits and underscores")
    if [*stream.schema][: len(ENVELOPE)] != [*ENVELOPE]:
        raise Rejected("streams", f"the schema of {stream.name} must begin with the envelope; make it with `stream_of`")
    _known[stream.name] = stream


def rows(stream: Stream, columns: Mapping[str, Any], n: int) -> pa.RecordBatch:
    """`n` rows of ``stream``; a column is an Arrow array, a list of values, or one value for every row.

    Columns that are not given are null. Raises ``KeyError`` for a column that the stream does not have.
    """
    types = stream.types
    unknown = columns.keys() - types.keys()
    if unknown:
        raise KeyError(f"{stream.name} has no column {sorted(unknown)}")
    arrays = [_column(type_, columns.get(name), n) for name, type_ in types.items()]
    return pa.RecordBatch.from_arrays(arrays, schema=stream.schema)


def _column(type_: pa.DataType, value: object, n: int) -> pa.Array:
    if value is None:
        return pa.nulls(n, type_)
    if isinstance(value, pa.Array):
        array: Any = value
        return array if array.type == type_ else array.cast(type_)
    if isinstance(value, pa.ChunkedArray):
        chunked: Any = value
        return _column(type_, chunked.combine_chunks(), n)
    if isinstance(value, (list, tuple)) or hasattr(value, "__array__"):
        if pa.types.is_dictionary(type_):
            return pa.array(value, type_.value_type).dictionary_encode().cast(type_)
        return pa.array(value, type_)
    if pa.types.is_dictionary(type_):
        values = pa.array([value], type_.value_type)
        return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), n), values)
    return pa.repeat(pa.scalar(value, type_), n)
