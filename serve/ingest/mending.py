"""A refused event mended: fields set by JMESPath expressions over what was sent, and decoded again in its own dialect."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from events.errors import Rejected
from serve.ingest.cloudevents import decode_event
from serve.ingest.contract import MESSAGES
from serve.ingest.segment import decode_segment
from serve.ingest.times import AHEAD_US
from serve.ingest.verdicts import PAYLOAD_BYTES, Decoded

Path = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Expression = Annotated[str, StringConstraints(max_length=2_000)]
Changes = Mapping[Path, Expression]
"""By dotted path of a field: an expression over the event as it was sent. One that finds nothing takes the field away."""
_SEGMENTS = frozenset(("userId", "anonymousId", "messageId", "event", "properties", "traits", "context", "groupId"))


def check(changes: Changes) -> None:
    """Raises ``Rejected`` with the path whose expression is none."""
    import jmespath  # here: only a mapping needs it
    from jmespath.exceptions import JMESPathError

    for path, expression in changes.items():
        try:
            jmespath.compile(expression)
        except JMESPathError as error:
            why = str(error).splitlines()[0]
            raise Rejected(
                f"set.{path}", f"is no JMESPath expression (https://jmespath.org): {why}; a text is '…'"
            ) from None


def mended(payload: bytes, changes: Changes) -> dict[str, Any]:
    """The event with its changes. Raises ``Rejected`` for what was no JSON object, and where a change does not fit."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    if len(payload) >= PAYLOAD_BYTES:
        raise Rejected("payload", f"was cut at {PAYLOAD_BYTES:,} bytes when it was refused; send the event again")
    try:
        sent = json.loads(payload)
    except ValueError:
        raise Rejected("payload", "is no JSON, so that no part of it can be named; send the event again") from None
    if not isinstance(sent, dict):
        raise Rejected("payload", "is no JSON object, so that no part of it can be named; send the event again")
    event = copy.deepcopy(sent)
    for path, expression in changes.items():
        try:
            value = jmespath.search(expression, sent)
        except JMESPathError as error:
            raise Rejected(f"set.{path}", str(error).splitlines()[0]) from None
        *parents, name = path.split(".")
        place = event
        for parent in parents:
            inner = place.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise Rejected(f"set.{path}", f"{parent!r} is {json.dumps(inner)[:60]} there, which has no fields")
            place = inner
        if value is None:
            place.pop(name, None)
        else:
            place[name] = value
    return event


def decoded(
    event: Mapping[str, Any], id_: str, time_us: int, now_us: int, source: str, ahead_us: int = AHEAD_US
) -> Decoded:
    """The event as its sender's dialect has it. What it does not say of itself is given: its id, and when it came."""
    at = datetime.fromtimestamp(time_us / 1e6, UTC).isoformat()
    if event.get("type") in MESSAGES and not _SEGMENTS.isdisjoint(event):
        said = {**event, "messageId": event.get("messageId") or id_}
        if not said.get("originalTimestamp"):
            said["timestamp"] = event.get("timestamp") or at
        return decode_segment(said["type"], json.dumps(said).encode(), now_us, source, ahead_us)
    said = {**event, "id": event.get("id") or id_, "time": event.get("time") or at}
    return decode_event(json.dumps(said).encode(), now_us, source, ahead_us)
