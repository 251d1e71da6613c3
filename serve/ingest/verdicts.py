"""What decoding answers: the rows that hold, as columns, and a verdict for each row that does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from events.errors import Rejected

PAYLOAD_BYTES = 32_768
_texts = msgspec.json.Decoder(list[msgspec.Raw])


class TooLarge(Rejected):
    """The body, or its number of rows, is over the limit (HTTP 413)."""


class UnsupportedMedia(Rejected):
    """A content type or encoding that this endpoint does not read (HTTP 415)."""


class Fault(NamedTuple):
    """What is wrong with one row: the field as its sender spells it, and the remedy."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused row: where it stood in the request, its id where it has a readable one, and all that is wrong with it.

    ``payload`` is the row as JSON text (whitespace may differ from what was sent), cut at 32 kB.
    """

    index: int
    id: str | None
    faults: tuple[Fault, ...]
    payload: bytes

    @property
    def field(self) -> str:
        """The field of the first fault."""
        return self.faults[0].field

    @property
    def reason(self) -> str:
        """The reason of the first fault."""
        return self.faults[0].reason

    @property
    def reasons(self) -> str:
        """The reasons of all faults, as one text that is read after ``field``."""
        return "; ".join((self.reason, *(f"{field} {reason}" for field, reason in self.faults[1:])))


@dataclass(frozen=True, slots=True)
class Warned:
    """A row that is taken, but not quite as its sender meant it: where it stood, its id, what and why."""

    index: int
    id: str | None
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """One request, decoded. Every one of its ``rows`` is either in ``batch`` or in ``refused``; both keep its order.

    ``batch`` has the schema of ``user_interactions``; ``index[i]`` is the request's row number of its row ``i``.
    Which rows are the same event is the collector's to say: those of one ``source`` and ``id``. ``warned`` is of rows
    that are in ``batch``.
    """

    batch: pa.RecordBatch
    index: np.ndarray
    refused: list[Refused]
    rows: int
    warned: Sequence[Warned] = ()


@dataclass(slots=True)
class Refusals:
    """Collects the refused rows of one request, with every fault of each, at most one a field."""

    text: Callable[[int], bytes | msgspec.Raw]
    found: dict[int, Refused] = field(default_factory=dict)

    @classmethod
    def of_array(cls, array: Callable[[], bytes | msgspec.Raw]) -> Refusals:
        """Of the rows of a JSON array, which is looked for and taken apart once a row is refused."""
        texts: list[msgspec.Raw] = []

        def text(index: int) -> msgspec.Raw:
            if not texts:
                texts.extend(_texts.decode(array()))
            return texts[index]

        return cls(text)

    def add(self, index: int, id: str | None, fault: Fault) -> None:
        """Refuse the request's row ``index``, or add to the faults for which it is refused already."""
        known = self.found.get(index)
        if known is None:
            self.found[index] = Refused(index, id, (fault,), bytes(self.text(index))[:PAYLOAD_BYTES])
        elif all(fault.field != other.field for other in known.faults):
            self.found[index] = Refused(index, known.id, (*known.faults, fault), known.payload)

    def in_order(self) -> list[Refused]:
        return [self.found[index] for index in sorted(self.found)]
