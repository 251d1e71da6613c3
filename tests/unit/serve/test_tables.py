"""Point-in-time tables over HTTP: made, pinned, made again, on a log and without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from events.sqlite_log import SqliteLog
from tests.unit.query.point_in_time.words import BEGIN, DAY_US, Event, put_events
from tests.unit.serve import test_definitions

http = test_definitions.http
PRODUCER = "t/user_interactions/0"
ROWS = [
    {"key": "c1", "at": (BEGIN + DAY_US) / 1e6, "label": 1},
    {"key": "c2", "at": (BEGIN + DAY_US) / 1e6, "label": 0},
]
ASKED: dict[str, Any] = {"rows": ROWS, "features": [{"name": "orders", "event": "order"}]}
ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    log = SqliteLog(tmp_path, doorbell=False)
    order(log, "c1", BEGIN)
    return log


def order(log: SqliteLog, key: str, at: int) -> None:
    put_events(log, PRODUCER, [Event(key, at, at, "order", 5, None, None, "", 0)], at)


def test_a_table_comes_as_json_and_as_arrow(http: TestClient, log: SqliteLog) -> None:
    told = http.post("/v1/tables", json=ASKED).json()
    assert [row[2:] for row in told["rows"]] == [[1, 1], [0, 0]] and told["state"] == "live"
    assert [column["name"] for column in told["columns"]] == ["key", "at", "label", "orders"]
    answer = http.post("/v1/tables", json=ASKED, headers={"accept": ARROW})
    with pa.ipc.open_stream(answer.content) as stream:
        assert stream.read_all()["orders"].to_pylist() == [1, 0]
    assert answer.headers["hindcast-digest"] == told["digest"]
    again = http.post("/v1/tables", json=ASKED | {"as_of": told["as_of"]}).json()
    assert again["digest"] == told["digest"]


def test_a_pinned_table_stays_as_it_is_when_rows_come_late(http: TestClient, log: SqliteLog) -> None:
    pinned = http.post("/v1/tables", json=ASKED | {"pin": "churn", "about": "for the model"})
    assert pinned.status_code == 200 and pinned.json()["state"] == "pinned", pinned.text
    kept = http.get("/v1/definitions/table/churn").json()["spec"]
    assert kept["digest"] == pinned.json()["digest"] and kept["as_of"] == pinned.json()["as_of"]
    order(log, "c2", BEGIN)  # imported: it was known all the time
    again = http.get("/v1/tables/churn").json()
    assert (again["rows"], again["digest"], again["state"]) == (pinned.json()["rows"], kept["digest"], "pinned")
    assert [row[3] for row in http.post("/v1/tables", json=ASKED).json()["rows"]] == [1, 1]
    live = http.put("/v1/definitions/table/live", json=ASKED)
    assert live.status_code == 200, live.text
    assert [row[3] for row in http.get("/v1/tables/live").json()["rows"]] == [1, 1]


def test_mistakes_are_told_with_their_field(http: TestClient, log: SqliteLog) -> None:
    leak = {
        "rows": [{**ROWS[0], "plan": "pro", "said": (BEGIN + 2 * DAY_US) / 1e6}],
        "given": {"plan": {"known": "said"}},
    }
    status, field, reason = test_definitions.error(http.post("/v1/tables", json=leak))
    assert (status, field) == (400, "rows.0.plan") and "knows the future" in reason
    status, field, reason = test_definitions.error(http.post("/v1/tables", json={"rows": [], "feature": []}))
    assert (status, field) == (400, "feature") and "did you mean 'features'?" in reason
    assert http.get("/v1/tables/churm").status_code == 404
    half = {"rows": [], "as_of": "x"}
    assert test_definitions.error(http.put("/v1/definitions/table/t", json=half))[0] == 400
