"""Rows of any stream as they are once a person is erased from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from events.catalog import OURS, STREAMS, USER_INTERACTIONS
from events.collected import COLLECTED
from events.erasure.identifiers import Identifiers
from events.stream import ENVELOPE

SUBJECTS = ("subject", "anonymous_id")
"""Columns that say whose a row is."""
NAMED = frozenset((*(field.name for field in ENVELOPE), *SUBJECTS))
NOTHING = {"properties": "{}"}
"""What stays of a column that is emptied; of others null."""
OUTSIDE = frozenset((USER_INTERACTIONS.name, *(stream.name for stream in COLLECTED)))
OPAQUE = ("payload",)
"""Columns of bytes in somebody else's form: a value with a name in it goes as a whole."""
GONE = b""


class Erased(NamedTuple):
    """``rows``: how many were the person's own. ``mentions``: how many others named them."""

    batch: pa.RecordBatch
    rows: int
    mentions: int
    touched: bool
    """Whether anything is not what it was: also a name that no row has any more, in a column's dictionary."""


def owned(batch: pa.RecordBatch | pa.Table, who: Identifiers) -> NDArray[np.bool_]:
    """Which rows are the person's own."""
    own = np.zeros(batch.num_rows, np.bool_)
    for name in SUBJECTS:
        if name in batch.schema.names:
            own |= np.asarray(who.is_named(batch.column(name)).fill_null(False))
    return own


def free_text(stream: str) -> frozenset[str]:
    """Columns that are emptied in somebody's own rows: text of which nothing is declared, in what came from outside."""
    if stream not in OUTSIDE and stream in OURS:
        return frozenset()
    return frozenset(f.name for f in STREAMS[stream].schema if pa.types.is_string(f.type)) - NAMED


def erased(batch: pa.RecordBatch, stream: str, who: Identifiers) -> Erased:
    """The rows with pseudonyms for names. Of the person's own rows ids are new, and free text is empty."""
    emptied = free_text(stream)
    own = owned(batch, who)
    changed = own.copy()
    columns: list[pa.Array] = []
    touched = False
    for field, column in zip(batch.schema, batch.columns, strict=True):
        found, where = _column(field, column, own, who, emptied)
        columns.append(found)
        changed |= where
        touched |= found is not column
    if not touched:
        return Erased(batch, 0, 0, False)
    return Erased(pa.record_batch(columns, schema=batch.schema), int(own.sum()), int((changed & ~own).sum()), True)


def mentions(batch: pa.RecordBatch, who: Identifiers) -> NDArray[np.bool_]:
    """Which rows are the person's own, or name them."""
    found = owned(batch, who)
    for field, column in zip(batch.schema, batch.columns, strict=True):
        found |= _column(field, column, np.zeros(batch.num_rows, np.bool_), who)[1]
    return found


def _column(
    field: pa.Field,
    column: pa.Array,
    own: NDArray[np.bool_],
    who: Identifiers,
    emptied: frozenset[str] = frozenset(),
) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The column, and which of its values are not what they were."""
    type_ = field.type
    texts = column.dictionary if pa.types.is_dictionary(type_) else column
    if not (own.any() or any(who.may_be_in(buffer.to_pybytes()) for buffer in texts.buffers() if buffer)):
        return column, np.zeros(len(column), np.bool_)
    if pa.types.is_dictionary(type_):
        return _labels(column, who)
    if pa.types.is_binary(type_):
        return _values(column, lambda n, v: GONE if field.name in OPAQUE and who.within(v) else v)
    if pa.types.is_list(type_) and pa.types.is_string(type_.value_type):
        return _values(column, lambda n, v: [who.replaced(one) if one is not None else None for one in v])
    if not pa.types.is_string(type_):
        return column, np.zeros(len(column), np.bool_)
    if field.name in emptied:
        left = NOTHING.get(field.name)
        return _values(column, lambda n, v: left if own[n] else who.replaced(v))
    if field.name in ("id", "anonymous_id"):  # of the person's rows also an id that others share is another one
        return _values(column, lambda n, v: who.row_id(v) if own[n] and v not in who.names else who.replaced(v))
    return _values(column, lambda n, v: who.replaced(v))


def _values(column: pa.Array, change: Callable[[int, Any], Any]) -> tuple[pa.Array, NDArray[np.bool_]]:
    before = column.to_pylist()
    after = [None if value is None else change(n, value) for n, value in enumerate(before)]
    where = np.fromiter((a != b for a, b in zip(after, before, strict=True)), np.bool_, len(before))
    return (pa.array(after, column.type) if where.any() else column), where


def _labels(column: pa.Array, who: Identifiers) -> tuple[pa.Array, NDArray[np.bool_]]:
    """A dictionary: each of its values once. Values that no row has stay out of it."""
    values = column.dictionary.to_pylist()
    after = [None if value is None else who.replaced(value) for value in values]
    moved = np.fromiter((a != b for a, b in zip(after, values, strict=True)), np.bool_, len(values))
    if not moved.any():
        return column, np.zeros(len(column), np.bool_)
    indices = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
    there = np.asarray(column.is_valid())
    plain = pa.array([after[i] if ok else None for i, ok in zip(indices, there, strict=True)], pa.string())
    return plain.dictionary_encode().cast(column.type), moved[indices] & there
