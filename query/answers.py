"""What a query answers with: columns, rows and the moment that they stand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from query.rows import as_objects, as_rows


class Column(NamedTuple):
    name: str
    type: str
    """DuckDB's name of the type, such as ``BIGINT``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A query's result; ``truncated``: there were more rows. ``cut``: how far each stream that was read went."""

    columns: list[Column]
    table: pa.Table
    truncated: bool
    elapsed_ms: float
    cut: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    as_of: str = ""
    """The token of the moment that this was answered at: asked ``as_of`` it, the same is answered."""

    def rows(self) -> list[list[Any]]:
        """JSON-able values, a list a row."""
        return as_rows(self.table)

    def objects(self) -> list[dict[str, Any]]:
        """JSON-able values, an object a row."""
        return as_objects(self.table)
