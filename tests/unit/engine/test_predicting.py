"""The six models as one face: every field of the specification, with evidence, on models that were trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics.models.blob import Untrusted, to_bytes
from analytics.predictive import MODELS, Label, UserRetentionModel
from events.errors import Rejected
from hindcast.engine.predicting import PredictiveAnalytics
from serve.predicting.artifacts import Artifacts
from tests.unit.predictive.made import campaign, campaigns, churn, content, users

USER: dict[str, Any] = {
    "behavioral.sessions_7d": 1.0, "behavioral.failures_7d": 4.0, "user.plan": "free", "temporal.noise": 0.0,
}  # fmt: skip


def face() -> PredictiveAnalytics:
    return PredictiveAnalytics(
        {
            "churn_prediction": churn().model,
            "user_retention": UserRetentionModel.of(churn().model),
            "campaign_performance": campaign().model,
            "content_optimization": content().model,
        }
    )


def test_a_users_retention_comes_with_reasons_interval_and_advice() -> None:
    said = face().predict_user_retention(USER)
    p, interval = said["retention_probability"], said["confidence_interval"]
    assert 0 <= interval["low"] <= p <= interval["high"] <= 1
    assert interval["level"] == 0.9
    assert p < 0.5
    assert said["horizon_days"] == 30.0
    assert next(iter(said["feature_importance"])) in USER
    assert set(said["global_importance"]) == set(USER)
    assert said["confidence"]["coverage"] is not None
    first = said["recommendations"][0]
    assert first["priority"] == "High"
    assert first["impact_basis"] == "measured"
    evidence = first["evidence"]
    assert evidence["window_days"] == 30.0
    assert evidence["n"] == 900
    assert evidence["feature"] in ("behavioral.sessions_7d", "user.plan")
    assert evidence["difference"] > 0
    assert evidence["retention_probability"] == p
    assert {one["impact_basis"] for one in said["recommendations"]} <= {"static", "measured"}
    best = said["alternative_scenarios"][0]
    assert best["prediction"] == pytest.approx(p + best["difference"])


def test_who_is_likely_to_stay_needs_no_advice() -> None:
    assert face().predict_user_retention({**USER, "behavioral.sessions_7d": 14.0})["recommendations"] == []


def test_advice_from_a_bare_probability_and_importance() -> None:
    advice = face().generate_retention_recommendations(0.3, {"behavioral.sessions_7d": -0.2, "user.plan": 0.1})
    assert [one["evidence"]["feature"] for one in advice] == ["behavioral.sessions_7d"]
    assert advice[0]["impact_basis"] == "static"
    assert advice[0]["expected_impact"] is None


def test_a_campaigns_performance_comes_with_all_that_is_specified() -> None:
    said = face().predict_campaign_performance({"spend": 40.0, "channel": "social"})
    found = said["predictions"]
    assert set(found) == {"reach", "engagement", "conversions", "cost_per_acquisition"}
    counts = [found[name] or 0.0 for name in ("reach", "engagement", "conversions")]
    assert counts == sorted(counts, reverse=True)
    assert set(said["confidence_scores"]) == set(said["intervals"]) == set(found)
    changed = [one["change"] for one in said["alternative_scenarios"]]
    assert {"channel": {"from": "social", "to": "search"}} in changed
    for one in said["alternative_scenarios"]:
        assert one["difference"] > 0
        assert one["cost_per_acquisition"] > 0
    targeting = [one for one in said["recommendations"] if one["category"] == "Targeting"]
    assert targeting[0]["evidence"]["feature"] == "channel"
    assert targeting[0]["evidence"]["n"] == 400


def test_engineers_make_what_the_data_does_not_have() -> None:
    class Sessions:
        def engineer(self, data: Any) -> dict[str, Any]:
            return {"behavioral.sessions_7d": float(len(data["visits"])), "behavioral.other": 3}

    rest = {name: value for name, value in USER.items() if name != "behavioral.sessions_7d"}
    made = face()
    made.feature_engineers["behavioral_features"] = Sessions()
    said = made.predict_user_retention({**rest, "visits": ["monday"]})
    assert said["retention_probability"] == made.predict_user_retention(USER)["retention_probability"]


def test_events_of_a_user_become_features() -> None:
    table, p = users(900, 1)
    rng = np.random.default_rng(3)
    table = {"behavioral.events_7d": table["behavioral.sessions_7d"], "user.plan": table["user.plan"]}
    table["gone"] = np.where(rng.random(900) < p, "yes", "no").astype(object)
    made = PredictiveAnalytics()
    made.train("user_retention", table, target="gone", horizon_days=30, workers=1)
    events = [{"type": "page.viewed", "time": f"2026-03-0{day}T10:00:00Z"} for day in (1, 2, 3)]
    said = made.predict_user_retention({"plan": "free", "events": events, "at": "2026-03-04T00:00:00Z"})
    asked = made.models["user_retention"].predict({"behavioral.events_7d": 3.0, "user.plan": "free"})
    assert said["retention_probability"] == asked["prediction"]


def test_all_models_are_asked_and_one_that_fails_leaves_the_others() -> None:
    table, _ = users(20, 3)
    said = face().run_all_analyses(
        {"churn_prediction": table, "campaign_performance": {"spend": "much", "channel": "social"}}
    )
    assert set(said) == set(MODELS)
    assert said["churn_prediction"]["status"] == "ready"
    assert said["churn_prediction"]["rows"] == 20
    assert said["churn_prediction"]["scores"]["auc"] > 0.6
    assert said["campaign_performance"]["status"] == "failed"
    assert "'spend'" in said["campaign_performance"]["error"]
    assert said["revenue_forecasting"]["status"] == "not trained"
    one_table = face().run_predictions(table)
    assert one_table["user_retention"]["predictions"].num_rows == 20
    assert one_table["content_optimization"]["status"] == "failed"


def test_the_champions_of_a_registry_are_taken_from_their_files(tmp_path: Path) -> None:
    class Registry:
        """What a client says of a registry with two versions of one model, the older one being the champion."""

        def models(self) -> list[dict[str, str]]:
            return [{"name": "churn_prediction"}, {"name": "something else"}]

        def model(self, name: str) -> dict[str, Any]:
            assert name == "churn_prediction"
            first, second = kept
            versions = [{"number": 2, "sha256": second}, {"number": 1, "sha256": first}]
            return {"aliases": {"champion": 1}, "versions": versions}

    files = Artifacts(tmp_path)
    other = replace(churn().model, label=Label("churn", "otherwise", "auc", 7.0))
    kept = [files.put(to_bytes(model)) for model in (churn().model, other)]
    made = PredictiveAnalytics()
    assert made.take_champions(Registry(), tmp_path) == ["churn_prediction"]  # pyright: ignore[reportArgumentType]
    assert made.models["churn_prediction"].label.horizon_days == 30.0
    files.path(kept[0]).write_bytes(b"forged")
    with pytest.raises(Untrusted):
        made.take_champions(Registry(), tmp_path)  # pyright: ignore[reportArgumentType]


def test_models_are_configured_trained_and_named_right() -> None:
    made = PredictiveAnalytics()
    said = made.configure_models(
        {"campaign_performance": {"campaign": "campaign"}, "churn_prediction": {"target": "x", "budget_s": 5.0}}
    )
    assert said["campaign_performance"] == "configured"
    assert said["user_retention"] == "not configured"
    table, _ = campaigns(80, 3)
    trained = made.train("campaign_performance", table)
    assert made.status()["campaign_performance"] == "ready"
    assert trained.model.evidence.split.startswith("cross-validated: every campaign")
    with pytest.raises(Rejected, match=r"churn_predictor.*did you mean"):
        made.configure_models({"churn_predictor": {}})
    with pytest.raises(Rejected, match="is no setting"):
        made.configure_models({"campaign_performance": {"speed": 3}})
    with pytest.raises(Rejected, match="is not trained"):
        made.predict_user_retention(USER)
    with pytest.raises(Rejected, match="a UserRetentionModel is wanted"):
        made.use("user_retention", churn().model)
