"""Training of the campaign model on a table with one row a campaign, an ad, or one of them and a day."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.explain import permutation_importance
from analytics.models.schema import Schema, WrongInput, as_numbers
from analytics.predictive.campaign import FIGURES, CampaignPerformanceModel, Figure, logged
from analytics.predictive.model import LEVEL, Evidence, Label
from analytics.predictive.probability import observed_values
from tuning.data.column_types import schema_of
from tuning.data.tables import as_columns
from tuning.ensemble.assembly import storable
from tuning.models.counts import deviance, fit_counts
from tuning.models.trained import Trained, cross_coverage, in_one_thread, intervals_of

F64 = npt.NDArray[np.float64]
LEAST_ROWS = 30
THRESHOLD = 0.0
"""Skill over the mean, in conversions, that a model must be above to be registered."""


@in_one_thread
def train_campaign_performance(
    data: Any,
    *,
    spend: str = "spend",
    reach: str = "reach",
    engagement: str = "engagement",
    conversions: str = "conversions",
    campaign: str | None = None,
    ignore: Sequence[str] = (),
    actionable: Sequence[str] = (),
    horizon_days: float | None = None,
    budget_s: float | None = None,
    min_score_threshold: float = THRESHOLD,
    seed: int = 0,
) -> Trained[CampaignPerformanceModel]:
    """The parameters name the columns; all others are features of the campaign that are known before it begins.

    ``campaign`` names the column by which rows are kept together: what is told of a campaign is told by others only, and so
    are the intervals. Without it every row is one. Raises ``WrongInput`` naming the column: missing, negative, not a number,
    fewer than 30 rows.
    """
    columns = as_columns(data)
    outcomes = {"reach": reach, "engagement": engagement, "conversions": conversions}
    counts: dict[str, F64] = {}
    for name in (spend, *outcomes.values(), *([campaign] if campaign else ())):
        if name not in columns:
            raise WrongInput(name, f"is not in the table; it has {', '.join(list(columns)[:12])}")
    for name in (spend, *outcomes.values()):
        counts[name] = _counted(name, columns[name])
    rows = len(counts[spend])
    if rows < LEAST_ROWS:
        raise WrongInput("", f"a campaign model needs {LEAST_ROWS} rows at least, there are {rows}")
    groups = np.asarray(columns[campaign]).astype(str) if campaign else np.arange(rows).astype(str)
    apart = {campaign: "names the campaigns that are kept together"} if campaign else {}
    out = {*outcomes.values(), *ignore}
    table = {name: values for name, values in columns.items() if name not in out} | {spend: counts[spend]}
    schema, notes = schema_of(table, apart=apart)
    schema = Schema(schema.columns)
    if spend not in {c.name for c in schema.used}:
        raise WrongInput(spend, "is the same in all rows: what more of it does cannot be learnt")
    x = logged(schema, spend, schema.matrix(table))
    each = None if budget_s is None else budget_s / len(FIGURES)
    made: dict[str, Figure] = {}
    crossed: dict[str, F64] = {}
    for figure in FIGURES:
        y = counts[outcomes[figure]]
        fitted = fit_counts(x, y, schema.features(), groups, rising=[spend], budget_s=each, seed=seed)
        p = fitted.crossed if not crossed else np.minimum(fitted.crossed, list(crossed.values())[-1])  # as it is served
        crossed[figure] = p
        intervals = storable(intervals_of(p, y, seed))
        made[figure] = Figure(fitted.ensemble, intervals, cross_coverage(p, y, groups, seed), _skill(y, p), rows)
    background = x[np.sort(np.random.default_rng(seed).permutation(rows)[:40])]
    numbers = [c.name for c in schema.used if c.kind == "number"]
    model = CampaignPerformanceModel(
        Label("conversions", "what a campaign brings for its spend", "skill", horizon_days),
        schema, spend, made, background,
        observed=observed_values({c.name: c.read(table[c.name]) for c in schema.used if c.name in numbers}, numbers),
        actionable=[name for name in (spend, *actionable) if name in {c.name for c in schema.used}],
    )  # fmt: skip
    truth = counts[conversions]
    model.usual_cost = float(counts[spend].sum() / truth.sum()) if truth.sum() > 0 else None
    low, high = made["conversions"].interval(crossed["conversions"], LEVEL)
    model.evidence = Evidence(
        rows=rows,
        trained_on=rows,
        scores={"skill": made["conversions"].skill, "mae": float(np.abs(truth - crossed["conversions"]).mean())},
        level=LEVEL,
        coverage=made["conversions"].coverage,
        width=float((high - low).mean()),
        importance=_importance(model, x, truth, seed),
        split="cross-validated: every campaign is told by others" if campaign else "cross-validated by rows",
        notes=[note.text for note in notes if note.severity != "info"] + _order_notes(counts, outcomes),
    )
    return Trained(
        model, made["conversions"].skill, min_score_threshold, None, _used(schema, table), crossed["conversions"]
    )


def _used(schema: Schema, table: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {c.name: np.asarray(c.read(table[c.name])) for c in schema.used}


def _skill(y: F64, p: F64) -> float:
    base = deviance(y, np.full(len(y), y.mean()))
    return 1.0 - deviance(y, p) / base if base > 0 else 0.0


def _counted(name: str, values: npt.NDArray[Any]) -> F64:
    numbers = as_numbers(name, values)
    missing = np.flatnonzero(np.isnan(numbers))
    if len(missing):
        raise WrongInput(name, f"row {int(missing[0]) + 1} has no finite number: leave the row out, or write 0")
    if (numbers < 0).any():
        raise WrongInput(name, f"row {int(np.flatnonzero(numbers < 0)[0]) + 1} is negative")
    return numbers


def _importance(model: CampaignPerformanceModel, x: Any, truth: F64, seed: int) -> dict[str, float]:
    """By how much the deviance grows when a feature is shuffled, as a share of the deviance of the mean."""
    features = model.schema.features()
    base = deviance(truth, np.full(len(truth), truth.mean())) or 1.0

    def gain(shown: Any) -> float:
        return -deviance(truth, model.counts(np.ascontiguousarray(shown, np.float32))["conversions"]) / base

    found = permutation_importance(gain, x.astype(np.float64), repeats=3, seed=seed)
    sums: dict[str, float] = {}
    for one in found:
        owner = features[int(one.feature)].column
        sums[owner] = sums.get(owner, 0.0) + one.mean
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def _order_notes(counts: dict[str, F64], outcomes: dict[str, str]) -> list[str]:
    names = [outcomes[name] for name in FIGURES]
    notes: list[str] = []
    for more, less in pairwise(names):
        over = int((counts[less] > counts[more]).sum())
        if over:
            notes.append(f"{over} rows have more {less} than {more}: the expected values keep the order all the same.")
    return notes
