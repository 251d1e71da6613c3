"""From the fields of rows to Arrow columns: the rules that hold for every dialect, checked column by column."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
import numpy as np
import pyarrow as pa

from events.catalog import USER_INTERACTIONS, rows
from events.stream import TIME
from serve.ingest.bodies import DEPTH, NUL, depth_fault, may_hold
from serve.ingest.money import Money, read_money
from serve.ingest.times import AHEAD_US, iso, parse_times, precision, range_fault
from serve.ingest.verdicts import Decoded, Fault, Refusals, Warned

CONTENT_BYTES = 32_768

Json = bytes | msgspec.Raw
_BRACE = 0x7B
_NUL_REASON = "holds the character NUL (\\u0000); leave it out"


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a dialect calls the fields that the common rules may refuse."""

    id: str
    subject: str
    time: str
    properties: str
    context: str


@dataclass(slots=True)
class Draft:
    """Rows whose shape holds, a column a field, all of one length; times and JSON still as they were sent.

    Columns are of strings, without a value null and never empty. ``time`` may be of timestamps instead; ``source``
    and ``type`` may be dictionaries. ``sent`` is when the sender's clock said it sent the row: where given, times are
    corrected for the sender's skew. ``properties`` and ``context`` hold the texts of JSON values.
    """

    spelling: Spelling
    index: np.ndarray
    """Where each row stood in the request: int64[n]."""
    id: pa.Array
    source: pa.Array
    type: pa.Array
    subject: pa.Array
    time: pa.Array
    properties: pa.Array
    context: pa.Array | None = None
    anonymous_id: pa.Array | None = None
    sent: pa.Array | None = None
    number: pa.Array | None = None
    """float64: the property ``value`` of each row, where it is known that no row says an amount of money. None: both are
    read out of the properties."""
    properties_field: Callable[[int], str] | None = None
    """What the sender calls the properties of a row; None: all rows as ``spelling`` has it."""
    may_hold_nul: bool = False


def assemble(
    draft: Draft,
    received_us: int,
    refusals: Refusals,
    total: int,
    faults: Mapping[int, Fault] | None = None,
    ahead_us: int = AHEAD_US,
    request: str | None = None,
) -> Decoded:
    """Check the common rules, and build the batch of the rows that pass; ``total`` is the request's number of rows.

    ``faults`` (by row of the draft) are those that the dialect found itself; ``ahead_us`` is how far ahead of
    ``received_us`` a time may be. Rows that are refused already are checked, too, so that all their faults are told. A row
    without an id gets one made of its place and of ``request``, a name that only a retry of the same request bears; None
    stands for one that no other request has. What rows say never makes them the same event.
    """
    n = len(draft.index)
    check = _Check(draft, refusals)
    for row, fault in (faults or {}).items():
        check.refuse(row, fault)
    times = _times(draft, received_us, ahead_us, check)
    check.json(draft.properties, check.properties_field)
    if draft.context is not None:
        check.json(draft.context, lambda row: draft.spelling.context)
    check.content_size()
    if draft.may_hold_nul:
        check.nul()
    money, notes = read_money(draft.properties) if draft.number is None else (Money(draft.number), [])
    warned = [
        Warned(int(draft.index[row]), check.id(row), f"{check.properties_field(row)}.{note.field}", note.reason)
        for row, note in notes
        if row not in check.bad
    ]
    ids = draft.id
    if ids.null_count:
        name = request or secrets.token_hex(12)
        ids = ids.fill_null(pa.array([f"request-{name}-{index}" for index in draft.index.tolist()], pa.string()))
    batch = rows(
        USER_INTERACTIONS,
        {
            "id": ids,
            "source": _label(draft.source),
            "type": _label(draft.type),
            "subject": draft.subject,
            "time": pa.array(times, pa.int64()).view(TIME),
            "received": received_us,
            "partition_key": draft.subject.fill_null(ids),
            "anonymous_id": draft.anonymous_id,
            "amount": money and money.amount,
            "currency": money and money.currency,
            "value": money and money.value,
            "properties": draft.properties,
            "context": draft.context,
        },
        n,
    )
    index = draft.index
    if check.bad:
        keep = np.ones(n, np.bool_)
        keep[list(check.bad)] = False
        batch, index = batch.filter(pa.array(keep)), index[keep]
    return Decoded(batch, index, refusals.in_order(), total, warned)


def texts_of(values: Iterable[str | None]) -> pa.Array:
    """A column of strings. An empty string becomes a null: both mean that there is no value."""
    return pa.array([value or None for value in values], pa.string())


def json_column(texts: Sequence[Json]) -> pa.Array:
    """A string column of texts known to be UTF-8, without making an object of each."""
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, texts), np.int32, len(texts)), out=offsets[1:])
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(texts)))


def object_column(texts: Sequence[Json]) -> pa.Array | None:
    """As ``json_column``; None where one of the texts is no JSON object."""
    column = json_column(texts)
    starts = offsets_of(column)
    if not (np.diff(starts) > 0).all() or not (data_of(column)[starts[:-1]] == _BRACE).all():
        return None
    return column


def optional_json_column(texts: Sequence[Json | None]) -> pa.Array | None:
    """As ``json_column``, but with nulls allowed; None if the column has no values at all."""
    if not any(texts):
        return None
    if all(texts):
        return json_column(cast("Sequence[Json]", texts))
    return pa.array([bytes(text) if text else None for text in texts], pa.binary()).cast(pa.string())


def offsets_of(column: pa.Array) -> np.ndarray:
    """int32[n + 1]: where each string of a column begins in its data, and where the last one ends."""
    buffer = column.buffers()[1]
    if buffer is None or not len(column):
        return np.zeros(len(column) + 1, np.int32)
    return np.frombuffer(buffer, np.int32)[column.offset : column.offset + len(column) + 1]


def data_of(column: pa.Array) -> np.ndarray:
    """uint8: the bytes of a column of strings; ``offsets_of`` tells which are whose."""
    return np.frombuffer(column.buffers()[2] or b"", np.uint8)


def _label(column: pa.Array) -> pa.Array:
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


class _Check:
    """Checks the rows of a draft: each check looks at a whole column cheaply, then closely at what may be wrong."""

    def __init__(self, draft: Draft, refusals: Refusals) -> None:
        self.draft = draft
        self.refusals = refusals
        self.bad = (
            {row for row, index in enumerate(draft.index.tolist()) if index in refusals.found}
            if refusals.found
            else set[int]()
        )

    def refuse(self, row: int, fault: Fault) -> None:
        self.bad.add(row)
        self.refusals.add(int(self.draft.index[row]), self.id(row), fault)

    def id(self, row: int) -> str | None:
        return self.draft.id[row].as_py()

    def properties_field(self, row: int) -> str:
        name = self.draft.properties_field
        return self.draft.spelling.properties if name is None else name(row)

    def json(self, column: pa.Array, field: Callable[[int], str]) -> None:
        """No value is nested too deep (the object itself is level 1)."""
        text = data_of(column)
        opening = np.flatnonzero((text & 0xDF) == 0x5B)  # [ and {, also inside strings: an upper bound of the depth
        if opening.size <= DEPTH:
            return
        openings = np.diff(np.searchsorted(opening, offsets_of(column)))
        for row in np.flatnonzero(openings > DEPTH).tolist():
            if depth_fault(column[row].as_buffer().to_pybytes(), DEPTH):
                self.refuse(row, Fault(field(row), f"is nested deeper than {DEPTH} levels; flatten it"))

    def content_size(self) -> None:
        size = np.diff(offsets_of(self.draft.properties))
        if self.draft.context is not None:
            size = size + np.diff(offsets_of(self.draft.context))
        for row in np.flatnonzero(size > CONTENT_BYTES).tolist():
            reason = f"makes the row {int(size[row]):,} bytes; the limit is {CONTENT_BYTES:,}: send less, or split it"
            self.refuse(row, Fault(self.properties_field(row), reason))

    def nul(self) -> None:
        """No string holds the character NUL: databases and C programs downstream end strings there."""
        draft, spelling = self.draft, self.draft.spelling
        plain = ((draft.id, spelling.id), (draft.source, "source"), (draft.type, "type"), (draft.subject, spelling.subject),
                 (draft.anonymous_id, "anonymousId"))  # fmt: skip
        for column, field in plain:
            for row, value in enumerate([] if column is None else column.to_pylist()):
                if value is not None and "\0" in value:
                    self.refuse(row, Fault(field, _NUL_REASON))
        for row, text in enumerate(draft.properties.cast(pa.binary()).to_pylist()):
            if holds_nul(text):
                self.refuse(row, Fault(self.properties_field(row), _NUL_REASON))
        for row, text in enumerate([] if draft.context is None else draft.context.cast(pa.binary()).to_pylist()):
            if text and holds_nul(text):
                self.refuse(row, Fault(spelling.context, _NUL_REASON))


def holds_nul(text: bytes) -> bool:
    """Whether JSON text escapes a NUL; an escaped backslash before ``u0000`` makes it plain text."""
    return may_hold(NUL, text) and NUL in text.replace(b"\\\\", b"")


def _times(draft: Draft, received_us: int, ahead_us: int, check: _Check) -> np.ndarray:
    """Event times in µs UTC. A row without one happened when it was received; see ``Draft.sent`` for skew.

    Nothing is sent before it has happened: a ``sentAt`` before the row's time says nothing of the sender's clock, and the
    time stands as it was said.
    """
    said, there, faults = parse_times(draft.time)
    for row, reason in faults.items():
        check.refuse(row, Fault(draft.spelling.time, reason))
    times = said
    if draft.sent is not None:
        sent, sent_there, faults = parse_times(draft.sent)
        for row, reason in faults.items():
            check.refuse(row, Fault("sentAt", reason))
        latency = sent - said
        for row in np.flatnonzero(there & sent_there & (latency < 0)).tolist():
            # The text of a time is cut off, to the second by some senders: within its last digit it is no earlier.
            sent_there[row] = -latency[row] < precision(draft.sent[row].as_py() or "")
            latency[row] = 0
        times = np.where(there & sent_there, received_us - latency, said)
    times = np.where(there, times, received_us)
    low, high = times.min(initial=received_us), times.max(initial=received_us)
    if range_fault(int(low), received_us, None, ahead_us) or range_fault(int(high), received_us, None, ahead_us):
        for row, us in enumerate(times.tolist()):
            reason = _range_fault(draft, row, us, int(said[row]) if there[row] else us, received_us, ahead_us)
            if reason:
                check.refuse(row, Fault(draft.spelling.time, reason))
    return times


def _range_fault(draft: Draft, row: int, us: int, said_us: int, received_us: int, ahead_us: int) -> str | None:
    """Why a row cannot have happened at ``us``; where it was sent with ``sentAt``, what became of that is said, too."""
    if range_fault(us, received_us, None, ahead_us) is None:
        return None
    said = draft.time[row].as_py() if pa.types.is_string(draft.time.type) else None
    sent = None if draft.sent is None else draft.sent[row].as_py()
    if said and sent and us != said_us:
        said = f"{said}, which by its sentAt {sent} was {iso(us)} on this server's clock,"
    elif said and sent:
        said = f"{said}, which its earlier sentAt {sent} cannot correct,"
    return range_fault(us, received_us, said, ahead_us)
