"""Training of the three models of a probability on a table of features with a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from analytics.models.arrays import Arrays
from analytics.models.schema import WrongInput
from analytics.predictive.model import LEVEL, Label
from analytics.predictive.probability import (
    ChurnPredictionModel,
    ConversionPredictionModel,
    ProbabilityModel,
    UserRetentionModel,
    observed_values,
)
from analytics.predictive.rates import Groups, RateIntervals, groups_of
from tuning.config import Config
from tuning.data.tables import as_columns
from tuning.ensemble.assembly import mean_cross_validated
from tuning.models.trained import Trained, effort, evidence_of, in_one_thread
from tuning.pipeline import Result, Watch, fit_table

P = TypeVar("P", bound=ProbabilityModel)
THRESHOLD = 0.7
"""Area under the ROC curve that a model must be above to be registered, unless told otherwise."""
_GROUPED_ROWS, _PERIOD_ROWS = 100_000, 400


def train_churn_prediction(data: Any, **wanted: Any) -> Trained[ChurnPredictionModel]:
    """As ``train_probability`` says; the label is that a user is gone within the horizon."""
    label = Label("churn", "the user is gone within the horizon", "auc")
    return train_probability(ChurnPredictionModel, data, label=label, **wanted)


def train_conversion_prediction(data: Any, **wanted: Any) -> Trained[ConversionPredictionModel]:
    """As ``train_probability`` says; the label is that somebody converts within the horizon."""
    label = Label("conversion", "the user converts within the horizon", "auc")
    return train_probability(ConversionPredictionModel, data, label=label, **wanted)


def train_user_retention(data: Any, **wanted: Any) -> Trained[UserRetentionModel]:
    """Trains the churn of the same label and horizon (``positive`` is the class of who is gone), and turns it around."""
    churn = train_churn_prediction(data, **wanted)
    stays = None if churn.predictions is None else 1.0 - churn.predictions
    model = UserRetentionModel.of(churn.model)
    return Trained(model, churn.score, churn.threshold, churn.report, churn.columns, stays)


@in_one_thread
def train_probability(
    make: type[P],
    data: Any,
    *,
    target: str,
    label: Label,
    positive: Any = None,
    means: str = "",
    horizon_days: float | None = None,
    time_col: str | None = None,
    group_col: str | None = None,
    ignore: Sequence[str] = (),
    actionable: Sequence[str] = (),
    directions: Mapping[str, str] | None = None,
    budget_s: float | None = None,
    min_score_threshold: float = THRESHOLD,
    seed: int = 0,
    workers: int | None = None,
    watch: Watch | None = None,
    **more: Any,
) -> Trained[P]:
    """Train on ``data`` (a file, an Arrow table, a frame, columns, or rows) with one row a case.

    ``target`` has two values, ``positive`` is the one that is predicted (by default the one that reads as yes, or the
    second in order). With ``time_col`` the newest rows are the holdout, with ``group_col`` whole groups are. ``ignore``
    names columns that are no features, such as an id or another label. ``actionable`` features may be set in scenarios,
    and ``directions`` says of which the probability may only rise (``up``) or fall (``down``). Without ``budget_s`` the
    quick recipe is fitted, which gives the same model each time. ``more`` goes to ``tuning.config.Config``.

    Raises ``WrongInput`` naming column and reason: a target with one class, no rows, no usable feature.
    """
    columns = {name: values for name, values in as_columns(data).items() if name not in set(ignore)}
    _known([*actionable, *(directions or {})], columns)
    config = {
        "target": target, "problem": "binary", "time_col": time_col, "group_col": group_col, "seed": seed,
        "workers": workers, "name": make.name, "min_score_threshold": min_score_threshold, **effort(budget_s), **more,
    }  # fmt: skip
    result = fit_table(columns, Config.of(config), watch)
    classes = result.model.classes
    chosen = _positive(target, positive, classes)
    periods, held = _groups(result, seed)
    rates = _widest(periods)
    judged = make(label, result.outcome.judged, chosen, rates)
    _, (low, high) = judged.with_interval(result.outcome.prepared.x[result.outcome.prepared.split.holdout], LEVEL)
    evidence = evidence_of(result, coverage=rates.coverage(held, LEVEL), width=float((high - low).mean()))
    evidence.notes.append(
        f"Intervals hold the rate among like cases: tested on {len(held.rows)} groups of holdout rows, "
        f"of {int(np.median(held.rows))} rows each in the middle."
    )
    if time_col is not None:
        rates = _widest([*periods, held])
        evidence.notes.append(
            "In time order intervals are as wide as the worst period asks for, the held-out one included."
        )
    numbers = [c.name for c in result.model.schema.used if c.kind == "number"]
    typed = {name: next(c for c in result.model.schema.used if c.name == name).read(columns[name]) for name in numbers}
    model = make(
        replace(label, means=means or label.means, horizon_days=horizon_days),
        result.model,
        chosen,
        rates,
        evidence,
        observed_values(typed, numbers),
        [name for name in actionable if name in {c.name for c in result.model.schema.used}],
        dict(directions or {}),
    )
    used = {c.name: np.asarray(c.read(columns[c.name])) for c in result.model.schema.used}
    held_out = result.outcome.holdout[:, classes.index(chosen)]
    return Trained(model, evidence.scores.get("auc"), min_score_threshold, result.report, used, held_out)


def _known(names: Sequence[str], columns: Arrays) -> None:
    for name in names:
        if name not in columns:
            raise WrongInput(name, f"is not in the table; it has {', '.join(list(columns)[:12])}")


_YES = frozenset({"yes", "true", "1", "y", "t", "churned", "churn", "converted"})


def _positive(target: str, wanted: Any, classes: list[str]) -> str:
    if wanted is None:
        return next((c for c in classes if c.lower() in _YES), classes[1])
    told = str(wanted).lower() if isinstance(wanted, bool) else str(wanted)
    if told not in classes:
        raise WrongInput(target, f"has no value {told!r}; it has {', '.join(classes)}")
    return told


def _groups(result: Result, seed: int) -> tuple[list[Groups], Groups]:
    """Of rows that the judged recipe was cross-validated on, in time order of each period by itself; and of the holdout."""
    outcome = result.outcome
    p, trials = outcome.prepared, outcome.trials
    seen = outcome.judged.ensemble.calibration(mean_cross_validated([(trials, outcome.weights)]))[:, 0]
    x = p.x.astype(np.float64)
    some = np.random.default_rng(seed).permutation(len(seen))[:_GROUPED_ROWS]
    part = trials.parts.part[trials.judged]
    periods = [some]
    if p.times is not None:
        periods = [rows for k in trials.parts.splits if len(rows := some[part[some] == k]) >= _PERIOD_ROWS] or periods
    found = [groups_of(x[trials.judged[rows]], seen[rows], trials.y[rows], seed=seed) for rows in periods]
    held = groups_of(x[p.split.holdout], outcome.holdout[:, 1], p.y[p.split.holdout], seed=seed)
    return found, held


def _widest(periods: Sequence[Groups]) -> RateIntervals:
    """Fitted to the period in which the probabilities were least sure: a world that changes will change again."""
    return min((RateIntervals.fit(groups) for groups in periods), key=lambda rates: rates.cases(LEVEL))
