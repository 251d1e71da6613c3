"""Any model of a table under the protocol: what ``fit_table`` made of any table, to be served like the six."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.arrays import Arrays
from analytics.models.schema import WrongInput
from analytics.models.table import TableModel
from analytics.predictive.model import Evidence, Input, Label, PredictiveModel, inputs_of


@dataclass
class TablePredictor(PredictiveModel):
    """A value, or the class of each row with the probability of every class (``probability_<class>``).

    ``low`` and ``high`` bound a value; of classes, whose answer is no number, ``set`` names those that hold the truth with
    probability ``level``. Where training had too few rows for either, these columns are empty.
    """

    name: str
    label: Label
    model: TableModel
    evidence: Evidence = field(default_factory=Evidence)
    ranges: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    @property
    def inputs(self) -> list[Input]:
        return inputs_of(self.model.schema, self.ranges)

    def answer(self, columns: Arrays, rows: int, level: float) -> dict[str, npt.NDArray[Any]]:
        model = self.model
        x = model.schema.matrix(columns)
        found = model.on_matrix(x)
        empty = np.full(rows, np.nan)
        if model.problem == "regression":
            low, high = (
                model.interval_on(x, found, _possible(level, model.intervals)) if model.intervals else (empty, empty)
            )
            return {"prediction": found, "low": low, "high": high}
        sets = np.full(rows, None, object)
        if model.sets is not None:
            inside = model.sets.sets(found, _possible(level, model.sets))
            sets[:] = ["|".join(c for c, i in zip(model.classes, row, strict=True) if i) for row in inside]
        named = {f"probability_{name}": found[:, k] for k, name in enumerate(model.classes)}
        labels = np.array([*model.labels(found), None], object)[:-1]
        return {"prediction": labels, "low": empty, "high": empty, "set": sets, **named}

    def contributions(self, columns: Arrays, rows: int) -> list[dict[str, float]]:
        why = self.model.explain(columns)
        values = why.values
        if values.ndim == 3:  # of the class that is predicted
            values = values[np.arange(rows), :, self.model.predict(columns).argmax(axis=1)]
        return [dict(zip(why.names, map(float, row), strict=True)) for row in values]


def _possible(level: float, calibrated: Any) -> float:
    most = len(calibrated.scores) / (len(calibrated.scores) + 1)
    if level > most:
        raise WrongInput("", f"level {level:g} is more than {len(calibrated.scores)} calibration rows can promise")
    return level
