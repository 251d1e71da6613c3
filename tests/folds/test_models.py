"""The registry and the monitor, told as stories: versions, deployments, and what takes one back by itself."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from actors.models.experiments import ExperimentTracker
from actors.models.monitor import ModelMonitor
from actors.models.registry import ModelRegistry
from analytics.monitoring import profile_of
from hindcast.testing import given
from hindcast.testing.story import Story, Word

SECOND = 1_000_000
RNG = np.random.default_rng(7)
PROFILE = profile_of({"x": RNG.normal(size=2_000), "plan": np.array(["free", "pro"] * 1_000, object)})


def said(kind: str, subject: str = "churn", **data: Any) -> Word:
    def happen(story: Story) -> None:
        story.now += SECOND
        story.rows("models", type=kind, subject=subject, data=json.dumps(data), time=story.now)

    return happen


def registered(number: int, **more: Any) -> Word:
    about = {"version": f"e{number}", "sha256": f"{number:064d}", "model_id": f"m{number}", "task": "binary"}
    return said("version.registered", **{**about, "score": 0.9, "metric": "auc", "classes": ["no", "yes"], **more})


def deployed(*variants: tuple[str | int, float], **config: Any) -> Word:
    told = [{"name": f"v{i}", "version": version, "weight": weight} for i, (version, weight) in enumerate(variants)]
    return said("deployment.changed", variants=told, config=config)


def watched(story: Story) -> None:
    """The monitor has begun with what was deployed last."""
    place = story.view("models")["churn"]["wanted"]["place"]
    said("monitoring.started", place=place)(story)


def answered(n: int, version: int = 1, failed: bool = False, shift: float = 0.0, **columns: Any) -> Word:
    def happen(story: Story) -> None:
        story.now += SECOND
        first = story.now
        x = RNG.normal(size=n) + shift
        features = [json.dumps({"x": float(v), "plan": ["free", "pro"][i % 2]}) for i, v in enumerate(x)]
        about = {"type": "prediction.failed" if failed else "prediction.made", "model": "churn", "version": version}
        told = {"features": features, "value": 0.5, "latency_us": 900, **columns}
        story.rows(
            "predictions", id=[f"{first}-{i}" for i in range(n)], subject=[f"u{first}-{i}" for i in range(n)],
            time=first, shadow=False, **about, **({} if failed else told),
        )  # fmt: skip

    return happen


def events(story: Story) -> list[tuple[str, Any]]:
    return [(row["type"], json.loads(row["data"])) for row in story.emitted("models")]


# -- the registry ------------------------------------------------------------------------------------------------------


def test_the_first_version_is_the_champion_and_the_same_one_again_changes_nothing() -> None:
    story = given(ModelRegistry()).when(registered(1), registered(1), registered(2))
    model = story.view("models")["churn"]
    assert [v["number"] for v in model["versions"]] == [1, 2]
    assert model["aliases"] == {"champion": 1}


def test_requests_go_to_a_deployment_only_once_it_is_watched() -> None:
    story = given(ModelRegistry()).when(registered(1), registered(2), deployed((1, 1.0)), watched, deployed((2, 1.0)))
    model = story.view("models")["churn"]
    assert (model["wanted"]["variants"][0]["number"], model["live"]["variants"][0]["number"]) == (2, 1)
    story.when(watched)
    assert story.view("models")["churn"]["live"]["variants"][0]["number"] == 2


def test_the_monitor_may_be_heard_before_what_it_heard() -> None:
    """Two cells write to the stream: the reader meets them in any order."""

    def early(story: Story) -> None:
        story.rows(
            "models", producer="t/model_monitor/0", type="monitoring.started", subject="churn", time=1,
            data=json.dumps({"place": "t/models/0:1"}),
        )  # fmt: skip

    story = given(ModelRegistry()).when(early, registered(1), deployed((1, 1.0)))
    assert story.view("models")["churn"]["live"]["place"] == "t/models/0:1"


def test_a_deployment_follows_its_alias_and_one_command_goes_back() -> None:
    story = given(ModelRegistry()).when(registered(1), registered(2), deployed(("champion", 1.0)), watched)
    story.when(said("alias.moved", alias="champion", number=2), watched)
    model = story.view("models")["churn"]
    assert [v["number"] for v in model["live"]["variants"]] == [2]
    assert model["aliases"] == {"champion": 2, "previous": 1}
    story.when(said("deployment.rolled_back", reason="worse"), watched)
    model = story.view("models")["churn"]
    assert [v["number"] for v in model["live"]["variants"]] == [1]
    assert (model["aliases"]["champion"], model["last_rollback"]["reason"]) == (1, "worse")


def test_a_bad_variant_is_left_out_where_no_deployment_was_before() -> None:
    story = given(ModelRegistry()).when(registered(1), registered(2), deployed((1, 0.9), (2, 0.1)), watched)
    story.when(said("deployment.rolled_back", numbers=[2], reason="fails"), watched)
    assert [v["number"] for v in story.view("models")["churn"]["live"]["variants"]] == [1]
    story.when(said("deployment.rolled_back", numbers=[1], reason="fails, too"))
    model = story.view("models")["churn"]
    assert model["last_rollback"]["done"] is False  # somebody has to answer
    assert [v["number"] for v in model["live"]["variants"]] == [1]


# -- the monitor -------------------------------------------------------------------------------------------------------


def test_it_watches_before_any_answer() -> None:
    story = given(ModelMonitor()).when(registered(1), deployed((1, 1.0)))
    assert events(story) == [("monitoring.started", {"numbers": [1], "place": "t/models/0:1"})]


def test_a_version_that_fails_is_taken_back_once() -> None:
    rules = {"roll_back": {"errors": 0.2, "min_rows": 10}}
    story = given(ModelMonitor()).when(registered(1), registered(2), deployed((2, 1.0), **rules))
    story.when(answered(6, 2), answered(4, 2, failed=True), answered(10, 2, failed=True))
    kinds = [kind for kind, _ in events(story)]
    assert kinds == ["monitoring.started", "deployment.rolled_back", "model.degraded"]
    told = dict(events(story))
    assert told["deployment.rolled_back"]["numbers"] == [2]
    (sent,) = story.emitted("control")
    said = json.loads(sent["data"])
    assert (sent["type"], sent["subject"], said["key"]) == ("alert.raised", "model_performance_degradation", "churn:2")
    assert (said["severity"], said["status"], said["data"]["model_id"]) == ("high", "firing", "m2")
    alert = told["model.degraded"]
    assert (alert["type"], alert["severity"], alert["model_id"]) == ("model_performance_degradation", "high", "m2")


def test_rows_like_those_of_training_are_no_drift_and_others_are_named() -> None:
    config = {"watch": {"window_rows": 200, "retrain": True}}
    story = given(ModelMonitor()).when(registered(1, profile=PROFILE), deployed((1, 1.0), **config))
    story.when(*[answered(200) for _ in range(5)])
    assert [kind for kind, _ in events(story)] == ["monitoring.started"]
    story.when(answered(200, shift=0.8), answered(200, shift=0.8))
    kinds = [kind for kind, _ in events(story)][1:]
    assert kinds == ["model.drifted", "training.requested"]  # once, and not again within the cool-down
    assert dict(events(story))["model.drifted"]["drifted"] == ["x"]
    health = story.view("model_health")["churn"]["versions"]["1"]
    assert health["accuracy"]["status"] == "labels_pending"
    assert health["accuracy"]["scores"] == []


def outcomes(good: bool) -> Word:
    """200 answers and what came of them: as was said, or by chance."""

    def happen(story: Story) -> None:
        values = [0.9 if i % 2 else 0.1 for i in range(200)]
        answered(200, value=values)(story)
        first = story.now
        came = [float(v > 0.5) if good else float(i % 4 < 2) for i, v in enumerate(values)]
        story.now += SECOND
        story.rows(
            "predictions", type="outcome.recorded", model="churn", cause=[f"{first}-{i}" for i in range(200)],
            id=[f"o{first}-{i}" for i in range(200)], value=came, time=story.now,
        )  # fmt: skip

    return happen


def test_a_score_that_falls_on_known_outcomes_is_degradation() -> None:
    story = given(ModelMonitor()).when(registered(1), deployed((1, 1.0), roll_back={"errors": None}))
    story.when(outcomes(good=True))
    accuracy = story.view("model_health")["churn"]["versions"]["1"]["accuracy"]
    assert (accuracy["status"], accuracy["scores"][-1]["score"], accuracy["label_coverage"]) == ("measured", 1.0, 1.0)
    story.when(outcomes(good=False), outcomes(good=False))
    kinds = [kind for kind, _ in events(story)]
    assert kinds == ["monitoring.started", "model.degraded"]
    story.when(outcomes(good=True))
    assert [json.loads(row["data"])["status"] for row in story.emitted("control")] == ["firing", "resolved"]


# -- experiments -------------------------------------------------------------------------------------------------------


def test_an_experiment_has_its_trials_the_best_first_and_its_verdict() -> None:
    story = given(ExperimentTracker()).when(
        said("experiment.started", "e1", name="churn_training", rows=100),
        said("trial.finished", "e1", number=1, gain=0.6, state="finished"),
        said("trial.finished", "e1", number=2, gain=0.8, state="finished"),
        said("trial.finished", "e1", number=3, gain=None, state="stopped"),
        said("trial.failed", "e1", number=4, reason="too large"),
        said("model.refused", "e1", score=0.65, threshold=0.7, reason="not above"),
        said("experiment.finished", "e1", elapsed_s=3.0),
    )
    found = story.view("experiments")["e1"]
    assert [trial["number"] for trial in found["trials"]] == [2, 1, 3]
    assert (found["state"], found["tried"], found["failed"], found["best"]) == ("finished", 3, 1, 0.8)
    assert (found["registered"], found["reason"]) == (False, "not above")
