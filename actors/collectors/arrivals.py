"""What a push collector is handed, and the verdict on each row: apart from the collector, for the gateway has no kernels."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

ACCEPTED, DUPLICATE, CONFLICT = 0, 1, 2
REUSED = "was used before for another content; give each event an id of its own"


class Part(NamedTuple):
    """Which rows of an import these are: ``[first, end)`` of the import ``name``."""

    name: str
    first: int
    end: int
    finished: str | None = None
    """The name of its file, with the last part: there is no more."""


class Arrivals(NamedTuple):
    """One request's rows: those that are well formed, and those that are refused already (``dead_letters`` rows)."""

    rows: pa.RecordBatch
    refused: pa.RecordBatch | None
    part: Part | None = None
    """Of an import: which of its rows they are."""
