"""A backtest as somebody asks for it: over HTTP, on the command line, and with words that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from fastapi.testclient import TestClient

from analytics.episodes import Span, fit
from hindcast.cli import main
from tests.laws.systems import System

MANY = {"name": "many", "condition": "events.count > threshold", "threshold": 6, "for_s": 20}


def run(lived: tuple[Path, System], *args: str) -> Result:
    return CliRunner().invoke(main, ["backtest", *args, "--data-dir", str(lived[0])], catch_exceptions=False)


def test_the_command_line_and_http_say_the_same(lived: tuple[Path, System], http: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"alerts": [MANY]}))
    over_http = http.post("/v1/backtest", json={"rules": [MANY], "limit": 7})
    assert over_http.status_code == 200, over_http.text
    said = json.loads(run(lived, str(file), "--limit", "7", "--json").stdout)
    assert said == over_http.json()
    live = [row for row in lived[1].live("alerts") if row["rule"] == "many"]
    assert said["pages"] == sum(row["type"] == "alert.fired" for row in live) > 0
    assert [turn["type"] for turn in said["timeline"]] == [row["type"] for row in live][:7]
    shown = run(lived, str(file))
    assert "alert.fired" in shown.stdout
    assert "pages in both" in shown.stderr


def test_incidents_are_found_or_missed(lived: tuple[Path, System], tmp_path: Path) -> None:
    told = json.loads(run(lived, "--set", "for_s=0", "--json").stdout)
    fired = [turn for turn in told["timeline"] if turn["type"] == "alert.fired" and turn["rule"] == "many"]
    file = tmp_path / "incidents.yaml"
    file.write_text(f"- {{from: {fired[0]['time']}, to: {fired[0]['time'][:-4]}999Z}}\n")
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"alerts": [{**MANY, "for_s": 0}]}))
    file.write_text(f"- from: '{told['from']}'\n  to: '{fired[0]['time']}'\n  name: a bad morning\n")
    answer = json.loads(run(lived, str(rules), "--incidents", str(file), "--tolerance", "1", "--json").stdout)
    assert answer["fit"]["recall"] == {"value": 1.0, "found": 1, "incidents": 1}
    assert answer["fit"]["precision"]["pages"] == answer["pages"]
    assert answer["fit"]["precision"]["right"] >= 1


def test_watches_are_tried_with_another_setting(lived: tuple[Path, System]) -> None:
    few, many = (
        json.loads(run(lived, "--fold", "anomaly", "--set", f"false_alarms_per_week={rate}", "--json").stdout)
        for rate in (0.001, 5000)
    )
    assert few["samples"] == many["samples"] > 0
    assert few["pages"] <= many["pages"]
    assert {one["rule"] for one in few["rules"]} == {"events.count", "orders.mean"}


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"rules": [{**MANY, "condition": "evens.count > 1"}]}, "condition", "events"),
        ({"rules": [{**MANY, "threshhold": 1}]}, "threshhold", "threshold"),
        ({"rules": []}, "rules", "alerts:"),
        ({"set": {"treshold": 1}}, "set", "threshold"),
        ({"set": {"for_s": -1}}, "for_s", "greater"),
        ({"fold": "anomaly", "rules": [MANY]}, "rules", "alert_evaluator"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "from", "before"),
        ({"incidents": [{"from": "2026-01-02", "to": "2026-01-01"}]}, "incidents.0.from", "before"),
        ({"from": "yesterday"}, "from", "date"),
        ({"folds": "anomaly"}, "folds", "not permitted"),
        ({"fold": "metrics"}, "fold", "anomaly"),
    ],
)
def test_what_cannot_be_is_refused_with_field_and_remedy(
    http: TestClient, asked: dict[str, Any], field: str, said: str
) -> None:
    answer = http.post("/v1/backtest", json=asked)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["field"] == field
    assert said in error["reason"]


def test_a_file_without_rules_is_named(lived: tuple[Path, System], tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("anomalies:\n- {metric: events}\n")
    wrong = run(lived, str(file))
    assert (wrong.exit_code, "has no `alerts:`" in wrong.stderr) == (2, True)
    assert run(lived, "--set", "for_s").exit_code == 2


def test_pages_meet_incidents_that_they_overlap() -> None:
    found = fit([Span(5, 9), Span(20, 20), Span(50, 60)], [Span(0, 6), Span(15, 19), Span(100, 110)], tolerance_us=2)
    assert found.precision == (2 / 3, 2, 3)
    assert found.recall == (2 / 3, 2, 3)
    assert found.delay_us == 5.0
    assert fit([], [Span(0, 1)]).precision.value is None
    assert fit([Span(0, 1)], []).recall.value is None


def test_a_file_may_bring_the_metric_that_its_rules_are_about(lived: tuple[Path, System], tmp_path: Path) -> None:
    metric = {"name": "placed", "stream": "user_interactions", "types": ["order.placed"]}
    rule = {"name": "any", "condition": "placed.count > threshold", "threshold": 0}
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"metrics": [metric], "alerts": [rule]}))
    answer = json.loads(run(lived, str(file), "--json").stdout)
    assert answer["pages"] > 0 and answer["rules"][0]["rule"] == "any"
    file.write_text(yaml.safe_dump({"alerts": [rule]}))
    refused = CliRunner().invoke(main, ["backtest", str(file), "--data-dir", str(lived[0])])
    assert refused.exit_code and "'placed', which is no metric" in refused.output
