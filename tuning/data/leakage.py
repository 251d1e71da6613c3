"""Columns that know the answer: a copy of the target, or something that is written down only afterwards.

Each column alone predicts held out rows from its own bins. What a single honest column hardly reaches is flagged; what
can only be the answer is taken out, unless the caller keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.models.schema import F32, Feature

F64 = npt.NDArray[np.float64]
CERTAIN = 0.98
"""Skill (share of the way from ignorance to certainty) at which a column is taken out."""
SUSPECT, SUSPECT_CLASS = 0.85, 0.75
"""Skill at which a column is pointed at, for values and for classes: a class that is another in 6 % of the rows has 0.77."""
_BINS = 48
ROWS = 20_000
"""So many training rows are looked at."""
_CELLS = 10_000_000


@dataclass(frozen=True)
class Leak:
    """A column that alone reaches ``skill``; ``certain`` ones are taken out."""

    column: str
    kind: Literal["copy", "afterwards", "strong"]
    skill: float
    certain: bool
    text: str


def find_leaks(
    x: F32,
    y: F64,
    features: Sequence[Feature],
    classes: Sequence[str],
    *,
    target: str,
    twins: npt.NDArray[np.int64] | None = None,
    seed: int = 0,
) -> tuple[Leak, ...]:
    """Worst first. ``y`` are values or class numbers of the training rows ``x``.

    Rows that ``twins`` numbers alike are copies, and stay in one half.
    """
    most = int(np.clip(_CELLS // max(1, len(features)), 1_000, ROWS))
    rows = np.random.default_rng(seed).permutation(len(x))[:most]
    x, y = x[rows], y[rows]
    place = np.arange(len(x)) if twins is None else np.unique(twins[rows], return_inverse=True)[1].reshape(-1)
    half = place % 2 == 0
    found: dict[str, Leak] = {}
    for j, feature in enumerate(features):
        if feature.kind == "count":
            continue
        values = x[:, j]
        known = values != feature.levels + 1 if feature.kind == "category" else ~np.isnan(values)
        gap = skill_of(known.astype(np.int64), y, half, len(classes)) if 0 < known.sum() < len(known) else 0.0
        code = values.astype(np.int64) if feature.kind == "category" else _bins(values)
        whole = skill_of(code, y, half, len(classes))
        if not len(classes):
            whole = max(whole, _correlation(values, y))
        leak = _judge(
            feature.column, whole, gap, target, _filled(known, y, classes), SUSPECT_CLASS if classes else SUSPECT
        )
        if leak is not None and (feature.column not in found or found[feature.column].skill < leak.skill):
            found[feature.column] = leak
    return tuple(sorted(found.values(), key=lambda leak: -leak.skill))


def _judge(column: str, whole: float, gap: float, target: str, filled: str, suspect: float) -> Leak | None:
    share = f"{max(whole, gap):.1%} of what there is to know about {target!r}"
    if gap >= suspect:
        text = f"Column {column!r} is filled {filled}, which alone tells {share}: it is known only afterwards."
        return Leak(column, "afterwards", gap, gap >= 0.95, text)
    if whole >= CERTAIN:
        text = f"Column {column!r} alone tells {share}: it is a copy of the target or made from it."
        return Leak(column, "copy", whole, True, text)
    if whole >= suspect:
        text = f"Column {column!r} alone tells {share}. Is it known before the outcome? If not, leave it out."
        return Leak(column, "strong", whole, False, text)
    return None


def _filled(known: npt.NDArray[np.bool_], y: F64, classes: Sequence[str]) -> str:
    if len(classes) and known.any():
        most = int(np.bincount(y[known].astype(np.int64), minlength=len(classes)).argmax())
        return f"nearly only where the target is {classes[most]!r}"
    return "or empty depending on the target"


def _bins(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Quantile bins, or the values themselves where they are few; the missing have their own."""
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    if len(distinct) > _BINS:
        distinct = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS))
    return np.where(np.isnan(values), len(distinct) + 1, np.searchsorted(distinct, values)).astype(np.int64)


def skill_of(code: npt.NDArray[np.int64], y: F64, half: npt.NDArray[np.bool_], classes: int) -> float:
    """1 − loss / loss of a constant, each half of the rows predicted from the other's bins; 0 at least.

    The loss is the squared error, of class indicators where there are classes.
    """
    targets = (y[:, None] == np.arange(classes)).astype(np.float64) if classes else y[:, None]
    n = int(code.max()) + 1 if len(code) else 1
    loss = base = 0.0
    for part in (half, ~half):
        other = ~part
        if not part.any() or not other.any():
            return 0.0
        overall = targets[other].mean(axis=0)
        rows = np.bincount(code[other], minlength=n)[:, None]
        sums = np.stack([np.bincount(code[other], t, n) for t in targets[other].T], axis=1)
        means = (sums + 0.02 * overall) / (rows + 0.02)
        loss += float(((targets[part] - means[code[part]]) ** 2).sum())
        base += float(((targets[part] - overall) ** 2).sum())
    return max(0.0, 1.0 - loss / base) if base > 0 else 0.0


def _correlation(values: npt.NDArray[Any], y: F64) -> float:
    known = ~np.isnan(values)
    v = values[known].astype(np.float64)
    if len(v) < 0.9 * len(values) or v.std() == 0 or y[known].std() == 0:
        return 0.0
    return float(np.corrcoef(v, y[known])[0, 1] ** 2)
