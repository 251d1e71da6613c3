"""How long the prediction of one row takes once a model is loaded, measured from a data frame to the prediction."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.table import TableModel
from tuning.data.tables import as_columns
from tuning.ensemble.selection import Limits

ROW_MS = 5.0
"""One warm row takes so long at most, on this machine."""
LEAST_MS = 0.3
"""What members may cost even where reading a row's many columns alone takes too long."""
_ROUNDS = 30
_COLD = 6
_COLUMN_MS, _CALL_MS = 0.0035, 0.2
"""What reading one column of a one-row frame takes at most, and the calls that every row costs."""
_SPARE = 0.25
"""Share of the limit that estimates leave to what they do not know."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one row. ``cpu_ms``, the median of its own processor time, is what a busy machine does not change;
    ``median_ms`` and ``p95_ms`` are by the wall clock."""

    cpu_ms: float
    median_ms: float
    p95_ms: float


class Stopwatch:
    """Single-row frames of a table, to ask models with."""

    def __init__(self, columns: Mapping[str, npt.NDArray[Any]], rows: npt.NDArray[np.int64], target: str) -> None:
        self._columns = {name: values for name, values in columns.items() if name != target}
        self._rows = rows[:_ROUNDS]

    @cached_property
    def _frames(self) -> list[Any]:
        import pandas as pd

        frame = pd.DataFrame({name: values[self._rows] for name, values in self._columns.items()})
        return [frame.iloc[i : i + 1] for i in range(len(frame))]

    def of(self, model: TableModel) -> Latency:
        """The median of single rows, after some that warm it."""
        wall: list[float] = []
        own: list[float] = []
        for i in range(_ROUNDS + _COLD):
            frame = self._frames[i % len(self._frames)]
            began, began_own = time.perf_counter(), time.thread_time()
            model.predict(as_columns(frame))
            own.append((time.thread_time() - began_own) * 1e3)
            wall.append((time.perf_counter() - began) * 1e3)
        warm = wall[_COLD:]
        return Latency(float(np.median(own[_COLD:])), float(np.median(warm)), float(np.quantile(warm, 0.95)))


def limits_for(columns: int) -> Limits:
    """What the members of an ensemble may cost where ``columns`` have to be read for each row."""
    return Limits(row_ms=max(LEAST_MS, ROW_MS * (1.0 - _SPARE) - _CALL_MS - _COLUMN_MS * columns))


def tightened(limits: Limits, took: Latency) -> Limits:
    """Limits for a selection that costs less than one that took too long."""
    return Limits(limits.size, max(LEAST_MS, 0.8 * limits.row_ms * ROW_MS / took.cpu_ms))
