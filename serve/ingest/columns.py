"""From the fields of rows to Arrow columns: the rules that hold for every dialect, checked column by column."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from events.catalog import USER_INTERACTIONS, rows
from serve.ingest.bodies import DEPTH, depth_fault
from serve.ingest.money import read_money
from serve.ingest.times import AHEAD_US, iso, parse_times, precision, range_fault
from serve.ingest.verdicts import Decoded, Fault, Refusals, Warned

CONTENT_BYTES = 32_768

Json = bytes | msgspec.Raw
_NUL = b"\\u0000"
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
    """Rows whose shape holds, a list a field, all of one length; times and JSON still as they were sent.

    ``sent`` is when the sender's clock said it sent the row: where given, times are corrected for the sender's skew.
    ``identity`` is what makes a row the same event; where None, the id alone does.
    """

    spelling: Spelling
    index: list[int]
    id: list[str | None]
    source: list[str]
    type: list[str]
    subject: list[str | None]
    time: list[str | None]
    properties: list[Json]
    context: list[Json | None] | None = None
    anonymous_id: list[str | None] | None = None
    sent: list[str | None] | None = None
    identity: list[bytes] | None = None
    properties_field: list[str] | None = None
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
    properties = _json_column(draft.properties)
    check.json(properties, draft.properties, check.properties_field)
    context = None
    if draft.context is not None and any(draft.context):
        context = _optional_json_column(draft.context)
        check.json(context, [text or b"{}" for text in draft.context], lambda row: draft.spelling.context)
    check.content_size(properties, context)
    if draft.may_hold_nul:
        check.nul()
    money, notes = read_money(draft.properties)
    warned = [
        Warned(draft.index[row], draft.id[row] or None, f"{check.properties_field(row)}.{note.field}", note.reason)
        for row, note in notes
        if row not in check.bad
    ]

    subject = pa.array(draft.subject, pa.string())
    anonymous_id = None if draft.anonymous_id is None else pa.array(draft.anonymous_id, pa.string())
    contents = _contents(draft, subject, anonymous_id, properties, context)
    if draft.identity is None:
        name = request or secrets.token_hex(12)
        ids = [id or f"request-{name}-{index}" for id, index in zip(draft.id, draft.index, strict=True)]
        identity: Sequence[bytes] = [id.encode() for id in ids]
    else:
        ids, identity = draft.id, draft.identity
    id_column = pa.array(ids, pa.string())
    batch = rows(
        USER_INTERACTIONS,
        {
            "id": id_column,
            "source": pa.array(draft.source, pa.string()).dictionary_encode(),
            "type": pa.array(draft.type, pa.string()).dictionary_encode(),
            "subject": subject,
            "time": pa.array(times, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "received": pa.repeat(pa.scalar(received_us, pa.timestamp("us", tz="UTC")), n),
            "partition_key": [subject or id for subject, id in zip(draft.subject, ids, strict=True)],
            "anonymous_id": anonymous_id,
            "amount": money and money.amount,
            "currency": money and money.currency,
            "value": money and money.value,
            "properties": properties,
            "context": context,
        },
        n,
    )
    index = np.array(draft.index, np.int64)
    id_hash = np.fromiter(map(xxhash.xxh3_64_intdigest, identity), np.uint64, n)
    content_hash = np.fromiter(map(xxhash.xxh3_64_intdigest, contents), np.uint64, n)
    if check.bad:
        keep = np.ones(n, np.bool_)
        keep[list(check.bad)] = False
        batch = batch.filter(pa.array(keep))
        index, id_hash, content_hash = index[keep], id_hash[keep], content_hash[keep]
    return Decoded(batch, index, id_hash, content_hash, refusals.in_order(), total, warned)


class _Check:
    """Refuses rows of a draft; every check is one cheap look at a whole column and then a look at the suspects."""

    def __init__(self, draft: Draft, refusals: Refusals) -> None:
        self.draft = draft
        self.refusals = refusals
        self.bad = (
            {row for row, index in enumerate(draft.index) if index in refusals.found} if refusals.found else set[int]()
        )

    def refuse(self, row: int, fault: Fault) -> None:
        self.bad.add(row)
        self.refusals.add(self.draft.index[row], self.draft.id[row] or None, fault)

    def properties_field(self, row: int) -> str:
        names = self.draft.properties_field
        return self.draft.spelling.properties if names is None else names[row]

    def json(self, column: pa.Array, texts: Sequence[Json], field: Callable[[int], str]) -> None:
        """Each value is an object, and not nested too deep (the object itself is level 1)."""
        if not len(column):
            return
        offsets = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1)
        text = np.frombuffer(column.buffers()[2], np.uint8) if offsets[-1] else np.zeros(0, np.uint8)
        opening = np.flatnonzero((text & 0xDF) == 0x5B)  # [ and {, also inside strings: an upper bound of the depth
        if opening.size <= DEPTH:
            return
        openings = np.diff(np.searchsorted(opening, offsets))
        for row in np.flatnonzero(openings > DEPTH).tolist():
            if depth_fault(bytes(texts[row]), DEPTH):
                self.refuse(row, Fault(field(row), f"is nested deeper than {DEPTH} levels; flatten it"))

    def content_size(self, properties: pa.Array, context: pa.Array | None) -> None:
        size = _lengths(properties)
        if context is not None:
            size = size + _lengths(context)
        for row in np.flatnonzero(size > CONTENT_BYTES).tolist():
            reason = f"makes the row {int(size[row]):,} bytes; the limit is {CONTENT_BYTES:,}: send less, or split it"
            self.refuse(row, Fault(self.properties_field(row), reason))

    def nul(self) -> None:
        """No string holds the character NUL: databases and C programs downstream end strings there."""
        draft, spelling = self.draft, self.draft.spelling
        plain = ((draft.id, spelling.id), (draft.source, "source"), (draft.type, "type"), (draft.subject, spelling.subject),
                 (draft.anonymous_id or [], "anonymousId"))  # fmt: skip
        for values, field in plain:
            for row, value in enumerate(values):
                if value is not None and "\0" in value:
                    self.refuse(row, Fault(field, _NUL_REASON))
        for row, text in enumerate(draft.properties):
            if holds_nul(bytes(text)):
                self.refuse(row, Fault(self.properties_field(row), _NUL_REASON))
        for row, text in enumerate(draft.context or []):
            if text and holds_nul(bytes(text)):
                self.refuse(row, Fault(spelling.context, _NUL_REASON))


def holds_nul(text: bytes) -> bool:
    """Whether JSON text escapes a NUL; an escaped backslash before ``u0000`` makes it plain text."""
    return _NUL in text and _NUL in text.replace(b"\\\\", b"")


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
            sent_there[row] = -latency[row] < precision(draft.sent[row] or "")
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
    said, sent = draft.time[row], draft.sent and draft.sent[row]
    if said and sent and us != said_us:
        said = f"{said}, which by its sentAt {sent} was {iso(us)} on this server's clock,"
    elif said and sent:
        said = f"{said}, which its earlier sentAt {sent} cannot correct,"
    return range_fault(us, received_us, said, ahead_us)


def _json_column(texts: Sequence[Json]) -> pa.Array:
    """A string column of texts known to be UTF-8, without making an object of each."""
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, texts), np.int32, len(texts)), out=offsets[1:])
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(texts)))


def _lengths(column: pa.Array) -> np.ndarray:
    """Bytes of each string; a null has none."""
    return np.diff(np.frombuffer(column.buffers()[1], np.int32, len(column) + 1))


def _optional_json_column(texts: Sequence[Json | None]) -> pa.Array:
    return pa.array([bytes(text) if text else None for text in texts], pa.binary()).cast(pa.string())


def _contents(
    draft: Draft, subject: pa.Array, anonymous_id: pa.Array | None, properties: pa.Array, context: pa.Array | None
) -> list[bytes]:
    """What each row says, as one text a row: its fields parted by NUL, which none of them holds.

    The time is as it was sent, for the corrected one moves with every retry.
    """
    texts = pc.binary_join_element_wise(  # pyright: ignore[reportAttributeAccessIssue]
        pa.array(draft.source, pa.string()),
        pa.array(draft.type, pa.string()),
        subject,
        "" if anonymous_id is None else anonymous_id,
        pa.array(draft.time, pa.string()),
        properties,
        "" if context is None else context,
        "\0",
        null_handling="replace",
        null_replacement="",
    )
    return texts.cast(pa.binary()).to_pylist()
