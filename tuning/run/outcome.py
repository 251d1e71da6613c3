"""The outcome of a run, from which the report is built: models, trials, and what was measured of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.table import TableModel
from tuning.data.preparation import Prepared
from tuning.ensemble.latency import Latency
from tuning.report import Note
from tuning.run.learning_curve import Learning
from tuning.search.trials import Trials

F64 = npt.NDArray[np.float64]


@dataclass
class Outcome:
    """``model`` is what is shipped, ``judged`` the same recipe fitted without the holdout, whose score is reported."""

    model: TableModel
    judged: TableModel
    prepared: Prepared
    trials: Trials
    weights: dict[int, float]
    metric: str
    notes: list[Note]
    stopped: str
    resumed: int
    elapsed_s: float
    data_hash: str
    meta: dict[str, float]
    row: Latency
    learning: Learning = field(default_factory=lambda: Learning((), ""))
    holdout: F64 = field(default_factory=lambda: np.empty(0))
    """The judged model's predictions of the holdout: values, or probabilities of every class."""

    def truth(self) -> Any:
        """The holdout's target: int64 class numbers, or float64 values."""
        y = self.prepared.y[self.prepared.split.holdout]
        return y.astype(np.int64) if self.prepared.classes else y
