"""Rows of ``metrics`` as the evaluator takes them: samples with what each rule says of them, and closings of windows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from actors.alerts.state import Judgement, Rule
from actors.columns import floats, labels, times
from actors.fold import Batch
from analytics.rules import AGGREGATES, Verdict

CLOSED = "window.closed"


class Judged(NamedTuple):
    """What one rule says of one sample."""

    rule: Rule
    found: Judgement


@dataclass(frozen=True, slots=True)
class Sample:
    """``metric.sampled`` of a metric that a rule is about."""

    metric: str
    definition: str
    key: str
    end: int
    width: int
    judged: list[Judged]
    """By name of the rule."""
    past: bool = False
    """Its window is from before the metric was defined."""
    figures: Mapping[str, float] | None = None
    """All of it, where a rule over several series is about the metric; what is missing is not there."""


@dataclass(frozen=True, slots=True)
class Closed:
    """``window.closed``: the windows of a definition that ended in (start, end] are closed."""

    definition: str
    keyed: bool
    start: int
    end: int
    width: int
    figures: dict[str, float]
    """Of a key without rows."""
    past: bool = False
    """These windows are from before the metric was defined."""


def read(batch: Batch, rules: Mapping[str, Sequence[Rule]], joint: Collection[str] = ()) -> Iterator[Sample | Closed]:
    """The rows of ``batch`` that matter to ``rules`` (by metric, then by name), in order; and those of the metrics of
    ``joint`` with all their figures."""
    table = batch.table
    types, type_names = labels(table, "type")
    closed = np.array([name == CLOSED for name in type_names], np.bool_)[types]
    metrics, metric_names = labels(table, "metric")
    judged: dict[int, list[Judged]] = {}
    figures: dict[int, dict[str, float]] = {}
    sampled = np.flatnonzero(~closed)
    for code in np.unique(metrics[sampled]).tolist():
        metric = metric_names[code]
        if metric in rules:
            chosen = sampled[metrics[sampled] == code]
            for rule in rules[metric]:
                _judge(rule, table, chosen, judged)
        if metric in joint:
            _figures(table, sampled[metrics[sampled] == code], judged, figures)
    ends, starts = times(table, "time").tolist(), times(table, "start").tolist()
    widths = np.maximum(times(table, "width_us"), 1).tolist()
    keys, key_names = labels(table, "key")
    sources, source_names = labels(table, "source")
    past = table.column("subject").is_valid().to_numpy(zero_copy_only=False)
    silent = _silent(table, np.flatnonzero(closed))
    for row in sorted({*judged, *silent}):
        metric, key = metric_names[metrics[row]], key_names[keys[row]]
        if closed[row]:
            keyed = bool(keys[row] == len(key_names) - 1)
            yield Closed(metric, keyed, starts[row], ends[row], widths[row], silent[row], bool(past[row]))
        else:
            definition = source_names[sources[row]] or metric
            yield Sample(
                metric, definition, key, ends[row], widths[row], judged[row], bool(past[row]), figures.get(row)
            )


def _judge(rule: Rule, table: pa.RecordBatch, chosen: np.ndarray, judged: dict[int, list[Judged]]) -> None:
    """Add to ``judged`` what the rule says of the chosen rows, all of which are about its metric."""
    about = rule.about
    part = table.take(pa.array(chosen))
    columns = {name: _values(part, name) for name in about.aggregates}
    verdicts, values = about.verdicts(columns, rule.threshold), columns[about.shown.aggregate]
    held = verdicts if rule.clear_threshold is None else about.verdicts(columns, rule.clear_threshold)
    codes, keys = labels(part, "key")
    for i, row in enumerate(chosen.tolist()):
        here = judged.setdefault(row, [])
        if about.key is None or keys[codes[i]] == about.key:
            value = None if np.isnan(values[i]) else float(values[i])
            here.append(Judged(rule, Judgement(Verdict(int(verdicts[i])), value, Verdict(int(held[i])))))


def _figures(
    table: pa.RecordBatch, chosen: np.ndarray, judged: dict[int, list[Judged]], found: dict[int, dict[str, float]]
) -> None:
    """Add all that is known of the chosen rows."""
    part = table.take(pa.array(chosen))
    columns = {name: _values(part, name) for name in AGGREGATES}
    for i, row in enumerate(chosen.tolist()):
        judged.setdefault(row, [])
        found[row] = {name: float(values[i]) for name, values in columns.items() if not np.isnan(values[i])}


def _values(table: pa.RecordBatch, aggregate: str) -> np.ndarray:
    """float64[n], NaN where there is none; ``rate`` is count per second."""
    if aggregate == "rate":
        return floats(table, "count") / (times(table, "width_us") / 1e6)
    return floats(table, aggregate)


def _silent(table: pa.RecordBatch, rows: np.ndarray) -> dict[int, dict[str, float]]:
    """By row, the figures that each of ``rows``, which are closings, says of a key without rows.

    There are few different ones, however many metrics there are: alike ones are one dictionary, which nobody changes.
    """
    if not len(rows):
        return {}
    names = ("count", "sum", "distinct")
    said = zip(*(table.column(name).take(pa.array(rows)).to_pylist() for name in names), strict=True)
    widths = np.maximum(times(table, "width_us")[rows], 1).tolist()
    made: dict[tuple[Any, int], dict[str, float]] = {}
    found: dict[int, dict[str, float]] = {}
    for row, values, width in zip(rows.tolist(), said, widths, strict=True):
        figures = made.get((values, width))
        if figures is None:
            figures = {name: float(value) for name, value in zip(names, values, strict=True) if value is not None}
            if "count" in figures:
                figures["rate"] = figures["count"] / (width / 1e6)
            made[values, width] = figures
        found[row] = figures
    return found
