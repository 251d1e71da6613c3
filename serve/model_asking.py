"""A request for predictions, read: one row or many, JSON or Arrow, by features or by whom they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
import pyarrow as pa
from fastapi import Request

from events.errors import Rejected
from query.as_of import iso
from serve import featuring
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


async def question_of(
    gateway: Gateway, request: Request, model: Mapping[str, Any], body: Body, level: float, most: int
) -> Question:
    """Raises ``Rejected`` naming the field, ``TooLarge`` for more than ``most`` rows, ``UnsupportedMedia``."""
    kind = body.content_type.partition(";")[0].strip().lower() or "application/json"
    if kind == ARROW:
        return _of_arrow(body, level, most)
    if kind != "application/json":
        raise UnsupportedMedia("content-type", f"{kind} is not read here; send application/json or {ARROW}")
    found = _rows(body)
    _bounded(len(found), most)
    keys = [_key(row, "" if body.one else f"rows.{n}.") for n, row in enumerate(found)]
    wanted = _inputs(model)
    lacking = [n for n, row in enumerate(found) if keys[n] is not None and not row.keys() >= wanted]
    if not lacking:
        return Question(Item(rows=found), keys, level)
    rows, cut = await _with_features(gateway, request, found, {n: str(keys[n]) for n in lacking}, wanted)
    return Question(Item(rows=rows), keys, level, cut)


def _inputs(model: Mapping[str, Any]) -> frozenset[str]:
    """What the deployed versions of a model want."""
    live = model["live"] or model["wanted"]
    numbers = [variant["number"] for variant in live["variants"]] if live else []
    return frozenset(one["name"] for n in numbers for one in model["versions"][n - 1]["inputs"])


async def _with_features(
    gateway: Gateway,
    request: Request,
    rows: list[Mapping[str, Any]],
    lacking: Mapping[int, str],
    wanted: frozenset[str],
) -> tuple[list[Mapping[str, Any]], str]:
    """The rows with the features of those who are asked about; what a row says itself holds. And the moment of them.

    Where some of what is wanted is no feature that is defined, the row stays without it, and the model says so.
    """
    defined = [name for name in featuring.specs(gateway) if name in wanted]
    if not defined:
        raise Rejected(
            min(wanted, default="user_id"), "is no feature that is defined: send the model's inputs beside `user_id`"
        )
    subjects = list(dict.fromkeys(lacking.values()))
    if len(subjects) > featuring.MOST_SUBJECTS:
        raise TooLarge("rows", f"{len(subjects):,} users; ask about {featuring.MOST_SUBJECTS:,} at once")
    found = {one.subject: one for one in await featuring.live(gateway, request, subjects, defined)}
    full = list(rows)
    for n, subject in lacking.items():
        known = found[subject].features
        full[n] = {**{name: known.get(name) for name in defined}, **rows[n]}
    return full, iso(max(one.at for one in found.values()))


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


def _key(row: Mapping[str, Any], within: str = "") -> str | None:
    """Whom a row is about; ``None`` where it does not say so. ``within``: where the row stands, for the complaint."""
    name = next((name for name in KEYS if row.get(name) is not None), None)
    if name is None:
        return None
    said = row[name]
    if isinstance(said, list | dict) or not str(said).strip():
        raise Rejected(f"{within}{name}", 'must be an id such as "user-1"; leave it out where nobody is meant')
    return str(said)


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
