"""What sending would do, without a system: the same requests, decoded as the server decodes them, and kept nowhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import orjson

from hindcast.client import columnar, sending
from hindcast.client.answers import ImportProgress, Receipt
from serve.ingest import Decoded, Fault, decode_cloudevents, decode_import, decode_segment, decode_table

SHOWN = 3


class Rehearsal:
    """Takes the place of a client. ``events``: the first ones, as they would be sent."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def send(self, events: Iterable[Mapping[str, Any]]) -> Receipt:
        """The verdicts that a server would give, but for ids that it knows already."""
        total, base = sending.empty_receipt(), 0
        for call in sending.send(events):
            content = bytes(call.content or b"")
            decoded = _decoded(call.path, content, call.content_type)
            total = sending.added(total, receipt_of(decoded), base)
            base += decoded.rows
            if len(self.events) < SHOWN:
                rows = orjson.loads(content)
                self.events += (rows["batch"] if isinstance(rows, dict) else rows)[: SHOWN - len(self.events)]
        return total

    def import_progress(self, name: str) -> ImportProgress:
        """Of an import that nobody has begun."""
        return {"name": name, "rows": 0, "accepted": 0, "finished": False}

    def finish_import(self, name: str, rows: int, file: str = "") -> ImportProgress:
        """Nothing was sent, so nothing ends."""
        return {"name": name, "rows": rows, "accepted": 0, "finished": True}

    def import_table(self, name: str, table: Any, *, first: int = 0) -> Receipt:
        """The same for rows of an import."""
        total, base = sending.empty_receipt(), 0
        for call in columnar.import_table(name, table, first):
            decoded = decode_import(bytes(call.content or b""), call.content_type, time.time_ns() // 1000)
            total = sending.added(total, receipt_of(decoded), base)
            base += decoded.rows
        if len(self.events) < SHOWN:
            shown = table.slice(0, SHOWN - len(self.events)).to_pylist()
            self.events += [{name: value for name, value in row.items() if value is not None} for row in shown]
        return total

    def send_table(self, table: Any, *, source: str = sending.SOURCE) -> Receipt:
        """The same for the rows of an Arrow table."""
        total, base = sending.empty_receipt(), 0
        for call in columnar.send_table(table, source):
            decoded = decode_table(bytes(call.content or b""), call.content_type, time.time_ns() // 1000, source)
            total = sending.added(total, receipt_of(decoded), base)
            base += decoded.rows
        if len(self.events) < SHOWN:
            shown = table.slice(0, SHOWN - len(self.events)).to_pylist()
            self.events += [{name: value for name, value in row.items() if value is not None} for row in shown]
        return total


def _decoded(path: str, content: bytes, content_type: str) -> Decoded:
    now = time.time_ns() // 1000
    if path == "/v1/batch":
        return decode_segment("batch", content, now)
    return decode_cloudevents(content, content_type, {}, now)


def receipt_of(decoded: Decoded) -> Receipt:
    """The verdicts of the rows of one request, as a server would give them."""
    verdicts = [_verdict(refused.index, refused.id, refused.faults) for refused in decoded.refused]
    warnings = [_verdict(w.index, w.id, (Fault(w.field, w.reason),)) for w in decoded.warned]
    accepted = decoded.batch.num_rows
    receipt = {
        "success": not verdicts,
        "accepted": accepted,
        "duplicate": 0,
        "rejected": verdicts[:100],
        "rejected_total": len(verdicts),
        "warnings": warnings[:100],
        "warnings_total": len(warnings),
        "offset": None,
    }
    return cast(Receipt, receipt)


def _verdict(index: int, id: str | None, faults: Sequence[Fault]) -> dict[str, Any]:
    found = [fault._asdict() for fault in faults]
    return {"index": index, "id": id, **found[0], "faults": found}
