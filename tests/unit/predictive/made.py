"""Tables with a known truth, and models trained on them once."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from analytics.predictive import CampaignPerformanceModel, ChurnPredictionModel, ContentOptimizationModel
from tuning.models import (
    Trained,
    train_campaign_performance,
    train_churn_prediction,
    train_content_optimization,
)

F64 = Any


def users(rows: int, seed: int) -> tuple[dict[str, Any], F64]:
    """Features of users, and the probability that each is gone: fewer sessions and more failures, more churn."""
    rng = np.random.default_rng(seed)
    sessions = rng.poisson(6, rows).astype(np.float64)
    failures = rng.poisson(1.5, rows).astype(np.float64)
    plan = rng.choice(["free", "pro", "team"], rows, p=[0.6, 0.3, 0.1])
    raw = 0.6 - 0.4 * sessions + 0.6 * failures + 0.9 * (plan == "free")
    table = {
        "behavioral.sessions_7d": sessions,
        "behavioral.failures_7d": failures,
        "user.plan": plan.astype(object),
        "temporal.noise": rng.normal(size=rows),
    }
    return table, 1 / (1 + np.exp(-raw))


@cache
def churn() -> Trained[ChurnPredictionModel]:
    table, p = users(900, 1)
    gone = np.where(np.random.default_rng(2).random(900) < p, "yes", "no").astype(object)
    return train_churn_prediction(
        {**table, "churned": gone}, target="churned", horizon_days=30.0, workers=1,
        actionable=["behavioral.sessions_7d", "user.plan"], directions={"behavioral.sessions_7d": "down"},
    )  # fmt: skip


def campaigns(rows: int, seed: int) -> tuple[dict[str, Any], F64]:
    """Ads of campaigns, and the conversions that each may expect."""
    rng = np.random.default_rng(seed)
    spend = np.where(rng.random(rows) < 0.1, 0.0, rng.lognormal(3.0, 1.0, rows))
    channel = rng.choice(["search", "social"], rows)
    campaign = rng.integers(0, rows // 8, rows)
    luck = np.exp(0.3 * np.random.default_rng(seed + 100).normal(size=rows // 8))[campaign]
    reach = rng.poisson(80 * spend * np.where(channel == "social", 1.5, 1.0) * luck)
    clicks = rng.binomial(reach, 0.05)
    expected = clicks * np.where(channel == "search", 0.2, 0.05)
    bought = rng.binomial(clicks, np.where(channel == "search", 0.2, 0.05))
    return {
        "spend": spend, "channel": channel.astype(object), "campaign": campaign.astype(np.float64),
        "reach": reach.astype(np.float64), "engagement": clicks.astype(np.float64),
        "conversions": bought.astype(np.float64),
    }, expected  # fmt: skip


@cache
def campaign() -> Trained[CampaignPerformanceModel]:
    table, _ = campaigns(400, 3)
    return train_campaign_performance(table, campaign="campaign", actionable=["channel"], horizon_days=7.0)


def experiment(rows: int, seed: int) -> dict[str, Any]:
    """Two contents against none; content ``a`` helps the new ones, ``b`` the others."""
    rng = np.random.default_rng(seed)
    shown = rng.choice(["a", "b", "none"], rows)
    new = rng.random(rows) < 0.5
    p = 0.1 + 0.15 * ((shown == "a") & new) + 0.15 * ((shown == "b") & ~new)
    return {
        "user.new": np.where(new, "yes", "no").astype(object),
        "user.age": rng.normal(40, 9, rows),
        "variant": shown.astype(object),
        "response": (rng.random(rows) < p).astype(np.float64),
    }


@cache
def content() -> Trained[ContentOptimizationModel]:
    return train_content_optimization(experiment(6000, 4), control="none")
