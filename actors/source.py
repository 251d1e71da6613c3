"""What a source is: a part of the world that is read, from a position on, and whose rows are recorded.

The whole contract is three steps. ``open(position)`` gives a reader that goes on where the committed rows end;
``reader.read()`` gives rows and the position behind them; the pull collector commits both in one entry. So each row is
recorded once, wherever a crash falls, if the source keeps to two rules:

- **the position is behind the rows of the same answer**, never behind rows that are still to come, and never before them: it
  says where the *next* read begins (the offset of the next line, not of the last one);
- **the same position gives the same next rows**, for as long as the source still has them. A source that cannot do that
  (a gauge, a clock) answers ``position=None``: what it says is of now, and a crash leaves a gap, but never a repetition.
  Where the world has no place to go on from, a position may be a memory of what was read (ADR 31).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import pyarrow as pa

MOST_POSITION = 65_536
"""Bytes of a position: it stands in the header of each entry."""


class Read(NamedTuple):
    """One answer of a reader."""

    rows: pa.RecordBatch
    """In the schema of the source's stream (``events.catalog.rows`` makes them); none is an answer, too."""
    position: bytes | None = None
    """Where to go on once these rows are committed: 1 to ``MOST_POSITION`` bytes, in words of the source's own; None: it
    has no place."""
    wake_at_us: int | None = None
    """Not to be asked again before this time, us UTC; None: at once, for there may be more."""
    refused: pa.RecordBatch | None = None
    """What could not be read, as rows of ``dead_letters``; only of a source whose collector ``refuses``."""
    behind: int | None = None
    """How much the source is known to have beyond this, in a unit of its own (bytes, messages); None: it cannot tell."""
    note: str = ""
    """What an operator should know of this read: a file that was cut off, rows that the source no longer has."""


class Reader(Protocol):
    """An open source. One thread uses it."""

    def read(self) -> Read:
        """What is next. Answers within a second or so, also where there is nothing, for a stop waits for it.

        Raises whatever goes wrong: the reader is closed, and another is opened at the committed position after a pause;
        ``Transient.retry_after_s`` says how long that is at least.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections. Called once, also after an error."""
        ...


class Source(Protocol):
    """Where readers come from. Made in the process that reads; it opens nothing before ``open``."""

    def open(self, position: bytes | None) -> Reader:
        """A reader that begins at ``position``, as one of the source's own reads gave it; None: nothing is committed yet."""
        ...


class SourceHealth(NamedTuple):
    """One source as its operator sees it. Ages are in seconds; None: not since its host started."""

    name: str
    kind: str
    stream: str
    state: str = "starting"
    """``starting | reading | retrying``"""
    rows: int = 0
    """Recorded since its host started; ``refused`` and ``errors`` count from there, too."""
    refused: int = 0
    errors: int = 0
    last_error: str = ""
    error_s_ago: float | None = None
    read_s_ago: float | None = None
    """When it last answered: how old is what is known of it."""
    row_s_ago: float | None = None
    """When it last brought a row."""
    lag_s: float | None = None
    """By how much its newest row was older than the moment at which it was read."""
    behind: int | None = None
    """What it is known to have beyond what was read, in a unit of its own."""
    note: str = ""


def next_beat(now_us: int, every_us: int) -> int:
    """The next whole multiple of ``every_us`` since 1970: sources of one pace are read at one time."""
    return (now_us // every_us + 1) * every_us
