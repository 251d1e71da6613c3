"""Events on their way in: the requests that carry them, and what became of them."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import orjson

from events.errors import Rejected
from hindcast.client.answers import Receipt, Verdict
from hindcast.client.call import Call

if TYPE_CHECKING:
    import httpx

Event: TypeAlias = Mapping[str, Any]
BATCH_ROWS = 1000
BATCH_BYTES = 2_000_000
SEGMENT_BYTES = 400_000
SEGMENT = frozenset({"track", "identify", "page", "screen", "group", "alias"})
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
        row = encoded(_segment(event) if now_segment else _cloudevent(event, source))
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
    """Whether it is a message of Segment, and no CloudEvent."""
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


def encoded(row: dict[str, Any]) -> bytes:
    """A body as JSON. Raises ``Rejected`` for a value that JSON cannot hold."""
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
    from hindcast.client.exchange import refused

    found = orjson.loads(answer.content)
    if "accepted" not in found:  # 400: the body as a whole is wrong, not its rows
        raise refused(answer)
    return cast(Receipt, found)


def empty_receipt() -> Receipt:
    """The receipt of no events."""
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
    """How many events it is about."""
    return receipt["accepted"] + receipt["duplicate"] + receipt["rejected_total"]


def segment(kind: str, fields: Mapping[str, Any]) -> Call[Receipt]:
    """One Segment message on its way to ``/v1/{kind}``."""
    message = {"messageId": uuid7(), "timestamp": datetime.now(UTC), **fields}
    row = {name: value for name, value in message.items() if value is not None}
    return Call("POST", f"/v1/{kind}", receipt, content=encoded(row))
