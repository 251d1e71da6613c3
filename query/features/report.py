"""The leakage report of a dataset: what was kept out, as it was not known yet, and what looks as if it knew the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from analytics.features.kernel import Happened, Points, counts
from analytics.features.plan import Events, Plan
from analytics.kernels import F64, I64, Bools
from query.as_of import iso
from query.features.schema import FeatureRule, LabelRule

TELLS = 0.98
"""A feature that alone orders the two classes so well (area under the ROC curve) is taken for one that knows the label."""
FEW = 20
"""With fewer rows of a class nothing is said of a feature."""


class Report:
    """Made of one dataset."""

    def __init__(
        self,
        label: LabelRule,
        features: Sequence[FeatureRule],
        excluded: Mapping[str, int],
        moments: I64,
        span: tuple[int, int],
    ) -> None:
        self._label, self._features = label, features
        self._excluded, self._moments, self._span = excluded, moments, span

    def of(self, table: pa.Table, happened: Mapping[Events, Happened], plan: Plan, points: Points) -> dict[str, Any]:
        """Plain values: ``rows, subjects, moments, label, refused, knows_the_label, coverage, excluded, events, …``."""
        y = table["label"].to_numpy()
        knows = list(self._knowing(table, y))
        coverage = {
            rule.name: round(1 - table[rule.name].null_count / max(table.num_rows, 1), 6) for rule in self._features
        }
        constant = [rule.name for rule in self._features if len(table[rule.name].unique()) <= 1]
        return {
            "rows": table.num_rows,
            "subjects": len(table["key"].unique()),
            "moments": [iso(int(at)) for at in self._moments],
            "label": self._balance(table, y),
            "refused": _refused(happened, plan, points),
            "knows_the_label": knows,
            "made_of_the_outcome": self._related(),
            "coverage": coverage,
            "constant": constant,
            "excluded": dict(self._excluded),
            "events": {"from": iso(self._span[0]), "until": iso(self._span[1])},
            "warnings": list(self._warnings(y, knows, coverage, constant)),
        }

    def _balance(self, table: pa.Table, y: Any) -> dict[str, Any]:
        said: dict[str, Any] = {
            "name": self._label.name,
            "task": self._label.task,
            "horizon": self._label.horizon,
        }
        if self._label.task == "regression":
            return {**said, "mean": float(y.mean()), "zero": float((y == 0).mean())}
        at = table["at"].cast(pa.int64()).to_numpy()
        by_moment = [
            {"at": iso(int(m)), "rows": int((at == m).sum()), "rate": _rate(y[at == m])} for m in np.unique(at)
        ]
        return {**said, "positive": int(y.sum()), "rate": _rate(y), "by_moment": by_moment}

    def _knowing(self, table: pa.Table, y: Any) -> Any:
        if self._label.task == "regression" or min(y.sum(), len(y) - y.sum()) < FEW:
            return
        positive = y == 1
        for rule in self._features:
            column = table[rule.name]
            area = (
                _area(column.to_numpy(), positive) if pa.types.is_floating(column.type) else _purity(column, positive)
            )
            missing = _area(column.is_null().to_numpy().astype(np.float64), positive)
            best = max(area, 1 - area, missing, 1 - missing)
            if best >= TELLS:
                yield {"feature": rule.name, "auc": round(best, 4)}

    def _related(self) -> list[str]:
        """Features that count the very events that the label looks for; of the past only, but worth a look."""
        outcome = set(self._label.outcome.types) if self._label.outcome else set()
        return [r.name for r in self._features if outcome & set(r.types) and r.stream == self._label.stream]

    def _warnings(self, y: Any, knows: Any, coverage: Mapping[str, float], constant: Sequence[str]) -> Any:
        if self._label.task == "classification":
            few = min(int(y.sum()), len(y) - int(y.sum()))
            if few == 0:
                yield "label: all rows are of one class: nothing can be learned; ask about other moments, or another horizon"
            elif few < FEW:
                yield f"label: only {few} rows are of the rarer class"
        for one in knows:
            yield f"{one['feature']}: alone it tells the label almost surely (AUC {one['auc']}): it may know it. Look at it"
        empty = [name for name, share in coverage.items() if share == 0]
        same = [name for name in constant if name not in empty]
        for names, what in ((empty, "no value in any row"), (same, "the same value in every row")):
            if names:
                yield f"{', '.join(names)}: {'has' if len(names) == 1 else 'have'} {what}: nothing can be learned of that"


def _refused(happened: Mapping[Events, Happened], plan: Plan, points: Points) -> dict[str, Any]:
    """How often an event of a row's subject was left out: it was still to come, or it had come and was not known yet."""
    future = late = counted = 0
    late_of: dict[str, int] = {}
    for events in plan.events:
        one = happened.get(events)
        if one is None or not len(one.time):
            continue
        every, then, known = counts(one, points)
        future += int((every - then).sum())
        counted += int(known.sum())
        missed = int((then - known).sum())
        if missed:
            late += missed
            named = " or ".join(events.types) or "any event"
            late_of[named] = late_of.get(named, 0) + missed
    return {"future": future, "not_known_yet": late, "counted": counted, "not_known_yet_of": late_of}


def _rate(y: Any) -> float:
    return round(float(y.mean()), 6) if len(y) else 0.0


def _area(values: F64, positive: Bools) -> float:
    """Area under the ROC curve (Mann-Whitney, ties count half) over the rows that have a value; 0.5 with too few."""
    there = ~np.isnan(values)
    ours, n = positive[there], int(there.sum())
    p = int(ours.sum())
    if min(p, n - p) < FEW:
        return 0.5
    _, which, counts = np.unique(values[there], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[which.reshape(-1)]
    return float((ranks[ours].sum() - p * (p + 1) / 2) / (p * (n - p)))


def _purity(column: pa.ChunkedArray, positive: Bools) -> float:
    """The area of the order by each value's share of positives, with one row more of each class for each value."""
    codes = np.unique(np.array(["" if v is None else str(v) for v in column.to_pylist()]), return_inverse=True)[1]
    n = np.bincount(codes)
    share = (np.bincount(codes, weights=positive) + 1) / (n + 2)
    several = n[codes] > 1  # a value of one row alone says everything of that row
    return _area(np.where(several, share[codes], np.nan), positive)
