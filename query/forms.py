"""The forms in which an answer is sent: JSON, CSV, Arrow's stream format, Parquet.

It is written where the query ran, so that a large one takes no time of whoever hands it on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from events.errors import Rejected
from query.answers import Answer, Column
from query.rows import as_csv, in_pieces

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True, slots=True)
class Written:
    """An ``Answer`` in one form. ``content``: of JSON its rows, else all of it."""

    form: str
    content: bytes
    columns: list[Column]
    truncated: bool
    elapsed_ms: float
    cut: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    as_of: str = ""

    @property
    def body(self) -> bytes:
        if self.form != JSON:
            return self.content
        told = {"columns": [column._asdict() for column in self.columns], "truncated": self.truncated,
                "elapsed_ms": self.elapsed_ms, "as_of": self.as_of}  # fmt: skip
        return orjson.dumps(told)[:-1] + b',"rows":[' + self.content + b"]}"


def written(answer: Answer, form: str) -> Written:
    """The answer in a form. Raises ``Rejected`` where it cannot be in it."""
    content = WRITERS[form](answer)
    return Written(form, content, answer.columns, answer.truncated, answer.elapsed_ms, answer.cut, answer.as_of)


def _json(answer: Answer) -> bytes:
    return b",".join(_json_rows(piece)[1:-1] for piece in in_pieces(answer.table))


def _json_rows(rows: list[list[Any]]) -> bytes:
    try:
        return orjson.dumps(rows)
    except TypeError:  # a whole number of more than 64 bits
        return json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()


def _csv(answer: Answer) -> bytes:
    rows = (row for piece in in_pieces(answer.table) for row in piece)
    return as_csv(answer.table.column_names, rows).encode()


def _arrow(answer: Answer) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, answer.table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(answer.table)
    return sink.getvalue().to_pybytes()


def _parquet(answer: Answer) -> bytes:
    import pyarrow.parquet as pq  # takes its time to import, and few ask for it

    names = answer.table.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Rejected("sql", f"names two columns {', '.join(twice)}; a Parquet file needs names of their own: use AS")
    sink = pa.BufferOutputStream()
    pq.write_table(answer.table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


WRITERS: dict[str, Callable[[Answer], bytes]] = {JSON: _json, CSV: _csv, ARROW: _arrow, PARQUET: _parquet}
