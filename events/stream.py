"""What a stream is: a name, an Arrow schema that begins with the envelope, and the version of that schema."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
LABEL = pa.dictionary(pa.int32(), pa.string())

ENVELOPE: tuple[pa.Field, ...] = (
    pa.field("id", pa.string()),
    pa.field("source", LABEL),
    pa.field("type", LABEL),
    pa.field("subject", pa.string()),
    pa.field("time", TIME),
    pa.field("received", TIME),
    pa.field("partition_key", pa.string()),
    pa.field("cause", pa.string()),
)


@dataclass(frozen=True)
class Stream:
    """A family of events with one Arrow schema; ``version`` counts its published shapes."""

    name: str
    version: int
    schema: pa.Schema
    about: str

    @cached_property
    def types(self) -> dict[str, pa.DataType]:
        """By column, in the order of the schema; Arrow makes each field anew whenever it is asked."""
        return {field.name: field.type for field in self.schema}


def stream_of(name: str, about: str, *fields: pa.Field) -> Stream:
    """A stream in its first version: the envelope, then ``fields``. ``about`` says what its events are."""
    return Stream(name, 1, pa.schema([*ENVELOPE, *fields]), about)
