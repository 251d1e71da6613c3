"""The rows of the stream ``models``, as the folds over it take them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from actors.fold import Batch


class Fact(NamedTuple):
    """``place``: the row's offset. ``at``: seconds UTC."""

    place: int
    kind: str
    subject: str
    data: dict[str, Any]
    at: float


def facts(batch: Batch, kinds: tuple[str, ...]) -> Iterator[Fact]:
    """The rows about somebody whose type begins with one of ``kinds``, in their order."""
    for place, row in enumerate(batch.table.select(["type", "subject", "data", "time"]).to_pylist(), batch.first):
        if row["subject"] and row["type"].startswith(kinds):
            yield Fact(place, row["type"], row["subject"], json.loads(row["data"] or "{}"), row["time"].timestamp())
