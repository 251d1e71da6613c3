"""Roll-ups: the windows of metrics put together by minute, hour and day, so that a range of months reads few rows.

A block of samples, ``block_rows`` places of one producer of ``metrics`` or ``past_metrics``, becomes a row for each series
and bucket: what a later revision within the block says of a window stands for what an earlier one said. Rows of several
blocks are of the same bucket; whoever reads adds them up, as long as the windows that they are of do not overlap
(``query.rolled``). Windows are never taken back, so a block is rolled up once, as soon as it is full.

The figures are those that can be put together without loss: counts, sums, least and greatest values, and the greatest number
of distinct subjects. Quantiles cannot, so they are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from actors.columns import times
from actors.fold import Batch, Outputs
from events.catalog import METRICS, PAST_METRICS, ROLLUPS, rows

BLOCK_ROWS = 8_192
"""Places of a producer that are rolled up together; a constant of what is stored: another one is another version."""
_SERIES = ("source", "cause", "metric", "key", "width_us")
_TAKEN = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in _SERIES[:4]),
        pa.field("width_us", pa.int64()),
        pa.field("start", pa.int64()),
        pa.field("count", pa.int64()),
        pa.field("sum", pa.float64()),
        pa.field("min", pa.float64()),
        pa.field("max", pa.float64()),
        pa.field("distinct", pa.int64()),
        pa.field("revision", pa.int32()),
    ]
)
"""What is kept of each sample until its block is full."""


@dataclass
class Block:
    """The samples of one producer since the last multiple of ``block_rows``."""

    end: int
    """Place where the block ends."""
    parts: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])

    def table(self) -> pa.Table:
        return pa.Table.from_batches(self.parts, _TAKEN).combine_chunks()


State = dict[tuple[str, str], Block]
"""By (stream, producer) the block that is being filled."""


class _Saved(msgspec.Struct):
    stream: str
    producer: str
    end: int
    samples: bytes


@dataclass(frozen=True, slots=True)
class RollupAnalyzer:
    """The fold. ``block_rows``: for tests, which have few rows."""

    block_rows: int = BLOCK_ROWS
    name: str = "rollups"
    version: int = 1
    reads: tuple[str, ...] = (METRICS.name, PAST_METRICS.name)
    writes: tuple[str, ...] = tuple(stream.name for stream in ROLLUPS.values())

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        source = (batch.stream, batch.producer)
        end = batch.header.end if batch.last else batch.first + batch.rows
        at = batch.first
        while at < end:
            block = state.get(source) or Block((at // self.block_rows + 1) * self.block_rows)
            state[source] = block
            part = batch.table.slice(at - batch.first, max(0, block.end - at))
            if part.num_rows:
                block.parts.append(_taken(part))
            at = min(end, block.end)
            if at == block.end:
                self._roll(source, block, outputs)
                del state[source]
        return state, outputs

    @staticmethod
    def _roll(source: tuple[str, str], block: Block, outputs: Outputs) -> None:
        samples = _newest(block.table())
        if not samples.num_rows:
            return
        for width_us, stream in ROLLUPS.items():
            outputs.emit(stream.name, _rolled(samples, width_us, source, block.end))

    def dump(self, state: State) -> bytes:
        saved = [_Saved(*source, block.end, _bytes(block.table())) for source, block in sorted(state.items())]
        return msgspec.msgpack.encode(saved)

    def load(self, data: bytes) -> State:
        found = msgspec.msgpack.decode(data, type=list[_Saved])
        return {(one.stream, one.producer): Block(one.end, _table(one.samples).to_batches()) for one in found}


def _taken(part: pa.RecordBatch) -> pa.RecordBatch:
    """The samples of a part; rows that only say that windows are closed have no revision."""
    kept = part.filter(part.column("revision").is_valid())
    columns: Mapping[str, Any] = {"start": pa.array(times(kept, "start"), pa.int64())}
    return pa.RecordBatch.from_arrays(
        [columns[f.name] if f.name in columns else kept.column(f.name).cast(f.type) for f in _TAKEN], schema=_TAKEN
    )


def _newest(samples: pa.Table) -> pa.Table:
    """Of each window the sample with the highest revision, of several the last one, in the order of the log."""
    n = samples.num_rows
    place = np.arange(n)
    rank = samples["revision"].to_numpy().astype(np.int64) * n + place
    ranked = samples.select([*_SERIES, "start"]).append_column("rank", pa.array(rank))
    chosen = ranked.group_by([*_SERIES, "start"], use_threads=False).aggregate([("rank", "max")])
    return samples.take(pa.array(np.sort(chosen["rank_max"].to_numpy() % max(n, 1))))


def _rolled(samples: pa.Table, width_us: int, source: tuple[str, str], until: int) -> pa.RecordBatch:
    """One row for each series and bucket, in the order in which they first came."""
    begins = samples["start"].to_numpy()
    buckets = begins // width_us * width_us
    found = (
        samples.append_column("bucket", pa.array(buckets))
        .group_by([*_SERIES, "bucket"], use_threads=False)
        .aggregate(
            [
                ("count", "sum"),
                ("sum", "sum"),
                ("min", "min"),
                ("max", "max"),
                ("distinct", "max"),
                ("start", "min"),
                ("start", "max"),
                ("start", "count"),
            ]
        )
        .combine_chunks()
    )
    columns: dict[str, Any] = {name: found[name] for name in _SERIES[:4]}
    bucket = found["bucket"].to_numpy()
    columns |= {
        "type": "metric.rolled",
        "time": pa.array(bucket + width_us),
        "start": pa.array(bucket),
        "of_width_us": found["width_us"],
        "windows": found["start_count"],
        "first_start": found["start_min"],
        "last_start": found["start_max"],
        "count": found["count_sum"],
        "sum": found["sum_sum"],
        "min": found["min_min"],
        "max": found["max_max"],
        "distinct_count": found["distinct_max"],
        "of_stream": source[0],
        "of_producer": source[1],
        "until": until,
    }
    return rows(ROLLUPS[width_us], columns, found.num_rows)


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _table(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()
