"""Plain events in a table: a column an attribute, and every other column a property."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from events.errors import Rejected
from serve.ingest.arrow import TABLES, as_text, is_text, read_table
from serve.ingest.bodies import EVENTS_BYTES, NUL, compacted, is_compact, may_hold, raw_texts, within
from serve.ingest.cell_texts import cell_texts, object_texts
from serve.ingest.cloudevents import PLAIN, PLAIN_SPELLING, wrapped
from serve.ingest.columns import Draft, assemble, data_of, json_column, offsets_of
from serve.ingest.contract import ID_LENGTH, NAME_LENGTH, PLAIN_EVENT, TIME_LENGTH, explain
from serve.ingest.times import AHEAD_US
from serve.ingest.verdicts import Decoded, Fault, Refusals

_compute: Any = pc
_US = pa.timestamp("us", tz="UTC")
_MOST = {"type": NAME_LENGTH, "subject": ID_LENGTH, "id": ID_LENGTH, "source": ID_LENGTH, "time": TIME_LENGTH}
_one_value = msgspec.json.Decoder(msgspec.Raw)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_table(
    body: bytes,
    content_type: str,
    received_us: int,
    source: str = "plain",
    ahead_us: int = AHEAD_US,
    request: str | None = None,
) -> Decoded:
    """Decode an Arrow or Parquet body of one request to ``/v1/events``; the other arguments as ``decode_cloudevents``.

    The columns ``type``, ``subject``, ``id`` and ``source`` are text (``subject`` and ``id`` may be whole numbers, which
    are written out); ``time`` is of timestamps or dates (UTC where they have no zone) or text in ISO 8601 with an offset;
    ``data`` is a struct, or text that holds JSON. All other columns are properties; where ``data`` has a field of the same
    name, that one counts. Nulls and NaN are left out. Raises ``Rejected`` where the body, or a column as a whole, cannot
    be read, ``TooLarge`` over 5 MB, 20,000 rows or 64 MB once it is unpacked.
    """
    return decode_rows(table_of(body, content_type), received_us, source, ahead_us, request)


def table_of(body: bytes, content_type: str) -> pa.RecordBatch:
    """The rows of a body. Raises ``Rejected`` where it cannot be read, ``TooLarge`` where it is."""
    return read_table(within(body, EVENTS_BYTES), content_type.split(";")[0].strip().lower())


def decode_rows(
    batch: pa.RecordBatch,
    received_us: int,
    source: str,
    ahead_us: int,
    request: str | None,
    beside: Mapping[str, pa.Array] = MappingProxyType({}),
    found: Mapping[int, Fault] = MappingProxyType({}),
) -> Decoded:
    """As ``decode_table``. ``beside``: what else is known of each row, as columns of a ``Draft``; ``found``: faults of
    rows that are known already."""
    n = batch.num_rows
    if "type" not in batch.schema.names:
        has = ", ".join(batch.schema.names[:20]) or "none"
        raise Rejected(
            "type", f"is required: name the column that says what happened “type”; the body's columns are {has}"
        )
    texts = {name: _attribute(batch, name) for name in ("type", "subject", "id", "source")}
    times = times_of(batch)
    faults = {**found}
    properties = _properties(batch, faults)
    refusals = Refusals(lambda row: _row(batch, texts, properties, row))
    _check(texts, times, refusals, n)
    empty = {name: _compute.if_else(_compute.equal(column, ""), None, column) for name, column in texts.items()}
    draft = Draft(
        spelling=PLAIN_SPELLING,
        index=np.arange(n),
        id=empty["id"],
        source=empty["source"].fill_null(source),
        type=texts["type"].fill_null(""),
        subject=empty["subject"],
        time=times,
        properties=properties,
        number=_number(batch),
        may_hold_nul=_may_hold_nul({**texts, **beside}, properties),
        **beside,
    )
    return assemble(draft, received_us, refusals, n, faults, ahead_us, request)


def is_table(content_type: str) -> bool:
    """Whether a body of this type is one for ``decode_table``."""
    return content_type.split(";")[0].strip().lower() in TABLES


def _attribute(batch: pa.RecordBatch, name: str) -> pa.Array:
    if name not in batch.schema.names:
        return pa.nulls(batch.num_rows, pa.string())
    column = batch.column(name)
    if name in ("subject", "id") and pa.types.is_integer(column.type):
        return column.cast(pa.string())
    return as_text(column, name)


def times_of(batch: pa.RecordBatch) -> pa.Array:
    """Timestamps in µs UTC, or text as it was sent."""
    if "time" not in batch.schema.names:
        return pa.nulls(batch.num_rows, pa.string())
    column = batch.column("time")
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s" if pa.types.is_date32(column.type) else "ms"))
    if pa.types.is_timestamp(column.type):
        try:
            # Of a zone only the name is stored beside the instant, which is in UTC; what has no zone is in UTC.
            return column.cast(pa.timestamp("us", tz=column.type.tz), safe=column.type.unit != "ns").cast(_US)
        except pa.ArrowInvalid as error:
            raise Rejected("time", f"holds a time that is out of range ({error}); check its unit") from None
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        raise Rejected("time", f"is a column of {column.type}; make it one of timestamps, so that its unit is known")
    texts = as_text(column, "time")
    return _compute.if_else(_compute.equal(texts, ""), None, texts)


def _properties(batch: pa.RecordBatch, faults: dict[int, Fault]) -> pa.Array:
    names = [name for name in batch.schema.names if name not in PLAIN]
    columns = {name: batch.column(name) for name in names}
    n = batch.num_rows
    if "data" not in batch.schema.names:
        return object_texts(names, list(columns.values()), n, faults)
    data = batch.column("data")
    if pa.types.is_struct(data.type):
        own = {field.name: values for field, values in zip(data.type.fields, data.flatten(), strict=True)}
        if not own.keys() & columns.keys():
            return object_texts([*columns, *own], [*columns.values(), *own.values()], n, faults)
        texts = object_texts(list(own), list(own.values()), n, faults).cast(pa.binary()).to_pylist()
    elif is_text(data.type.value_type if pa.types.is_dictionary(data.type) else data.type) or pa.types.is_null(
        data.type
    ):
        texts = _json_of(as_text(data, "data"), faults)
    else:
        texts = [wrapped((text or "").encode()) for text in cell_texts(data, "data", faults).to_pylist()]
    if not columns:
        return json_column(texts)
    beside = object_texts(names, list(columns.values()), n, faults).cast(pa.binary()).to_pylist()
    return json_column([_merged(other, own) for other, own in zip(beside, texts, strict=True)])


def _number(batch: pa.RecordBatch) -> pa.Array | None:
    """float64: the property ``value``, as it would be read out of the properties; None where only these can tell.

    So it is where a column may say an amount of money, or holds JSON of its own.
    """
    names = batch.schema.names
    if {"data", "revenue", "currency"} & {*names}:
        return None
    if "value" not in names:
        return pa.nulls(batch.num_rows, pa.float64())
    column = batch.column("value")
    if pa.types.is_integer(column.type):
        return column.cast(pa.float64(), safe=False)  # the nearest, as of JSON
    if pa.types.is_floating(column.type):
        numbers = column.cast(pa.float64())
        return _compute.if_else(_compute.is_finite(numbers), numbers, None)
    return None


def _json_of(column: pa.Array, faults: dict[int, Fault]) -> list[bytes]:
    """The values of a column of JSON text as objects; ``faults`` learns of those that are no JSON."""
    texts: list[bytes] = column.fill_null("{}").cast(pa.binary()).to_pylist()
    array = b"[" + b",".join(texts) + b"]"
    raw = raw_texts(array) if is_compact(array) else None
    if raw is None or list(map(len, raw)) != list(map(len, texts)):
        texts = [_compacted_json(text, row, faults) for row, text in enumerate(texts)]
    return [text if text[:1] == b"{" else wrapped(text) for text in texts]


def _compacted_json(text: bytes, row: int, faults: dict[int, Fault]) -> bytes:
    try:
        found = compacted(text.strip() or b"{}")
        if found is not None:
            _one_value.decode(found)
            return found
        reason = "is not valid JSON"
    except (msgspec.MsgspecError, RecursionError) as error:
        reason = f"is not valid JSON ({error})"
    faults[row] = Fault("data", f"{reason}; write it with a JSON encoder, or send a struct")
    return b"{}"


def _merged(other: bytes, own: bytes) -> bytes:
    if own == b"{}" or other == b"{}":
        return other if own == b"{}" else own
    return msgspec.json.encode({**_fields.decode(other), **_fields.decode(own)})


def _check(texts: dict[str, pa.Array], times: pa.Array, refusals: Refusals, n: int) -> None:
    """Refuse what the contract of plain events refuses: one look at each column, and then at the suspects."""
    kind = texts["type"]
    suspect = (_compute.equal(kind, "").fill_null(True)).to_numpy(zero_copy_only=False)
    columns = {**texts, "time": times} if pa.types.is_string(times.type) else texts
    for name, column in columns.items():
        if (
            column.null_count < n and int(np.diff(offsets_of(column)).max()) > _MOST[name]
        ):  # bytes: no fewer than characters
            long = _compute.greater(_compute.utf8_length(column), _MOST[name]).fill_null(False)
            suspect = suspect | long.to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(suspect).tolist():
        said = {name: text for name, column in columns.items() if (text := column[row].as_py()) is not None}
        for field, reason in explain(PLAIN_EVENT, orjson.dumps(said)):
            refusals.add(row, (said.get("id") or "")[:ID_LENGTH] or None, Fault(field, reason))


def _row(batch: pa.RecordBatch, texts: dict[str, pa.Array], properties: pa.Array, row: int) -> bytes:
    """A row as the plain event that it stands for, for whoever mends it."""
    said: dict[str, Any] = {name: text for name, column in texts.items() if (text := column[row].as_py()) is not None}
    if "time" in batch.schema.names and (at := batch.column("time")[row]).is_valid:
        said["time"] = str(at)
    data = properties[row].as_py()
    if "data" in batch.schema.names and is_text(batch.schema.field("data").type):
        data = batch.column("data")[row].as_py() or "{}"
        return orjson.dumps({**said, "data": data})
    return orjson.dumps({**said, "data": orjson.Fragment(data)})


def _may_hold_nul(texts: dict[str, pa.Array], properties: pa.Array) -> bool:
    return may_hold(NUL, bytes(data_of(properties))) or any(
        (data_of(column) == 0).any() for column in texts.values() if column.null_count < len(column)
    )
