"""Which columns matter, measured on the holdout within a time."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from analytics.models.explain import permutation_importance
from tuning.fitting.recipes import select
from tuning.report import Importance
from tuning.run.outcome import Outcome

_COLUMNS = 60
"""Columns whose importance is measured, at most."""
_ROWS = 800
"""Holdout rows whose values are shuffled for the importance."""


def importance_of(outcome: Outcome, within_s: float) -> tuple[tuple[Importance, ...], str]:
    """The importance of each column, by permuting all of its features together on the holdout; takes about ``within_s``."""
    p = outcome.prepared
    rows = p.split.holdout
    y_all = p.y
    began = time.monotonic()
    outcome.judged.on_matrix(p.x[rows[:200]])
    per_row = max(1e-6, (time.monotonic() - began) / min(200, len(rows)))
    owners = sorted({f.column for f in p.features})
    total = len(owners)
    if total > _COLUMNS:
        train = p.split.train
        kept = select(p.x[train], p.y[train], p.features, p.classes, _COLUMNS)
        owners = sorted({p.features[j].column for j in kept})
    affordable = int(0.5 * within_s / per_row / (len(owners) + 1)) if np.isfinite(within_s) else _ROWS
    some = rows[:: max(1, len(rows) // max(30, min(_ROWS, affordable)))]
    deadline = time.monotonic() + within_s
    players = {name: [j for j, f in enumerate(p.features) if f.column == name] for name in owners}
    truth = y_all[some]

    def gain(picked: Any) -> float:
        """``picked``: for each column, from which rows its values come."""
        x = p.x[some].copy()
        for c, name in enumerate(owners):
            x[:, players[name]] = p.x[some][picked[:, c].astype(np.int64)][:, players[name]]
        found = outcome.judged.ensemble.predict(x)
        return outcome.trials.gain(truth, found)

    table = np.repeat(np.arange(len(some), dtype=np.float64)[:, None], len(owners), axis=1)
    found = permutation_importance(gain, table, repeats=5, go_on=lambda: time.monotonic() < deadline)
    made = tuple(Importance(feature=owners[int(i.feature)], mean=i.mean, sd=i.sd, repeats=i.repeats) for i in found)
    of = f" Of {total:,} columns the {len(owners)} that alone go best with the target." if total > len(owners) else ""
    return made, f"Loss of {outcome.metric} on {len(some):,} holdout rows when a column is shuffled.{of}"
