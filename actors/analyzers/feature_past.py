"""The past of one kind of events that features need: out of the log, by the code that folds what comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from actors.fold import Batch
from analytics.features.plan import Events
from analytics.features.reading import Reader
from analytics.features.records import OFFSETS

SCHEMA = pa.schema(
    {"subject": pa.string(), "time": pa.int64(), "producer": pa.string(), "offset": pa.int64(), "value": pa.binary()}
)


class FeaturePast:
    """``said``: the kind of events. Every row of it is told: there is no state to be told at the end."""

    beside: tuple[str, ...] = ()

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._kind = msgspec.convert(said["events"], Events)

    def take(self, batch: Batch, columns: Any) -> Iterator[pa.RecordBatch]:
        if batch.stream != self._kind.stream:
            return
        reader = Reader(batch.table)
        hits, (names, subject), time = reader.hits(self._kind), reader.subjects(self._kind.key), reader.times("time")
        values = hits.values if hits.values is not None else [None] * len(hits.rows)
        found = [
            (
                names[subject[row]],
                int(time[row]),
                batch.producer,
                batch.first + row,
                msgspec.msgpack.encode(_scalar(value)),
            )
            for row, value in zip(hits.rows.tolist(), values, strict=True)
            if subject[row] >= 0
        ]
        if found:
            yield pa.record_batch(
                [pa.array(column, f.type) for column, f in zip(zip(*found, strict=True), SCHEMA, strict=True)],
                schema=SCHEMA,
            )

    def dump(self) -> bytes:
        return b""


def events_of_part(
    rows: pa.RecordBatch, number: Callable[[str], int]
) -> Iterator[tuple[str, list[tuple[int, int, Any]]]]:
    """Of each subject, in the order of its first row: (time, place, value). ``number``: of a producer."""
    found: dict[str, list[tuple[int, int, Any]]] = {}
    for row in rows.to_pylist():
        place = number(row["producer"]) * OFFSETS + row["offset"]
        found.setdefault(row["subject"], []).append((row["time"], place, msgspec.msgpack.decode(row["value"])))
    yield from found.items()


def _scalar(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
