"""Where the model is worse: groups of rows whose score lies below that of all others by more than chance explains.

Every group with enough rows is compared with the rest of the rows (Welch's t with the variances of the scores'
influences); p is one-sided and adjusted for all groups looked at (Holm, Scandinavian Journal of Statistics 1979), so that
noise is flagged in one report of twenty at most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from tuning.evaluation.intervals import score_with_interval, variance_of
from tuning.evaluation.metrics import F64, I64, METRICS, measure
from tuning.report import Slice

ROWS = 50
OF_A_CLASS = 10
GROUPS = 12
FLAG = 0.05
KEPT = 20

Labels = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class _Compared:
    column: str
    group: str
    rows: NDArray[np.bool_]
    score: float
    rest: float
    p: float


def group_labels(values: NDArray[np.generic] | Labels, bins: int = 4) -> Labels:
    """object[n]: a name for each row's group. Numbers are cut at quantiles, missing values are a group of their own."""
    raw = np.asarray(values)
    if raw.dtype.kind in "fiu" and len(np.unique(raw[raw == raw])) > GROUPS:
        return _cut(raw.astype(np.float64), bins)
    return np.array(["missing" if _missing(value) else _text(value) for value in raw.tolist()], dtype=object)


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cut(values: F64, bins: int) -> Labels:
    known = np.isfinite(values)
    edges = np.unique(np.quantile(values[known], np.arange(bins + 1) / bins))
    code = np.clip(np.searchsorted(edges[1:-1], values, side="left"), 0, max(len(edges) - 2, 0))
    names = [f"{_short(low)} to {_short(high)}" for low, high in pairwise(edges.tolist())]
    return np.array([names[c] if k else "missing" for c, k in zip(code, known, strict=True)], dtype=object)


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def slices(
    metric: str, truth: I64 | F64, prediction: F64, columns: Mapping[str, Labels], *, level: float = 0.95
) -> tuple[Slice, ...]:
    """The groups, worst first, at most ``KEPT`` and all that are flagged.

    ``columns`` gives each column's group names, object[n] (see ``group_labels``). Left out are groups below ``ROWS`` rows,
    or ``OF_A_CLASS`` rows of each of two classes at least where there are classes, and those that are nearly all rows.
    """
    compared = [found for name, labels in columns.items() for found in _column(metric, truth, prediction, name, labels)]
    compared.sort(key=lambda one: one.p)
    slices: list[Slice] = []
    adjusted = 0.0
    for place, one in enumerate(compared):
        adjusted = max(adjusted, min(1.0, one.p * (len(compared) - place)))
        flagged = adjusted < FLAG
        if place >= KEPT and not flagged:
            break
        found = score_with_interval(metric, truth[one.rows], prediction[one.rows], level=level)
        slices.append(
            Slice(
                column=one.column,
                group=one.group,
                rows=int(one.rows.sum()),
                score=one.score,
                low=found.low,
                high=found.high,
                rest=one.rest,
                p=adjusted,
                flagged=flagged,
            )
        )
    return tuple(slices)


def _column(metric: str, truth: I64 | F64, prediction: F64, name: str, labels: Labels) -> list[_Compared]:
    groups, code, counts = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
    found: list[_Compared] = []
    for g in np.argsort(-counts, kind="stable")[:GROUPS].tolist():
        rows = code == g
        if _enough(truth[rows]) and _enough(truth[~rows]):
            found.append(_compare(metric, truth, prediction, name, str(groups[g]), rows))
    return found


def _enough(truth: I64 | F64) -> bool:
    if len(truth) < ROWS:
        return False
    return not np.issubdtype(truth.dtype, np.integer) or int((np.bincount(truth) >= OF_A_CLASS).sum()) >= 2


def _compare(
    metric: str, truth: I64 | F64, prediction: F64, column: str, group: str, rows: NDArray[np.bool_]
) -> _Compared:
    inside = measure(metric, truth[rows], prediction[rows])
    outside = measure(metric, truth[~rows], prediction[~rows])
    (v_in, f_in), (v_out, f_out) = variance_of(inside.influence), variance_of(outside.influence)
    worse = outside.value - inside.value if METRICS[metric].greater_is_better else inside.value - outside.value
    error = v_in + v_out
    if error <= 0:
        p = 0.5 if worse <= 0 else 0.0
    else:
        freedom = error**2 / (v_in**2 / f_in + v_out**2 / f_out)
        p = float(student.sf(worse / math.sqrt(error), freedom))
    return _Compared(column, group, rows, inside.value, outside.value, p)
