"""Reading rows: all at once where the whole request holds, else row by row, so one bad row never spoils its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec
from pydantic import TypeAdapter

from serve.ingest.bodies import DEPTH, depth_fault, is_utf8, malformed_fault
from serve.ingest.contract import explain
from serve.ingest.verdicts import Fault, Refusals

S = TypeVar("S", bound=msgspec.Struct)
Extra = dict[str, msgspec.Raw]
JsonText = bytes | msgspec.Raw

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_fields_of_all = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


@dataclass(slots=True)
class Rows(Generic[S]):
    """Rows whose shape holds, where each stood in the request, and the fields that its struct does not know."""

    index: list[int] = field(default_factory=list)
    row: list[S] = field(default_factory=list)
    extra: list[Extra | None] | None = None


@dataclass(frozen=True, slots=True)
class Shape(Generic[S]):
    """A dialect's row as msgspec reads it: ``strict`` knows every field, ``lenient`` skips those it does not know.

    ``contract`` picks, by the fields of a row that neither reads, the pydantic type that explains why.
    """

    strict: msgspec.json.Decoder[S]
    strict_all: msgspec.json.Decoder[list[S]]
    lenient: msgspec.json.Decoder[Any]
    lenient_all: msgspec.json.Decoder[Any]
    known: frozenset[str]
    contract: Callable[[Extra], TypeAdapter[Any] | Fault]
    id: str
    placeholders: Mapping[str, bytes]
    """JSON texts that stand for required fields while a refused row is read on, for the rest of its faults."""


def read_all(shape: Shape[S], array: JsonText) -> Rows[S] | None:
    """All rows of a JSON array (UTF-8) in one go; None where any of them needs a look of its own."""
    try:
        rows = shape.strict_all.decode(array)
        return Rows(list(range(len(rows))), rows)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        rows = shape.lenient_all.decode(array)
        extra = [_unknown(shape, fields) for fields in _fields_of_all.decode(array)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Rows(list(range(len(rows))), rows, extra)


def read_each(shape: Shape[S], texts: Iterable[JsonText], refusals: Refusals) -> Rows[S]:
    """Row by row: each is taken, or refused with what the contract says against it.

    A refused row of which the rest can be read is among the rows all the same, without its faulty fields: the rules that
    come later tell their faults, too, and take it out.
    """
    rows: Rows[S] = Rows(extra=[])
    extras = rows.extra = []
    for index, text in enumerate(texts):
        row = bytes(text)
        fault = _unreadable(row)
        if fault:
            refusals.add(index, None, fault)
            continue
        extra = None
        try:
            try:
                read = shape.strict.decode(row)
            except msgspec.ValidationError:
                read = shape.lenient.decode(row)
                extra = _unknown(shape, _fields.decode(row))
        except msgspec.ValidationError as error:
            mended = _refuse(shape, index, row, error, refusals)
            if mended is not None:
                rows.index.append(index)
                rows.row.append(mended)
                extras.append(None)
        except msgspec.DecodeError as error:
            refusals.add(index, None, _malformed(row, error))
        except UnicodeDecodeError as error:
            refusals.add(index, None, Fault("row", f"is not valid UTF-8 text ({error.reason})"))
        else:
            rows.index.append(index)
            rows.row.append(read)
            extras.append(extra)
    return rows


def _unreadable(row: bytes) -> Fault | None:
    """What must be known of a row before a parser may see it."""
    if not is_utf8(row):
        return Fault("row", "is not valid UTF-8 text; encode the row as UTF-8")
    if row.count(b"{") + row.count(b"[") > DEPTH:
        return depth_fault(row, DEPTH, outer=1)
    return None


def _unknown(shape: Shape[S], fields: Extra) -> Extra | None:
    unknown = fields.keys() - shape.known
    return {name: fields[name] for name in fields if name in unknown} if unknown else None


def _refuse(shape: Shape[S], index: int, row: bytes, error: msgspec.ValidationError, refusals: Refusals) -> S | None:
    """Refuse a row with all that its contract has against it; answers what can be read of it without those fields."""
    try:
        fields = _fields.decode(row)
    except msgspec.ValidationError:
        refusals.add(index, None, Fault("row", f"must be a JSON object, got {row[:40].decode('utf-8', 'replace')}"))
        return None
    except msgspec.DecodeError as malformed:  # beyond the field of the wrong type
        refusals.add(index, None, _malformed(row, malformed))
        return None
    contract = shape.contract(fields)
    faults = [contract] if isinstance(contract, Fault) else explain(contract, row) or [Fault("row", str(error))]
    for fault in faults:
        refusals.add(index, readable_id(fields.get(shape.id)), fault)
    faulty = {fault.field for fault in faults}
    kept = {name: text for name, text in fields.items() if name not in faulty}
    stand_ins = {name: msgspec.Raw(text) for name, text in shape.placeholders.items() if name in faulty}
    try:
        return shape.lenient.decode(msgspec.json.encode({**kept, **stand_ins}))
    except msgspec.MsgspecError:
        return None


def readable_id(text: msgspec.Raw | None) -> str | None:
    """The id that JSON text says, cut at 256 characters; None where it says none."""
    if text is None:
        return None
    value = msgspec.json.decode(text)
    return value[:256] if isinstance(value, str) and value else None


def _malformed(row: bytes, error: msgspec.DecodeError) -> Fault:
    """The byte at which msgspec gave up, and why, out of ``JSON is malformed: invalid character (byte 24)``."""
    why, _, at = str(error).removeprefix("JSON is malformed: ").partition(" (byte ")
    digits = at.rstrip(")")
    return malformed_fault(row, int(digits) if digits.isdecimal() else None, why)
