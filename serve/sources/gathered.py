"""What one read brings: rows as they are made, one after the other, and what could not be read, with its reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from events.catalog import DEAD_LETTERS, Stream, rows
from serve.ingest.money import read_money
from serve.ingest.verdicts import PAYLOAD_BYTES


class Gathered:
    """Rows of ``stream`` from ``source``, received at ``received_us`` (microseconds UTC), and refused ones."""

    def __init__(self, stream: Stream, source: str, received_us: int) -> None:
        self._stream = stream
        self._source = source
        self.received_us = received_us
        self._rows: list[dict[str, Any]] = []
        self._refused: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, *, time: int, type: str, subject: str | None = None, **columns: Any) -> None:
        """A row; ``time`` in microseconds UTC. Raises ``KeyError`` at the end for a column that the stream has not."""
        self._rows.append({"time": time, "type": type, "subject": subject, **columns})

    def refuse(self, field: str, reason: str, payload: object, id: str | None = None) -> None:
        """``payload`` (text, bytes, or what JSON can hold) is no row: ``field`` and ``reason`` say why, and the remedy."""
        self._refused.append({"field": field, "reason": reason, "payload": _bytes(payload)[:PAYLOAD_BYTES], "id": id})

    def read_money(self) -> str:
        """Give each row the amount and currency that its properties say, and their `value` where it has none; answers what
        to say of money that cannot be read. The stream must have these columns."""
        texts = [row["properties"] for row in self._rows]
        if not texts or not all(text.startswith("{") for text in texts):
            return ""
        money, notes = read_money(pa.array(texts, pa.string()))
        if money is not None:
            for i, row in enumerate(self._rows):
                row["value"] = row["value"] if row["value"] is not None else money.value[i]
                row["amount"] = money.amount[i] if money.amount else None
                row["currency"] = money.currency[i] if money.currency else None
        if not notes:
            return ""
        first = notes[0][1]
        return f"in {len(notes):,} rows money is not as it should be, in the first one {first.field} {first.reason}"

    def batch(self) -> pa.RecordBatch:
        """The rows in the order of their times; rows of one time stay in the order in which they came."""
        found = sorted(self._rows, key=lambda row: row["time"])
        names = dict.fromkeys(name for row in found for name in row)
        columns: dict[str, Any] = {name: [row.get(name) for row in found] for name in names}
        columns |= {"source": self._source, "received": self.received_us}
        if "partition_key" not in columns:
            columns["partition_key"] = [row["subject"] or row.get("id") for row in found]
        return rows(self._stream, columns, len(found))

    def refused(self) -> pa.RecordBatch | None:
        """The refused ones as rows of ``dead_letters``; None: there are none."""
        if not self._refused:
            return None
        columns: dict[str, Any] = {name: [row[name] for row in self._refused] for name in self._refused[0]}
        at = {"time": self.received_us, "received": self.received_us, "source": self._source}
        fixed = {"type": "row.rejected", "stream": self._stream.name}
        return rows(DEAD_LETTERS, {**columns, **at, **fixed}, len(self._refused))


def as_json(value: object) -> str:
    """JSON text. A decimal is a number with all its digits; what JSON has no word for (bytes, a range) is text."""
    return orjson.dumps(value, default=_plainly, option=orjson.OPT_NON_STR_KEYS).decode()


def _plainly(value: object) -> object:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value).replace("E+", "e"))
    return value.hex() if isinstance(value, bytes | memoryview) else str(value)


def _bytes(payload: object) -> bytes:
    if isinstance(payload, bytes):
        return payload
    return payload.encode("utf-8", "replace") if isinstance(payload, str) else as_json(payload).encode()
