"""A moment of the whole log: up to which commit of each cell it goes. Whoever asks as of it sees no more than was there.

``as_of`` is what was known then: a time means every commit up to that time, a token the very cut that an answer stood on.
Commits say their time themselves, so a time of the last second may still get commits; a token never changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from events.cut import cut_now, decode_cut, encode_cut
from events.entry import Entry
from events.errors import Rejected
from events.log import LogReader


@dataclass(frozen=True)
class Moment:
    """``cut``: by cell of the tenant, the number of its last commit (0: before its first)."""

    cut: Mapping[str, int]

    @property
    def token(self) -> str:
        """Names this moment; ``as_of`` takes it."""
        return encode_cut(self.cut)

    def head(self, log: LogReader, stream: str, producer: str) -> int:
        """The offset that the producer's next row of ``stream`` would have had."""
        number = self.cut.get(producer, 0)
        if number == 0:
            return 0
        head = log.head(stream, producer)
        if log.last_commit(producer)[0] == number:
            return head  # nothing came after it, so nothing had when the head was read
        low, high = 0, head  # every place below low is of a commit up to number; none from high on is
        while low < high:
            middle = (low + high) // 2
            found = _at(log, stream, producer, middle)
            if found is None or found.header.commit > number:
                high = min(middle, found.header.first) if found else middle
            else:
                low = found.header.end
        return low

    def until(self, cell: str, number: int) -> Moment:
        """This moment, but for one cell."""
        return Moment({**self.cut, cell: number})


def _at(log: LogReader, stream: str, producer: str, offset: int) -> Entry | None:
    """The entry that holds ``offset``, or the oldest that is left above it."""
    return next(iter(log.read(stream, producer, offset, 1)), None)


def cells_of(log: LogReader, tenant: str) -> Sequence[str]:
    return [cell for cell in log.cells() if cell.startswith(f"{tenant}/")]


def now(log: LogReader, tenant: str) -> Moment:
    """Where everything stands."""
    return Moment(cut_now(log, cells_of(log, tenant)))


def at(log: LogReader, tenant: str, time_us: int, now_us: int, field: str = "as_of") -> Moment:
    """What was known at a time (us UTC). Raises ``Rejected`` for one to come, and for one before the first event."""
    if time_us > now_us:
        raise Rejected(field, f"is in the future: it is {iso(now_us)} now; ask for a time up to that")
    cut = {cell: log.commit_at(cell, time_us) for cell in cells_of(log, tenant)}
    if not any(cut.values()):
        began = first_commit(log, tenant)
        since = "there is none yet" if began is None else f"it came at {iso(began)}"
        raise Rejected(field, f"is before the first event of this log: {since}; ask for a later time")
    return Moment(cut)


def of_token(log: LogReader, tenant: str, token: str, field: str = "as_of") -> Moment:
    """The moment that a token names. Raises ``Rejected`` where it is none of this log's."""
    try:
        cut = decode_cut(token)
    except Rejected as error:
        raise Rejected(field, error.reason) from None
    known = set(cells_of(log, tenant))
    if not cut or any(cell not in known or log.last_commit(cell)[0] < number for cell, number in cut.items()):
        raise Rejected(field, "is a token of another system, or of this one before it was restored; ask with a time")
    return Moment(cut)


def first_commit(log: LogReader, tenant: str) -> int | None:
    """Time (us UTC) of the first commit of the tenant that wrote an entry; None before it."""
    from events.catalog import STREAMS

    firsts = [
        entry.header.committed
        for stream in STREAMS
        for producer in log.producers(stream)
        if producer.startswith(f"{tenant}/")
        for entry in log.read(stream, producer, 0, 1)[:1]
    ]
    return min(firsts, default=None)


def iso(us: int) -> str:
    """Microseconds UTC as ISO 8601."""
    whole = datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)
    return whole.isoformat().replace("+00:00", "Z")
