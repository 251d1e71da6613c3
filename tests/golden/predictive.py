"""One stored model of each predictive kind, small, and what each must answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from analytics.models.blob import to_bytes
from analytics.models.conformal import Intervals
from analytics.models.encoding import fit_linear_encoding, fit_tree_encoding
from analytics.models.ensemble import Ensemble, Member
from analytics.models.freeze import freeze
from analytics.models.members import Constant, Linear
from analytics.models.schema import Column, Schema
from analytics.models.table import TableModel
from analytics.predictive import (
    CampaignPerformanceModel,
    ChurnPredictionModel,
    ContentOptimizationModel,
    ConversionPredictionModel,
    CustomerValueModel,
    Evidence,
    Label,
    PredictiveModel,
    RevenueForecastingModel,
    TablePredictor,
    UserRetentionModel,
)
from analytics.predictive.buying import Buying, Spending
from analytics.predictive.campaign import FIGURES, Figure
from analytics.predictive.content import Responses
from analytics.predictive.customers import FEATURES, Correction, expectations
from analytics.predictive.headlines import STYLE, Grams, HeadlineModel
from analytics.predictive.rates import RateIntervals
from analytics.predictive.revenue import exact_totals

CASES: dict[str, list[dict[str, Any]]] = {
    "users": [{"user.age": 31.0, "user.plan": "pro"}, {"user.age": None, "user.plan": "never seen"}],
    "campaigns": [{"spend": 0.0, "channel": "search"}, {"spend": 250.0, "channel": "social"}],
    "steps": [{"step": 1, "part": "DE"}, {"step": 2, "part": "total"}],
    "customers": [dict.fromkeys(FEATURES, 3.0), dict.fromkeys(FEATURES, 0.0)],
}
ASKED = {
    "table": "users", "churn_prediction": "users", "conversion_prediction": "users", "user_retention": "users",
    "campaign_performance": "campaigns", "content_optimization": "users", "revenue_forecasting": "steps",
    "customer_value": "customers",
}  # fmt: skip
HEADLINES = ["Why you need this", "A river"]


def models() -> dict[str, PredictiveModel]:
    """By name."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {
        "user.age": rng.normal(40, 9, 120), "user.plan": rng.choice(["free", "pro"], 120).astype(object),
    }  # fmt: skip
    schema = Schema([Column("user.age", "number"), Column("user.plan", "category", levels=["free", "pro"])])
    x = schema.matrix(columns)
    y = (x[:, 0] + 20 * x[:, 1] > 50).astype(np.float64)
    trees, seen = fit_tree_encoding(x, y, schema.features(), np.arange(2), classes=2, seed=0)
    forest = freeze(RandomForestClassifier(3, max_depth=3, random_state=0).fit(seen, y.astype(int)), 2, 2)
    members = [Member(0, forest, 0.7), Member(0, Constant(np.array([0.3])), 0.3)]
    binary = TableModel("binary", "gone", ["no", "yes"], schema, Ensemble([trees], members), x[:5])
    rates = RateIntervals(np.array([0.01, 0.0, 0.02]), np.array([0.01, 0.02, 0.01]), 80.0)
    label = Label("churn", "gone within the horizon", "auc", 30.0)
    evidence = Evidence(100, 120, {"auc": 0.8}, 0.9, 0.92, 0.1, {"user.age": 0.1}, "a fifth", ["a note"])
    shaped: dict[str, Any] = {"evidence": evidence, "observed": {"user.age": [20.0, 60.0]}, "actionable": ["user.plan"]}
    churn = ChurnPredictionModel(label, binary, "yes", rates, **shaped)
    lines, _ = fit_linear_encoding(x, y, schema.features(), np.arange(2), classes=2, seed=0)
    width = lines.transform(x).shape[1]
    responses = Responses(lines, np.linspace(-0.5, 0.5, width + 2 + 2 * width), -1.0, 0.3)
    words, letters = Grams("need\nthis", np.array([1.5, 2.0])), Grams(" ri\nver", np.array([1.0, 1.2]))
    headlines = HeadlineModel(
        words, letters, np.zeros(STYLE), np.ones(STYLE), np.linspace(-1, 1, 4 + STYLE), 0.5, 0.7, 40
    )
    content = ContentOptimizationModel(
        Label("response", "who responds", "uplift_at_30"), ["a", "none"], "none", np.array([30.0, 20.0]),
        np.array([100.0, 100.0]), schema, responses, x[:5], evidence, {"user.age": [20.0, 60.0]}, headlines,
    )  # fmt: skip
    return {
        "table": TablePredictor("gone", label, binary, evidence),
        "churn_prediction": churn,
        "conversion_prediction": ConversionPredictionModel(label, binary, "yes", rates, **shaped),
        "user_retention": UserRetentionModel.of(churn),
        "campaign_performance": _campaign(rng),
        "content_optimization": content,
        "revenue_forecasting": _revenue(rng),
        "customer_value": _customers(rng),
    }


def _campaign(rng: np.random.Generator) -> CampaignPerformanceModel:
    schema = Schema([Column("spend", "number"), Column("channel", "category", levels=["search", "social"])])
    x = schema.matrix(
        {"spend": rng.lognormal(2, 1, 60), "channel": rng.choice(["search", "social"], 60).astype(object)}
    )
    encoding, shown = fit_linear_encoding(
        x, x[:, 0].astype(np.float64), schema.features(), np.arange(2), classes=0, seed=0
    )
    figures: dict[str, Figure] = {}
    for i, name in enumerate(FIGURES):
        line = Linear(np.full((shown.shape[1], 1), 0.5), np.array([6.0 - 2.0 * i]), "exp", 1e6)
        p = np.linspace(1, 3, 40)
        intervals = Intervals().fit(None, p, p + rng.normal(0, 0.3, 40), seed=0)
        figures[name] = Figure(Ensemble([encoding], [Member(0, line, 1.0)]), intervals, 0.9, 0.5, 60)
    return CampaignPerformanceModel(
        Label("conversions", "what a campaign brings", "skill", 7.0), schema, "spend", figures, x[:5],
        Evidence(60, 60, {"skill": 0.5}), {"spend": [1.0, 100.0]}, ["spend"], 3.0,
    )  # fmt: skip


def _revenue(rng: np.random.Generator) -> RevenueForecastingModel:
    point = exact_totals(rng.lognormal(3, 1, (2, 3)))
    times = np.arange(3, dtype=np.int64) * 86_400_000_000
    lows, highs = np.stack([point * 0.8, point * 0.6]), np.stack([point * 1.2, point * 1.4])
    return RevenueForecastingModel(
        Label("revenue", "of each day", "skill", 3.0), ["DE", "FR"], times, point, [0.8, 0.95], lows, highs,
        Evidence(30, 30, {"mase": 0.8}), _customers(rng),
    )  # fmt: skip


def _customers(rng: np.random.Generator) -> CustomerValueModel:
    buying, spending = Buying(0.24, 4.4, 0.8, 2.4, -100.0), Spending(6.2, 3.7, 15.4)
    values = {name: rng.uniform(1, 5, 6) for name in FEATURES}
    p = np.linspace(1, 3, 40)
    return CustomerValueModel(
        Label("revenue", "of a customer", "skill", 30.0), 30.0, buying, spending, Correction(Constant(np.array([1.1])), 0.9),
        Correction(), Correction(), Intervals().fit(None, p, p + rng.normal(0, 0.5, 40), seed=0),
        expectations(values, buying, spending, 30.0), {name: [0.0, 5.0] for name in FEATURES}, Evidence(40, 40),
    )  # fmt: skip


def stored() -> bytes:
    return to_bytes(models())


def answers(found: dict[str, Any]) -> dict[str, Any]:
    """What each says of its cases, as JSON values; numbers only."""
    said: dict[str, Any] = {}
    for name, asked in ASKED.items():
        table = found[name].predict(CASES[asked], level=0.8) if name != "table" else found[name].predict(CASES[asked])
        for column in table.column_names:
            values = table.column(column).to_pylist()
            if all(isinstance(value, float) for value in values):
                said[f"{name}.{column}"] = values
    said["headlines"] = found["content_optimization"].headlines.score(HEADLINES).tolist()
    return said
