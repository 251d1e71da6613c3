"""Predictions as events: one for each answered row, committed before the answer goes out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from events.catalog import PREDICTIONS, rows
from serve.batching import Batching, CollectorBatching

MOST_ROWS = 20_000
MOST_RECORDED = 1_000
"""Rows of one request that are recorded, evenly spread; each stands for several then (``weight``)."""


@dataclass(slots=True)
class Told:
    """What one request's answer is recorded as: columns of ``predictions``, of ``n`` rows."""

    n: int
    columns: dict[str, Any]


class Recorder:
    """Commits predictions of many requests together."""

    def __init__(self, collector: CollectorBatching, source: str = "predict") -> None:
        self._collector = collector
        self._source = source
        self._waiting: Batching[Told, None] = Batching(self._commit, lambda told: told.n, MOST_ROWS)

    async def record(self, told: Told) -> None:
        """Returns after the durable commit. Raises ``Transient`` or ``Overloaded``."""
        if told.n:
            await self._waiting.push(told)

    async def _commit(self, some: list[Told]) -> Sequence[None]:
        columns: dict[str, list[Any]] = {name: [] for name in {name for told in some for name in told.columns}}
        n = 0
        for told in some:
            for name, values in columns.items():
                given = told.columns.get(name)
                values += given if isinstance(given, list) else [given] * told.n
            n += told.n
        now = time.time_ns() // 1000
        batch = rows(PREDICTIONS, {**columns, "source": self._source, "received": now}, n)
        await self._collector.push(batch, None)
        return [None] * len(some)


def spread(n: int, most: int = MOST_RECORDED) -> list[int]:
    """Which of ``n`` rows are recorded: all, or ``most`` evenly spread."""
    return [*range(n)] if n <= most else [i * n // most for i in range(most)]


def figures(columns: Mapping[str, list[Any]], at: Sequence[int]) -> dict[str, Any]:
    """``value``, ``label``, ``low`` and ``high`` of the rows ``at`` of an answer.

    ``value``: the prediction where that is a number; of two classes the probability of the second; of more that of the
    most probable one.
    """
    said = columns.get("prediction", [])
    low, high = columns.get("low"), columns.get("high")
    found: dict[str, Any] = {
        "low": [_number(low[i]) for i in at] if low else None,
        "high": [_number(high[i]) for i in at] if high else None,
    }
    if all(isinstance(said[i], int | float) or said[i] is None for i in at):
        return found | {"value": [_number(said[i]) for i in at]}
    shares = [values for name, values in columns.items() if name.startswith("probability_")]
    found["label"] = [None if said[i] is None else str(said[i]) for i in at]
    if len(shares) == 2:
        return found | {"value": [shares[1][i] for i in at]}
    return found | {"value": [max((s[i] for s in shares), default=None) for i in at]}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def features_of(shown: Mapping[str, list[Any]], at: Sequence[int]) -> list[str | None]:
    """What the model was shown of the rows ``at``, as JSON objects."""
    most = min((len(values) for values in shown.values()), default=0)
    return [
        orjson.dumps({name: values[i] for name, values in shown.items()}, default=str).decode() if i < most else None
        for i in at
    ]
