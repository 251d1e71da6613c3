"""A metric that is defined over HTTP while events come shows what was before and goes on: nothing is missing or twice."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.cluster.words import BATCH, event, fresh, only_packed, order
from tests.running import Running

pytestmark = pytest.mark.cluster

WIDTH_S = 1


def name_of(what: str) -> str:
    return fresh(what).replace("-", "_")


def sends(running: Running, type_: str, n: int) -> None:
    """The same events again where a host was just killed: they count once."""
    events = [event(type=type_, subject=f"u{i % 7}") for i in range(n)]
    running.until(lambda: running.post("/v1/events", json=events, headers=BATCH).status_code, 200)


def put(running: Running, path: str, spec: dict[str, Any]) -> Any:
    answer = running.http.put(f"/v1/definitions/{path}", json=spec)
    assert answer.status_code == 200, answer.text
    return answer.json()


def counted(running: Running, metric: str) -> list[list[Any]]:
    """(start, rows, samples) of each window as ``metrics_latest`` has it."""
    return running.sql(
        f"SELECT epoch(start), sum(count), count(*) FROM metrics_latest WHERE metric = '{metric}' GROUP BY 1 ORDER BY 1"
    )


def by_hand(running: Running, type_: str) -> list[list[Any]]:
    return running.sql(
        f"SELECT epoch(time_bucket(INTERVAL {WIDTH_S} SECONDS, time)), count(*), 1 FROM user_interactions "
        f"WHERE type = '{type_}' GROUP BY 1 ORDER BY 1"
    )


def test_a_metric_defined_while_events_come_has_its_past_and_goes_on(running: Running) -> None:
    """All hosts are killed in the middle of it."""
    type_, metric = fresh("thing.bought"), name_of("bought")
    for _ in range(5):
        sends(running, type_, 200)
        time.sleep(0.3)
    spec = {"stream": "user_interactions", "types": [type_], "width_s": WIDTH_S, "lateness_s": 7200}
    assert put(running, f"metric/{metric}", spec)["change"] == "new"
    assert running.strike("ray::Host") > 0
    for _ in range(5):
        sends(running, type_, 50)
        time.sleep(0.3)
    running.until(lambda: running.get(f"/v1/definitions/metric/{metric}").json()["past"], None)
    running.until(lambda: counted(running, metric) == by_hand(running, type_))
    rows = running.sql(
        f"SELECT count(*), count(DISTINCT (start, revision)) FROM metrics WHERE metric = '{metric}' AND revision IS NOT NULL"
    )
    assert rows[0][0] == rows[0][1] > 1, "no window is told twice"
    found = lambda: running.get("/v1/metrics", params={"metric": metric}).json()["metrics"]  # noqa: E731
    running.until(lambda: sum(row["count"] for row in found()), 1250)
    assert running.http.delete(f"/v1/definitions/metric/{metric}").status_code == 200
    told = len(counted(running, metric))
    sends(running, type_, 10)
    later = order(1) | {"data": {"revenue": 1, "currency": "PEN"}}  # the same cell counts it, after them
    running.post("/v1/events", json=[later], headers=BATCH).raise_for_status()
    running.until(lambda: running.get("/v1/metrics", params={"metric": "orders", "key": "PEN"}).json()["metrics"])
    assert len(counted(running, metric)) == told


@only_packed
def test_a_watch_a_rule_and_a_metric_that_is_made_anew_at_run_time(running: Running) -> None:
    type_, metric = fresh("thing.seen"), name_of("seen")
    sends(running, type_, 30)
    spec = {"stream": "user_interactions", "types": [type_], "width_s": WIDTH_S, "lateness_s": 7200}
    put(running, f"metric/{metric}", spec)
    put(running, f"anomaly/{metric}.count", {})
    put(running, f"rule/{metric}", {"condition": f"{metric}.count > 1000", "threshold": 1000})
    scored = f"SELECT count(*) > 0 FROM anomalies WHERE metric = '{metric}'"
    running.until(lambda: running.sql(scored)[0][0])
    wide = put(running, f"metric/{metric}", {**spec, "width_s": 60})
    assert [d["field"] for d in wide["differences"]] == ["width_s"]
    latest = f"SELECT DISTINCT width_us FROM metrics_latest WHERE metric = '{metric}'"
    running.until(lambda: running.sql(latest), [[60_000_000]])
    refused = running.http.delete(f"/v1/definitions/metric/{metric}")
    assert refused.status_code == 400 and metric in refused.json()["error"]["reason"]
    for path in (f"rule/{metric}", f"anomaly/{metric}.count", f"metric/{metric}"):
        assert running.http.delete(f"/v1/definitions/{path}").status_code == 200
