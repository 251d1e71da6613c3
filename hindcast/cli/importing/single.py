"""Rows that come one by one (CSV, JSON, messages of Segment, exports of other products) as tables for the import's door.

They are decoded here with the code of the server, so they mean what they mean when they are sent live.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from files.rows import Row
from hindcast.cli.importing.exports import EXPORTS, Translated
from hindcast.cli.rows import time_of
from hindcast.cli.send import Sender, Tally
from hindcast.client import sending
from hindcast.client.answers import Receipt
from serve.ingest import Decoded, decode_cloudevents, decode_segment

_compute: Any = pc
_KEPT = ("id", "source", "type", "subject", "time", "anonymous_id", "context")


class Decoder:
    """Stands where a client would: what it is sent is decoded and kept as tables."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.found: list[tuple[pa.Table, list[int]]] = []
        """Tables, and for each of their rows which of the events sent it was."""

    def send(self, events: Iterable[Mapping[str, Any]]) -> Receipt:
        from hindcast.cli.rehearsal import receipt_of

        total, base = sending.empty_receipt(), 0
        for call in sending.send(events):
            content, now = bytes(call.content or b""), time.time_ns() // 1000
            if call.path == "/v1/batch":
                decoded = decode_segment("batch", content, now, self._source)
            else:
                decoded = decode_cloudevents(content, call.content_type, {}, now)
            total = sending.added(total, receipt_of(decoded), base)
            if decoded.batch.num_rows:
                self.found.append((_as_sent(decoded), [base + index for index in decoded.index.tolist()]))
            base += decoded.rows
        return total


def _as_sent(decoded: Decoded) -> pa.Table:
    batch = decoded.batch
    columns = {name: batch.column(name) for name in _KEPT if batch.column(name).null_count < batch.num_rows}
    unsaid = _compute.equal(batch.column("time"), batch.column("received"))
    columns["time"] = _compute.if_else(unsaid, None, columns["time"])  # the system's clock counts, not this one's
    return pa.table({**columns, "data": batch.column("properties")})


class Singles(Sender):
    """Rows one by one; ``known`` and ``anonymous`` name columns, ``translate`` a product whose export this is."""

    def __init__(self, file: str, asked: dict[str, str | None], source: str, product: str | None) -> None:
        self._decoder = Decoder(source)
        super().__init__(cast(Any, self._decoder), file, asked, Tally())
        self._translate = EXPORTS.get(product or "")
        self._source = source
        self._beside: dict[int, Translated] = {}

    @property
    def tally(self) -> Tally:
        return self._tally

    def tables(self, rows: list[Row]) -> Iterator[tuple[pa.Table, list[int]]]:
        """The readable rows as tables, and the number in the file of each of their rows."""
        self._decoder.found, self._beside = [], {}
        read = [self._read(row) for row in rows]
        self.send(read)
        numbers = [row.number for row in read if not row.fault]
        for table, places in self._decoder.found:
            those = [numbers[place] for place in places]
            for name, values in (
                ("known", [self._beside[n].known if n in self._beside else None for n in those]),
                ("anonymous_id", [self._beside[n].anonymous if n in self._beside else None for n in those]),
            ):
                if any(values):
                    column = pa.array(values, pa.string())
                    if name in table.column_names:
                        column = _compute.coalesce(table[name], column)
                        table = table.drop_columns([name])
                    table = table.append_column(name, column)
            yield table, those

    def _read(self, row: Row) -> Row:
        if row.fault:
            return row
        if self._translate is not None:
            found = self._translate(row.fields, self._source)
            self._beside[row.number] = found
            return Row(row.number, found.event, found.fault)
        fields = dict(row.fields)
        known, anonymous = (fields.pop(self._asked.get(name) or "", None) for name in ("known", "anonymous"))
        if known is not None or anonymous is not None:
            said = None if known is None else str(time_of(known))
            self._beside[row.number] = Translated(fields, said, None if anonymous is None else str(anonymous))
        return Row(row.number, fields)
