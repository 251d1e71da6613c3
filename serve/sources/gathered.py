"""What one read brings: rows as they are made, one after the other, and what could not be read, with its reason."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa

from events.catalog import DEAD_LETTERS, Stream, rows
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
    """JSON text; what JSON has no word for (a date, a decimal) as text."""
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _bytes(payload: object) -> bytes:
    if isinstance(payload, bytes):
        return payload
    return payload.encode("utf-8", "replace") if isinstance(payload, str) else as_json(payload).encode()
