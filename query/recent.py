"""The newest events that match a filter: read backwards from the end of the log, and no further than asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute

from events.catalog import USER_INTERACTIONS
from query.history import History

pc: Any = compute  # its functions are made at import, where no type checker sees them
STREAM = USER_INTERACTIONS.name
MOST_ROWS = 1_000_000
"""So many rows of each producer are looked at before a search gives up."""
TEXTS = tuple(f.name for f in USER_INTERACTIONS.schema if pa.types.is_string(f.type) or pa.types.is_dictionary(f.type))
"""The columns that hold text: those that a filter can name."""
SEARCHED = ("id", "type", "subject", "anonymous_id", "properties")
"""The columns that a text is looked for in."""
_AHEAD_US = 3_600_000_000
"""A row may have a time so far ahead of its receipt: the search goes back that much further."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: those whose time is in [``since_us``, ``until_us``), and that have all that is not empty here.

    ``types``: one of these. ``where``: columns of text by name, each with the value that it has. ``text`` is looked for
    in the columns ``SEARCHED``, whatever its case. Times are microseconds UTC.
    """

    since_us: int
    until_us: int
    types: tuple[str, ...] = ()
    source: str = ""
    subject: str = ""
    text: str = ""
    where: tuple[tuple[str, str], ...] = ()


class Found(NamedTuple):
    """``rows``: newest receipt first. ``complete``: whether all of the span was looked through, or enough was found."""

    rows: pa.Table
    looked_at: int
    complete: bool


def recent(history: History, wanted: Wanted, limit: int) -> Found:
    """At most ``limit`` events, those received last first. It reads ``MOST_ROWS`` rows of each producer at most."""
    parts: list[pa.Table] = []
    looked_at, complete = 0, True
    for producer in history.heads(STREAM):
        found = seen = 0
        for block, oldest_us in history.backwards(STREAM, producer):
            seen += block.num_rows
            matching = block.filter(_matches(block, wanted))
            parts.append(matching)
            found += matching.num_rows
            if found >= limit or oldest_us < wanted.since_us - _AHEAD_US:
                break
            if seen >= MOST_ROWS:
                complete = False
                break
        looked_at += seen
    if not parts:
        return Found(history.last(STREAM, 1).rows.slice(0, 0), 0, True)
    table = pa.concat_tables(parts).unify_dictionaries()
    order = pc.sort_indices(table, [("received", "descending"), ("offset", "descending")])
    return Found(table.take(order.slice(0, limit)), looked_at, complete)


def _matches(block: pa.Table, wanted: Wanted) -> pa.ChunkedArray:
    return reduce(pc.and_kleene, _conditions(block, wanted))


def _conditions(block: pa.Table, wanted: Wanted) -> Iterator[pa.ChunkedArray]:
    at = block["time"].cast(pa.int64())
    yield pc.and_(pc.greater_equal(at, wanted.since_us), pc.less(at, wanted.until_us))
    if wanted.types:
        yield pc.is_in(block["type"].cast(pa.string()), pa.array(wanted.types, pa.string()))
    same = (("source", wanted.source), ("subject", wanted.subject), *wanted.where)
    for column, said in same:
        if said:
            yield pc.equal(block[column].cast(pa.string()), said)
    if wanted.text:
        columns = [block[name].cast(pa.string()) for name in SEARCHED]
        yield reduce(
            pc.or_,
            (pc.fill_null(pc.match_substring(column, wanted.text, ignore_case=True), False) for column in columns),
        )
