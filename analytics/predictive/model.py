"""The protocol of a predictive model: what a registry, a server, a page or a notebook may ask of any of them.

A model is asked about one case (a mapping of values) and answers with a mapping, or about many (an Arrow table, a frame,
columns, or a list of mappings) and answers with an Arrow table of as many rows in the same order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.models.arrays import Arrays, arrays_of
from analytics.models.schema import Kind, Schema, WrongInput

F64 = npt.NDArray[np.float64]
LEVEL = 0.9
"""The share of outcomes that an interval is meant to hold, unless asked otherwise."""


@dataclass
class Label:
    """What is predicted. ``horizon_days`` counts from the moment that the features describe; None: there is none.

    ``metric`` is how the model is judged, and which way is better is in its name's definition (``tuning.evaluation``).
    """

    name: str
    means: str
    metric: str
    horizon_days: float | None = None
    unit: str = ""


@dataclass
class Input:
    """One feature that a model wants. ``low`` and ``high`` are what was observed of a number, ``levels`` of a category.

    ``actionable``: somebody can set it, so that a scenario may. ``direction``: whether the prediction may only rise
    (``up``) or fall (``down``) with it; empty: both.
    """

    name: str
    kind: Kind
    levels: list[str] = field(default_factory=list[str])
    low: float | None = None
    high: float | None = None
    actionable: bool = False
    direction: str = ""


@dataclass
class Evidence:
    """How good a model was on rows that nothing was fitted or chosen on: ``scores`` by metric, of ``rows`` rows.

    ``coverage`` is the share of those rows (of groups of them, for a probability) that the intervals at ``level`` held;
    None: it was not measured, and ``notes`` say why. ``importance`` is the global one, greatest first.
    """

    rows: int = 0
    trained_on: int = 0
    scores: dict[str, float] = field(default_factory=dict[str, float])
    level: float = LEVEL
    coverage: float | None = None
    width: float | None = None
    """Of the intervals at ``level``, on average."""
    importance: dict[str, float] = field(default_factory=dict[str, float])
    split: str = ""
    notes: list[str] = field(default_factory=list[str])


@dataclass
class Cases:
    """Rows to predict as columns; ``one``: they came as one mapping, and one is answered."""

    columns: Arrays
    rows: int
    one: bool


def cases_of(features: Any) -> Cases:
    """Raises ``WrongInput`` for what is no case and no table, and for a table without rows."""
    if isinstance(features, Mapping):
        values = cast(Mapping[Any, Any], features)
        if not any(isinstance(v, (list, tuple, np.ndarray, pa.Array, pa.ChunkedArray)) for v in values.values()):
            return Cases({str(name): _single(str(name), value) for name, value in values.items()}, 1, one=True)
    columns = arrays_of(features)
    rows = len(next(iter(columns.values()))) if columns else len(features) if isinstance(features, Sequence) else 0
    if not rows:
        raise WrongInput("", "there is no row to predict")
    return Cases(columns, rows, one=False)


def _single(name: str, value: Any) -> npt.NDArray[Any]:
    if isinstance(value, (bool, np.bool_)):
        return np.array([bool(value)])
    if isinstance(value, (int, float, np.integer, np.floating)):
        return np.array([float(value)])
    if isinstance(value, datetime):
        from datetime import UTC

        return np.array([value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value], "datetime64[us]")
    if isinstance(value, date):
        return np.array([value], "datetime64[us]")
    if value is None or isinstance(value, str):
        return np.array([value], object)
    raise WrongInput(name, f"is a {type(value).__name__}; a number, text, truth value, time or nothing is wanted")


class PredictiveModel(ABC):
    """``name`` is what it is called in the registry, for the six of the product also the name of its kind.

    A feature that is not there raises ``WrongInput`` with its name, a value of another kind with name and row; a value
    that is empty, infinite, or of a level that training never saw is answered as unknown; further columns are not
    looked at.
    """

    name: str
    label: Label
    evidence: Evidence

    @property
    @abstractmethod
    def inputs(self) -> list[Input]:
        """The features it wants, in the order of training."""

    @abstractmethod
    def answer(self, columns: Arrays, rows: int, level: float) -> dict[str, npt.NDArray[Any]]:
        """Columns of the answer, one value a row. ``prediction``, ``low`` and ``high`` are the main figure with its interval
        at ``level``."""

    @abstractmethod
    def contributions(self, columns: Arrays, rows: int) -> list[dict[str, float]]:
        """For each row, by how much each feature moves the main figure from its average; they add up to the difference."""

    def predict(self, features: Any, *, level: float | None = None) -> Any:
        """What is predicted: a mapping for one case, an Arrow table for many. ``level`` is of the interval.

        Raises ``WrongInput`` naming the column that does not fit.
        """
        cases = cases_of(features)
        return _packed(self.answer(cases.columns, cases.rows, _level(level, self.evidence)), cases)

    def get_feature_importance(self, features: Any = None) -> Any:
        """Global without ``features``: what the score loses when a feature is shuffled. Else, for one case, what each
        feature adds to the main figure, the largest first; for many cases a list of those."""
        if features is None:
            return dict(self.evidence.importance)
        cases = cases_of(features)
        found = [_largest_first(one) for one in self.contributions(cases.columns, cases.rows)]
        return found[0] if cases.one else found

    def get_confidence_interval(self, features: Any = None, *, level: float | None = None) -> Any:
        """For one case ``{low, high, level}``, for many a table of these. Without ``features`` what intervals are worth:
        ``{level, coverage, width, rows}``, measured on rows that the model had not seen."""
        if features is None:
            e = self.evidence
            return {"level": e.level, "coverage": e.coverage, "width": e.width, "rows": e.rows}
        cases = cases_of(features)
        wanted = _level(level, self.evidence)
        found = self.answer(cases.columns, cases.rows, wanted)
        return _packed({"low": found["low"], "high": found["high"], "level": np.full(cases.rows, wanted)}, cases)

    def get_confidence_scores(self, features: Any = None) -> dict[str, Any]:
        """``{figure: {level, coverage, rows}}``: how often an interval of each figure held the truth, as it was measured."""
        e = self.evidence
        return {"prediction": {"level": e.level, "coverage": e.coverage, "rows": e.rows}}


def _level(wanted: float | None, evidence: Evidence) -> float:
    level = evidence.level if wanted is None else float(wanted)
    if not 0 < level < 1:
        raise WrongInput("", f"level must be between 0 and 1, got {level:g}")
    return level


def _packed(found: Mapping[str, npt.NDArray[Any]], cases: Cases) -> Any:
    """What is not a number is empty: None in a mapping, null in a table."""
    if not cases.one:
        texts = {name: pa.array(v.tolist()) for name, v in found.items() if v.dtype == object}
        return pa.table(
            {name: texts[name] if name in texts else pa.array(v, from_pandas=True) for name, v in found.items()}
        )
    values = {name: v[0].item() if isinstance(v[0], np.generic) else v[0] for name, v in found.items()}
    return {name: None if value != value else value for name, value in values.items()}


def _largest_first(contributions: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(contributions.items(), key=lambda one: (-abs(one[1]), one[0])))


def inputs_of(
    schema: Schema,
    ranges: Mapping[str, Sequence[float]],
    *,
    actionable: Sequence[str] = (),
    directions: Mapping[str, str] | None = None,
) -> list[Input]:
    """Of a table's schema; ``ranges`` are the observed least and greatest value of numbers."""
    return [
        Input(
            c.name,
            c.kind,
            list(c.levels) if c.kind == "category" else [],
            *(ranges.get(c.name) or (None, None)),
            actionable=c.name in actionable,
            direction=(directions or {}).get(c.name, ""),
        )
        for c in schema.used
    ]
