"""A request for predictions, read: one row or many, JSON or Arrow, by features or by whom they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
import pyarrow as pa

from events.errors import Rejected
from serve.gateway import Gateway
from serve.ingest.verdicts import TooLarge, UnsupportedMedia
from serve.predicting.cases import Item
from serve.predicting.door import Question

ARROW = "application/vnd.apache.arrow.stream"
KEYS = ("user_id", "key")
"""Fields that say whom a row is about; a model that has a feature of that name is shown it nevertheless."""


@dataclass(slots=True)
class Body:
    """``data`` of ``content_type``; ``key``: of a table, the column of keys. ``one``: it was a single object."""

    data: bytes
    content_type: str
    key: str = ""
    one: bool = field(default=False)


async def question_of(gateway: Gateway, name: str, body: Body, level: float, most: int) -> Question:
    """Raises ``Rejected`` naming the field, ``TooLarge`` for more than ``most`` rows, ``UnsupportedMedia``."""
    kind = body.content_type.partition(";")[0].strip().lower() or "application/json"
    if kind == ARROW:
        return _of_arrow(body, level, most)
    if kind != "application/json":
        raise UnsupportedMedia("content-type", f"{kind} is not read here; send application/json or {ARROW}")
    found = _rows(body)
    _bounded(len(found), most)
    keys = [_key(row) for row in found]
    return Question(Item(rows=found), keys, level)


def _rows(body: Body) -> list[Mapping[str, Any]]:
    try:
        said: Any = orjson.loads(body.data)
    except orjson.JSONDecodeError as error:
        raise Rejected("body", f"is not JSON: {error}") from None
    if isinstance(said, dict) and set(said) == {"rows"}:
        said = said["rows"]
    elif isinstance(said, dict):
        body.one = True
        said = [said]
    if not isinstance(said, list):
        raise Rejected("body", 'must be an object of features, `{"rows": […]}`, or a list of objects')
    for place, row in enumerate(cast(list[Any], said)):
        if not isinstance(row, dict):
            raise Rejected(f"rows.{place}", f"must be an object of features, got {type(row).__name__}")
    if not said:
        raise Rejected("rows", "is empty; send at least one row")
    return cast(list[Mapping[str, Any]], said)


def _key(row: Mapping[str, Any]) -> str | None:
    return next((str(row[name]) for name in KEYS if row.get(name) is not None), None)


def _of_arrow(body: Body, level: float, most: int) -> Question:
    try:
        with pa.ipc.open_stream(body.data) as reader:
            names, total = reader.schema.names, 0
            keys: list[str | None] = []
            column = body.key or next((name for name in KEYS if name in names), "")
            if column and column not in names:
                raise Rejected("key", f"the table has no column {column!r}; it has {', '.join(names[:20])}")
            for batch in reader:
                total += batch.num_rows
                _bounded(total, most)
                if column:
                    keys += [None if v is None else str(v) for v in batch.column(column).to_pylist()]
    except (pa.ArrowInvalid, OSError) as error:
        raise Rejected("body", f"is no table in Arrow's stream format: {error}") from None
    if not total:
        raise Rejected("body", "the table has no rows")
    return Question(Item(arrow=body.data), keys or [None] * total, level)


def _bounded(rows: int, most: int) -> None:
    if rows > most:
        raise TooLarge("rows", f"are more than {most:,} (parts.models.max_rows); ask in parts")
