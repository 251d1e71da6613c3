"""The complete-system configuration becomes settings, or is refused with what would have been valid."""

from __future__ import annotations

from typing import Any

import pytest

from config.settings import Settings
from events.errors import Rejected
from hindcast.workflow import check_ml_config

RULE = {"name": "hot", "condition": "cpu.percent.mean > threshold", "threshold": 80, "channels": ["dashboard"]}


def complete(**changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "data_sources": ["user_interactions", "system_metrics"],
        "streams": ["user_interactions", "system_metrics"],
        "models": {},
        "dashboards": [
            {"id": "ops", "name": "Ops", "layout": "grid", "widgets": [{"id": "a", "type": "alert_system"}]}
        ],
        "alerts": [RULE],
        "ml_config": {},
    }
    return config | changes


def test_named_streams_get_the_metrics_of_the_base_preset() -> None:
    settings = Settings.from_complete(complete(streams=["system_metrics"]))
    assert [m.name for m in settings.metrics] == ["{type}"]
    assert settings.anomalies == ()
    assert [source.name for source in settings.asked_sources()] == ["machine"]
    assert settings.alerts[0].severity == "medium"
    assert settings.dashboards[0].widgets[0].type == "alert_system"


def test_a_stream_may_bring_its_own_metrics() -> None:
    streams = {"user_interactions": {"metrics": [{"name": "orders", "types": ["Order Completed"]}]}}
    settings = Settings.from_complete(complete(streams=streams, alerts=[]))
    assert [(m.name, m.stream, m.types) for m in settings.metrics] == [
        ("orders", "user_interactions", ("Order Completed",))
    ]


def test_sources_that_are_not_named_are_off_and_options_reach_them() -> None:
    assert not Settings.from_complete(complete(data_sources=["user_interactions"])).asked_sources()
    logs = {"kind": "logs", "path": "/var/log/app.log"}
    (asked,) = Settings.from_complete(complete(data_sources={"system_logs": logs})).asked_sources()
    assert (asked.name, asked.kind.into(asked.section).name) == ("system_logs", "system_logs")
    topic = {"kind": "kafka", "brokers": ["k:1"], "topics": ["t"]}
    (asked,) = Settings.from_complete(complete(data_sources={"external_apis": topic})).asked_sources()
    assert asked.kind.into(asked.section).name == "external_apis"
    settings = Settings.from_complete(complete(data_sources={"system_metrics": {"every_s": 5}}))
    assert [(s.name, s.section.model_dump()["every_s"]) for s in settings.asked_sources()] == [("machine", 5)]


def test_models_are_asked_for_by_name() -> None:
    settings = Settings.from_complete(complete(models=["churn_prediction"], ml_config={"budget_s": 60}))
    assert settings.models == {"churn_prediction": {}}
    assert settings.ml_config == {"budget_s": 60}


def test_a_setting_that_no_training_has_is_refused() -> None:
    check_ml_config({"use_auto_ml": True, "budget_s": 60})
    with pytest.raises(Rejected, match="config has no 'budget'"):
        check_ml_config({"budget": 60})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data_sources": ["letters"]}, "sources are user_interactions, system_metrics"),
        ({"data_sources": ["system_logs"]}, "say how it is fetched, as in {'kind': '"),
        ({"data_sources": {"system_logs": {"kind": "prometheus", "url": "http://x"}}}, "prometheus fills api_metrics"),
        ({"data_sources": {"user_interactions": {"url": "x"}}}, "takes no options"),
        ({"data_sources": "system_metrics"}, "must be a list of names"),
        ({"data_sources": {"system_metrics": {"every": 5}}}, "keys there are enabled, every_s"),
        ({"streams": ["real_time"]}, "there is no stream 'real_time'; streams are user_interactions"),
        ({"streams": {"user_interactions": {"windows": []}}}, "keys there are metrics, anomalies"),
        ({"alerts": [RULE | {"channels": ["sms"]}]}, "names channel 'sms'; channels are dashboard"),
        ({"alerts": [{k: v for k, v in RULE.items() if k != "threshold"}]}, "alerts[0].threshold"),
        ({"dashboards": [{"id": "x", "name": "X", "widgets": [{"id": "a", "type": "pie"}]}]}, "user_activity"),
        ({"models": ["churn"]}, "models are user_retention, conversion_prediction"),
        ({"dashbords": []}, "keys there are alerts"),
        ({"streams": ["user_interactions"]}, "is about 'cpu.percent', which is no metric"),
    ],
)
def test_what_is_not_valid_is_refused_with_what_is(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        Settings.from_complete(complete(**changes))
    assert reason in str(refused.value)
