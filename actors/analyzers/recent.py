"""The newest closed windows of series that a watch looks at, as even columns: what trends and correlations are judged on.

A window without rows counts as what ``window.closed`` says of silence: zero for counts and sums, nothing for means.
Revisions replace what they revise as long as the window is among the newest; so does a window that was counted anew after an
import (``past_metrics``), which is closed for good by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

import msgspec
import numpy as np

from actors.columns import floats, labels, times
from actors.fold import Batch
from analytics.kernels import F64, I64

CLOSED = "window.closed"
COUNTED = ("count", "sum", "distinct")
"""Aggregates of which silence has a figure."""
MOST_KEYS = 1_000
"""Keys of one metric that a watch follows; what comes beyond is left out, and its findings say so."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One revision of one window of a series; ``values`` by aggregate, NaN where there is none."""

    metric: str
    definition: str
    """The definition that it is of: its name, and the event that said it."""
    cause: str
    key: str
    start: int
    width: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Closing:
    """All windows of a definition that end up to ``end`` are closed; ``silence``: the figures of a key without rows."""

    definition: str
    end: int
    width: int
    silence: Mapping[str, float]


def read(batch: Batch, wanted: Mapping[str, Set[str]]) -> Iterator[Sample | Closing]:
    """What a batch of ``metrics``, or of ``past_metrics``, says of the metrics ``wanted``, each with its aggregates.

    In order; of closings, also those of families such as ``{type}``, which any of them may be of.
    """
    table = batch.table
    if not batch.rows or not wanted:
        return
    types, type_names = labels(table, "type")
    closed = np.array([name == CLOSED for name in type_names], np.bool_)[types]
    metrics, names = labels(table, "metric")
    ours = np.array([name in wanted for name in names], np.bool_)[metrics]
    family = np.array([name.startswith("{") for name in names], np.bool_)[metrics]
    chosen = np.flatnonzero(ours | (closed & family))
    if not len(chosen):
        return
    starts, ends, widths = times(table, "start"), times(table, "time"), times(table, "width_us")
    sources, source_names = labels(table, "source")
    keys, key_names = labels(table, "key")
    columns = {name: floats(table, name) for name in {a for each in wanted.values() for a in each} | {*COUNTED}}
    causes = table.column("cause")
    for row in chosen.tolist():
        source = source_names[sources[row]] or names[metrics[row]]
        if closed[row]:
            yield Closing(
                source, int(ends[row]), int(widths[row]), {name: float(columns[name][row]) for name in COUNTED}
            )
        else:
            metric = names[metrics[row]]
            values = {name: float(columns[name][row]) for name in sorted(wanted[metric])}
            cause = causes[row].as_py() or ""
            yield Sample(metric, source, cause, key_names[keys[row]] or "", int(starts[row]), int(widths[row]), values)


class Recent(msgspec.Struct):
    """The newest windows of all keys of one aggregate of one metric."""

    aggregate: str
    windows: int
    definition: str = ""
    cause: str = ""
    width: int = 0
    closed_to: int = 0
    silence: float | None = None
    keys: dict[str, dict[int, float]] = {}
    """By key, then by the start of the window."""
    left_out: bool = False
    """There were more keys than are followed."""

    def take(self, sample: Sample) -> None:
        """Samples of a newer definition of the metric make it begin anew: they are other figures under the same name."""
        if (sample.definition, sample.cause, sample.width) != (self.definition, self.cause, self.width):
            if sample.cause != self.cause and _place(sample.cause) < _place(self.cause):
                return  # of a definition that holds no more
            self.definition, self.cause, self.width = sample.definition, sample.cause, sample.width
            self.keys, self.closed_to, self.left_out = {}, 0, False
        if sample.start < self.horizon:
            return
        held = self.keys.get(sample.key)
        if held is None:
            if len(self.keys) >= MOST_KEYS:
                self.left_out = True
                return
            held = self.keys[sample.key] = {}
        held[sample.start] = sample.values[self.aggregate]
        if not self.closed_to and len(held) > 2 * self.windows:  # an import's windows, before any of ours has closed
            for start in sorted(held)[: -self.windows]:
                del held[start]

    def close(self, closing: Closing) -> bool:
        """Whether ``closing`` is of this metric and closes something new."""
        if closing.definition != self.definition or closing.width != self.width or closing.end <= self.closed_to:
            return False
        self.closed_to = closing.end
        figure = closing.silence.get(self.aggregate, np.nan)
        self.silence = None if np.isnan(figure) else figure
        horizon = self.horizon
        for key, held in list(self.keys.items()):
            for start in [start for start in held if start < horizon]:
                del held[start]
            if not held:
                del self.keys[key]
        return True

    @property
    def horizon(self) -> int:
        """Where the oldest window begins that still counts."""
        return self.closed_to - self.windows * self.width

    def series(self, key: str) -> tuple[I64, F64]:
        """(start in us, value) of the closed windows since the first one with rows; NaN where a window has no value."""
        held = self.keys.get(key)
        last = self.closed_to - self.width
        if not held or min(held) > last:
            return np.zeros(0, np.int64), np.zeros(0)
        starts = np.arange(min(held), last + 1, self.width, dtype=np.int64)
        silence = np.nan if self.silence is None else self.silence
        return starts, np.array([held.get(start, silence) for start in starts.tolist()], np.float64)


def _place(cause: str) -> int:
    """Where on ``control`` a metric was defined; a metric of old releases says nothing, which is before all."""
    place = cause.rpartition(":")[2]
    return int(place) if place.isdigit() else -1
