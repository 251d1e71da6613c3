"""Every value of every metric is the sum of the rows that its explanation names, as of any moment."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from actors.explaining.alerts import AlertExplainer
from actors.explaining.metrics import MetricExplainer
from events.errors import Rejected
from query import as_of
from query.engine import Engine
from tests.laws.systems import System


def windows(system: System, moment: as_of.Moment | None = None) -> list[dict[str, Any]]:
    sql = "SELECT metric, key, epoch_us(start) AS start, count, sum, revision FROM metrics_latest ORDER BY ALL"
    return Engine(system.log).run(sql, tenant="t", moment=moment).objects()


def explained(system: System, window: dict[str, Any], moment: as_of.Moment | None = None) -> dict[str, Any]:
    return MetricExplainer(system.log, "t", moment).metric(window["metric"], window["key"] or "", window["start"])


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "producers"), [(1, 1), (2, 3)])
def test_the_rows_of_an_explanation_sum_up_to_the_value(seed: int, producers: int) -> None:
    system = System(seed, producers)
    system.lives(40)
    then = as_of.now(system.log, "t")
    before = windows(system)
    system.lives(40)
    revised = 0
    for window in [w for w in windows(system) if w["revision"] > 0][:8] + windows(system)[::9]:
        told = explained(system, window)
        assert told["again"]["equal"], told
        assert told["again"]["figures"]["count"] == window["count"] == told["rows"]["count"]
        listed = Engine(system.log).run(told["rows"]["sql"], tenant="t").objects()
        assert len(listed) == window["count"]
        if window["sum"] is not None:
            assert sum(row["value"] for row in listed if row["value"] is not None) == window["sum"]
        assert sum(one["rows"] for one in told["rows"]["producers"]) == window["count"]
        assert [one["revision"] for one in told["revisions"]] == list(range(window["revision"] + 1))
        revised += window["revision"] > 0
    assert revised > 2
    for window in before[::9]:
        told = explained(system, window, then)
        assert (told["again"]["equal"], told["figures"]["count"]) == (True, window["count"])


def test_a_definition_is_named_by_its_version() -> None:
    system = System(1, 1)
    system.lives(30)
    told = MetricExplainer(system.log, "t").metric("orders", "a", None)
    assert told["definition"]["spec"]["types"] == ["order.placed"]
    assert (told["definition"]["version"], told["definition"]["by"]) == (1, "ada")
    gauge = MetricExplainer(system.log, "t").metric("cpu.percent", None, None)
    assert gauge["definition"]["name"] == "{type}"


def test_an_alert_is_explained_by_its_rule_and_windows() -> None:
    system = System(3, 1)
    system.lives(100)
    fired = next(r for r in system.live("alerts") if r["type"] == "alert.fired" and r["rule"] == "many")
    changed = {"spec": {"name": "many", "condition": "events.count > 9", "threshold": 9}, "owner": "api", "by": "bob"}
    system.says("control", 0, 0, type="rule.defined", subject="many", data=json.dumps(changed), time=system.now)
    system.cells[2].advance()
    told = AlertExplainer(system.log, "t").alert(fired["alert"])
    assert told["definition"]["spec"]["threshold"] == 6, "the rule as it was then"
    assert "alert.fired" in [turn["type"] for turn in told["turns"]]
    assert any(window["count"] > 6 for window in told["windows"])
    assert all(datetime.fromisoformat(turn["known"]) for turn in told["turns"])


def test_what_is_not_there_is_refused_with_what_is() -> None:
    system = System(1, 1)
    system.lives(50)
    explainer = MetricExplainer(system.log, "t")
    with pytest.raises(Rejected, match="did you mean 'orders'"):
        explainer.metric("order", None, None)
    with pytest.raises(Rejected, match=r"keys are \['a', 'b'\]"):
        explainer.metric("orders", "c", None)
    with pytest.raises(Rejected, match=r"no window that starts at 2001-.*the newest start at 2025-"):
        explainer.metric("orders", "a", 1_000_000_000_000_000)
    with pytest.raises(Rejected, match="no alert 'x'"):
        AlertExplainer(system.log, "t").alert("x")
