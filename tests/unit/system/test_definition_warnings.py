"""What a start says of the rules and dashboards that hold: those of people, too, whose metric has left the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actors.fold import Viewed
from actors.parts import Part, Within
from config.parts import parts
from config.settings import Settings
from events.catalog import METRICS, rows
from events.entry import encode
from events.log import Commit, LogSpec, Output
from events.sqlite_log import SqliteLog, SqliteSpec
from hindcast.definition_warnings import definition_warnings


def rule(condition: str, threshold: float = 5.0) -> dict[str, Any]:
    return {"condition": condition, "threshold": threshold}


def held(settings: Settings, rules: dict[str, Any]) -> dict[str, Any]:
    """The definitions that the directory has: the metrics of the settings, and these rules."""
    metrics = {f"metric/{metric.name}": {"spec": metric.model_dump(mode="json")} for metric in settings.metrics}
    return metrics | {f"rule/{name}": {"spec": said} for name, said in rules.items()}


def sampled(folder: Path, *series: tuple[str, str]) -> LogSpec:
    """A log with a sample of each (metric, key)."""
    log = SqliteLog(folder, doorbell=False)
    lease = log.acquire("main/metrics/0", [METRICS.name])
    columns = {"metric": [m for m, _ in series] * 2, "key": [k for _, k in series] + [None] * len(series), "time": 1}
    columns |= {"type": ["metric.sampled"] * len(series) + ["window.closed"] * len(series)}
    payload = encode(METRICS, rows(METRICS, columns, 2 * len(series)))
    log.commit(lease, Commit(0, b"1", 1, outputs=(Output(METRICS.name, payload),)))
    log.close()
    return SqliteSpec(folder)


def test_what_may_never_fire_is_said_by_name(tmp_path: Path) -> None:
    log = sampled(tmp_path, ("events", ""), ("revenue", "EUR"), ("revenue", "USD"), ("cpu.percent", "host"))
    rules = {
        "fine": rule("events.count > threshold"),
        "gone": rule("signups.count > threshold"),
        "old": rule("events.p95 > threshold"),
        "lower": rule('revenue.sum{key="eur"} > threshold'),
        "odd": rule("nonsense"),
    }
    settings = Settings.load("base")
    said = dict(definition_warnings(settings, held(settings, rules), log))
    said = {name.removeprefix("alert rule ").strip("'"): why for name, why in said.items()}
    assert set(said) == {"gone", "old", "lower", "odd"}
    assert "can never fire" in said["gone"]
    assert "which is no metric" in said["gone"]
    assert "a `value` column" in said["old"]
    assert "did you mean 'EUR'?" in said["lower"]


def test_a_gauge_that_nothing_measures_is_said(tmp_path: Path) -> None:
    settings = Settings.load("base", sources={"machine": {"enabled": False}})
    rules = {"CPU is busy": rule("cpu.percent.mean > threshold")}
    (said,) = definition_warnings(settings, held(settings, rules), sampled(tmp_path, ("events", "")))
    assert "sources.machine.enabled" in said[1]


def test_a_dashboard_that_shows_what_nobody_knows_is_said(tmp_path: Path) -> None:
    widgets = [
        {"id": "a", "type": "metric", "metric": "evnts"},
        {"id": "b", "type": "bar", "topic": "dise", "options": {"value": "times"}},
        {"id": "c", "type": "metric", "metric": "events"},
    ]
    settings = Settings.load("base")
    mine = {"dashboard/mine": {"spec": {"id": "mine", "name": "Mine", "widgets": widgets}}}
    log = sampled(tmp_path, ("events", ""))
    found = [*definition_warnings(settings, held(settings, {}) | mine, log, ["dice", "user_activity"])]
    assert [name for name, _ in found] == ["dashboard 'mine'"] * 2
    assert "'evnts', which is not defined (did you mean 'events'?); there are" in found[0][1]
    assert "'dise', which nobody shows" in found[1][1] and "did you mean 'dice'?" in found[1][1]


def test_what_a_configuration_shows_of_its_own_is_worth_no_word(tmp_path: Path) -> None:
    for preset in ("base", "course", "saas", "demo"):
        settings = Settings.load(preset)
        boards = {
            f"dashboard/{d.id}": {"spec": d.model_dump(mode="json", exclude_none=True)} for d in settings.dashboards
        }
        topics = {topic for part in parts().by_name.values() for topic in _topics(part, tmp_path)}
        log = sampled(tmp_path / preset, ("events", ""))
        found = [*definition_warnings(settings, held(settings, {}) | boards, log, topics)]
        assert found == [], preset


def _topics(part: Part, folder: Path) -> list[str]:
    cells = part.cells(part.section(), Within("main", folder, 0))
    return [topic.name for cell in cells if isinstance(cell.fold, Viewed) for topic in cell.fold.topics]
