"""Questions and SQL of a running system, by HTTP, by the client and by the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from hindcast.client import Client
from tests.cluster.test_command_line import run
from tests.cluster.words import BATCH, event, fresh, only_packed
from tests.running import Running

pytestmark = pytest.mark.cluster


@only_packed
def test_a_funnel_from_events_to_the_users_who_dropped_out(running: Running) -> None:
    source, visit, pay = fresh("shop"), fresh("visit"), fresh("pay")
    at = datetime.now(UTC) - timedelta(minutes=5)
    told = [("ada", visit, 0), ("ada", pay, 1), ("bob", visit, 0)]
    events = [
        event(source=source, subject=f"{source}-{user}", type=type_, time=(at + timedelta(seconds=s)).isoformat())
        for user, type_, s in told
    ]
    running.post("/v1/events", json=events, headers=BATCH).raise_for_status()
    mine = {"name": "source", "value": source}
    funnel = {"ask": "funnel", "steps": [visit, pay], "window": "1m", "since": "1h", "where": [mine]}
    with Client(running.url, running.key) as client:
        answer = client.ask(funnel)
        assert [step["users"] for step in answer["groups"][0]["steps"]] == [2, 1]  # type: ignore[typeddict-item]
        behind = client.drill(funnel, {"step": 1, "outcome": "dropped"}, answer=answer)
        assert [user["user"] for user in behind["users"]] == [f"{source}-bob"]
        client.define("cohort", source, {"criteria": [{"event": pay}]})
        trend = client.ask({"ask": "trends", "since": "1h", "where": [mine], "cohort": source})
        assert trend["series"][0]["total"] == 2  # type: ignore[typeddict-item]
        table = client.sql(f"SELECT type, count(*) AS n FROM user_interactions WHERE source = '{source}' GROUP BY 1")
        assert dict(zip(table["type"].to_pylist(), table["n"].to_pylist(), strict=True)) == {visit: 2, pay: 1}
        ways = [client.optimize_analytics_performance("SELECT count(*) FROM user_interactions WHERE false")["way"]]
        assert ways[0] in ("optimized", "cached")
        client.remove_definition("cohort", source)
    said = run(running, "questions", "ask", json.dumps(funnel)).stdout
    assert json.loads(said)["groups"][0]["users"] == 2
