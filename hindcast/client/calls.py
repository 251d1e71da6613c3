"""Every call of the API, built once for both clients."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import quote

import httpx
import orjson

from events.errors import Rejected
from hindcast.client.answers import (
    Definition,
    DefinitionChange,
    DefinitionVersion,
    FailedNotification,
    Key,
    MadeKey,
    MadeRule,
    Placement,
    Readiness,
    Receipt,
    Result,
    Rows,
    Rule,
    Sample,
    Status,
    StreamStatus,
    Topic,
    TopicData,
    Verdict,
)
from hindcast.client.exchange import Call, refused

Event: TypeAlias = Mapping[str, Any]
BATCH_ROWS = 1000
BATCH_BYTES = 2_000_000
SEGMENT_BYTES = 400_000
SEGMENT = frozenset({"track", "identify", "page", "screen", "group", "alias"})
PAGE_ROWS = 1000
SOURCE = "hindcast-python"


def uuid7() -> str:
    """A UUID of version 7 (RFC 9562): milliseconds first, so that ids sort by the time they were made."""
    bits = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return str(uuid.UUID(int=bits))


def send(events: Iterable[Event], source: str = SOURCE) -> Iterator[Call[Receipt]]:
    """Calls of at most 1,000 events each, in order. What has no id gets one now, so that every retry is harmless.

    Rows that say ``specversion``, or are no Segment message, go as CloudEvents; Segment messages (``type`` one of track,
    identify, page, screen, group, alias, with Segment's fields) to ``/v1/batch``.
    """
    held: list[bytes] = []
    size, segment = 0, False
    for event in events:
        now_segment = is_segment(event)
        row = _encoded(_segment(event) if now_segment else _cloudevent(event, source))
        most = SEGMENT_BYTES if now_segment else BATCH_BYTES
        if held and (segment != now_segment or len(held) >= BATCH_ROWS or size + len(row) > most):
            yield _batch(held, segment)
            held, size = [], 0
        held.append(row)
        size += len(row) + 1
        segment = now_segment
    if held:
        yield _batch(held, segment)


def is_segment(event: Event) -> bool:
    return event.get("type") in SEGMENT and "specversion" not in event and not event.keys().isdisjoint(_SEGMENT_FIELDS)


_SEGMENT_FIELDS = {"userId", "anonymousId", "messageId", "event", "properties", "traits", "previousId", "groupId"}
_ATTRIBUTES = frozenset({"id", "source", "type", "subject", "time", "data", "datacontenttype", "dataschema"})


def _segment(event: Event) -> dict[str, Any]:
    return {**event, "messageId": event.get("messageId") or uuid7()}


def _cloudevent(event: Event, source: str) -> dict[str, Any]:
    if "specversion" in event:
        return {**event, "id": event.get("id") or uuid7()}
    unknown = [name for name in event if name not in _ATTRIBUTES]
    if unknown:
        known = ", ".join(sorted(_ATTRIBUTES))
        raise Rejected(unknown[0], f"is no attribute of an event ({known}); put it into data, or set specversion")
    filled = {"specversion": "1.0", "source": source, **event}
    filled["id"] = filled.get("id") or uuid7()
    return {name: value for name, value in filled.items() if value is not None}


def _encoded(row: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)
    except TypeError as error:
        raise Rejected(str(row.get("id", "event")), f"cannot be written as JSON: {error}") from None


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} {value!r}")


def _batch(rows: list[bytes], segment: bool) -> Call[Receipt]:
    if segment:
        return Call("POST", "/v1/batch", receipt, content=b'{"batch":[' + b",".join(rows) + b"]}")
    body = b"[" + b",".join(rows) + b"]"
    kind = "application/cloudevents-batch+json"
    return Call("POST", "/v1/events", receipt, content=body, content_type=kind, judged=frozenset({400}))


def receipt(answer: httpx.Response) -> Receipt:
    """What became of the rows of one request."""
    found = _json(answer)
    if "accepted" not in found:  # 400: the body as a whole is wrong, not its rows
        raise refused(answer)
    return cast(Receipt, found)


def empty_receipt() -> Receipt:
    return {
        "success": True,
        "accepted": 0,
        "duplicate": 0,
        "rejected": [],
        "rejected_total": 0,
        "warnings": [],
        "warnings_total": 0,
        "offset": None,
    }


def added(total: Receipt, part: Receipt, base: int) -> Receipt:
    """Both receipts as one; ``part`` is of the rows from ``base`` on."""

    def shown(field: Literal["rejected", "warnings"]) -> list[Verdict]:
        moved = [cast(Verdict, {**verdict, "index": verdict["index"] + base}) for verdict in part[field]]
        return [*total[field], *moved][:100]

    return {
        "success": total["success"] and part["success"],
        "accepted": total["accepted"] + part["accepted"],
        "duplicate": total["duplicate"] + part["duplicate"],
        "rejected": shown("rejected"),
        "rejected_total": total["rejected_total"] + part["rejected_total"],
        "warnings": shown("warnings"),
        "warnings_total": total["warnings_total"] + part["warnings_total"],
        "offset": part["offset"] if total["offset"] is None else total["offset"],
    }


def rows_in(receipt: Receipt) -> int:
    return receipt["accepted"] + receipt["duplicate"] + receipt["rejected_total"]


def segment(kind: str, fields: Mapping[str, Any]) -> Call[Receipt]:
    message = {"messageId": uuid7(), "timestamp": datetime.now(UTC), **fields}
    row = {name: value for name, value in message.items() if value is not None}
    return Call("POST", f"/v1/{kind}", receipt, content=_encoded(row))


def query(sql: str, limit: int | None) -> Call[Result]:
    body = {"sql": sql} if limit is None else {"sql": sql, "limit": limit}
    return Call("POST", "/v1/query", _json, content=_encoded(body))


def streams() -> Call[list[StreamStatus]]:
    return Call("GET", "/v1/streams", lambda answer: _json(answer)["streams"])


def last_rows(stream: str, n: int) -> Call[Rows]:
    return Call("GET", f"/v1/streams/{quote(stream, safe='')}", _json, params={"last": n})


def rows_after(stream: str, producer: str, after: int, limit: int) -> Call[Rows]:
    params: dict[str, str | int | float] = {"producer": producer, "after": after, "limit": limit}
    return Call("GET", f"/v1/streams/{quote(stream, safe='')}", _json, params=params)


def tail(stream: str, last: int, follow: bool, every_s: float) -> Generator[Call[Any] | float | list[Any], Any, None]:
    """Yields calls (and is sent their answers), rows to hand on, and seconds to rest."""
    page: Rows = yield last_rows(stream, max(last, 1))
    if last:
        yield page["rows"]
    at = dict(page["next"])
    while follow:
        known: list[StreamStatus] = yield streams()
        moved = False
        for producer in next(s["producers"] for s in known if s["name"] == stream):
            name = producer["producer"]
            if producer["head"] > at.get(name, 0):
                page = yield rows_after(stream, name, at.get(name, 0), PAGE_ROWS)
                at |= page["next"]
                moved = True
                if page["rows"]:
                    yield page["rows"]
        if not moved:
            yield every_s


def metrics(metric: str, key: str, since: datetime | float | str, limit: int) -> Call[list[Sample]]:
    at = since.timestamp() if isinstance(since, date) else since
    params: dict[str, str | int | float] = {"metric": metric, "key": key, "since": at, "limit": limit}
    return Call("GET", "/v1/metrics", lambda answer: _json(answer)["metrics"], params=params)


def alerts() -> Call[list[dict[str, Any]]]:
    return Call("GET", "/v1/alerts", lambda answer: _json(answer)["alerts"])


def acknowledge(alert: str) -> Call[None]:
    return Call(
        "POST", f"/v1/alerts/{quote(alert, safe='')}/acknowledge", _nothing, headers={"idempotency-key": uuid7()}
    )


def rules() -> Call[list[Rule]]:
    return Call("GET", "/v1/alerts/rules", _json)


def rule(name: str) -> Call[Rule]:
    return Call("GET", f"/v1/alerts/rules/{quote(name, safe='')}", _json)


def set_rule(rule: Mapping[str, Any]) -> Call[MadeRule]:
    return Call("POST", "/v1/alerts/rules", _json, content=_encoded(dict(rule)))


def delete_rule(name: str) -> Call[None]:
    return Call("DELETE", f"/v1/alerts/rules/{quote(name, safe='')}", _nothing, repeatable=False)


def definitions(kind: str) -> Call[list[Definition]]:
    return Call("GET", "/v1/definitions", lambda answer: _json(answer)["definitions"], params={"kind": kind})


def definition(kind: str, name: str) -> Call[Definition]:
    return Call("GET", _definition(kind, name), _json)


def definition_versions(kind: str, name: str) -> Call[list[DefinitionVersion]]:
    return Call("GET", f"{_definition(kind, name)}/versions", lambda answer: _json(answer)["versions"])


def define(kind: str, name: str, spec: Mapping[str, Any], dry_run: bool) -> Call[DefinitionChange]:
    return Call("PUT", _definition(kind, name), _json, content=_encoded(dict(spec)), params=_dry(dry_run))


def apply(wanted: Sequence[Mapping[str, Any]], dry_run: bool) -> Call[list[DefinitionChange]]:
    body = _encoded({"definitions": [dict(one) for one in wanted]})
    return Call("POST", "/v1/definitions", lambda answer: _json(answer)["changes"], content=body, params=_dry(dry_run))


def remove_definition(kind: str, name: str, dry_run: bool) -> Call[DefinitionChange]:
    return Call("DELETE", _definition(kind, name), _json, params=_dry(dry_run), repeatable=False)


def _definition(kind: str, name: str) -> str:
    return f"/v1/definitions/{quote(kind, safe='')}/{quote(name, safe='')}"


def _dry(dry_run: bool) -> dict[str, str | int | float]:
    return {"dry_run": "true"} if dry_run else {}


def failed_notifications() -> Call[list[FailedNotification]]:
    return Call("GET", "/v1/notifications/failed", lambda answer: _json(answer)["notifications"])


def resend_notification(key: str) -> Call[None]:
    return Call("POST", f"/v1/notifications/{quote(key, safe='')}/resend", _nothing)


def dashboards() -> Call[list[Topic]]:
    return Call("GET", "/v1/dashboards", lambda answer: _json(answer)["topics"])


def dashboard(topic: str) -> Call[TopicData]:
    return Call("GET", f"/v1/dashboards/{quote(topic, safe='')}", _json)


def keys() -> Call[list[Key]]:
    return Call("GET", "/v1/keys", _json)


def create_key(name: str, scopes: Sequence[str], source: str | None) -> Call[MadeKey]:
    wanted = {"name": name, "scopes": list(scopes), "source": source}
    return Call("POST", "/v1/keys", _json, content=_encoded(wanted), repeatable=False)


def rotate_key(id: str) -> Call[MadeKey]:
    return Call("POST", f"/v1/keys/{quote(id, safe='')}/rotate", _json, repeatable=False)


def revoke_key(id: str) -> Call[None]:
    return Call("DELETE", f"/v1/keys/{quote(id, safe='')}", _nothing, repeatable=False)


def create_link(address: str) -> Call[str]:
    base = address.rstrip("/")
    return Call("POST", "/v1/links", lambda answer: base + _json(answer)["path"], repeatable=False)


def placement() -> Call[Placement]:
    return Call("GET", "/v1/placement", _json)


def move(cell: str, host: str) -> Call[Placement]:
    return Call("PUT", f"/v1/placement/{quote(cell, safe='')}", _json, content=_encoded({"host": host}))


def arrange(placement: str) -> Call[Placement]:
    return Call("PUT", "/v1/placement", _json, content=_encoded({"placement": placement}))


def status() -> Call[Status]:
    return Call("GET", "/v1/status", _json)


def readiness() -> Call[Readiness]:
    return Call("GET", "/ready", _json, judged=frozenset({503}))


def _json(answer: httpx.Response) -> Any:
    return orjson.loads(answer.content)


def _nothing(answer: httpx.Response) -> None:
    return None
