"""Three ways to process the same rows: one by one, piece by piece, or in parallel. Their answers are equal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from analytics.description import Description

PIECE = 5_000
"""Rows that a stream processor takes at once, and that one task of a batch processor gets at least."""
TASKS = 8


class Processor(Protocol):
    """Makes a description of rows."""

    def process(self, raw: pa.Table) -> Description:
        """What the rows say; they have ``time`` and ``type``, and may have ``subject`` and ``value``."""
        ...


class RealTimeProcessor:
    """Takes each row by itself, as it would come."""

    def process(self, raw: pa.Table) -> Description:
        found = Description()
        for i in range(len(raw)):
            describe(raw.slice(i, 1), found)
        return found


class StreamProcessor:
    """Takes rows in pieces, in their order."""

    def process(self, raw: pa.Table) -> Description:
        found = Description()
        for piece in pieces(raw, PIECE):
            describe(piece, found)
        return found


class BatchProcessor:
    """Divides rows among Ray tasks, and puts together what they find; without Ray it does the same by itself."""

    def process(self, raw: pa.Table) -> Description:
        import ray

        share = max(PIECE, -(-len(raw) // TASKS))
        parts = list(pieces(raw, share))
        if len(parts) < 2 or not ray.is_initialized():
            found = [describe(part, Description()) for part in parts]
        else:
            task = ray.remote(num_cpus=0)(_described)
            found = ray.get([task.remote(part) for part in parts])
        whole = Description()
        for part in found:
            whole.merge(part)
        return whole


def _described(part: pa.Table) -> Description:
    return describe(part, Description())


def pieces(raw: pa.Table, rows: int) -> Iterator[pa.Table]:
    """Slices of so many rows."""
    for start in range(0, len(raw), rows):
        yield raw.slice(start, rows)


def describe(rows: pa.Table, into: Description) -> Description:
    """Take ``rows`` into a description; answers it."""
    n = len(rows)
    if not n:
        return into
    times = rows.column("time").cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    types = rows.column("type").to_pylist()
    subjects: list[Any] = rows.column("subject").to_pylist() if "subject" in rows.column_names else [None] * n
    values = np.full(n, np.nan)
    if "value" in rows.column_names:
        said: Any = rows.column("value").cast(pa.float64()).fill_null(np.nan)
        values = said.to_numpy()
    for type in dict.fromkeys(types):
        own = np.array([found == type for found in types])
        where = np.flatnonzero(own)
        into.add(str(type), times[own], [subjects[i] for i in where], values[own])
    return into
