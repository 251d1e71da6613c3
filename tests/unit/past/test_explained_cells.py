"""A figure of a query's answer says where it comes from: its moment, its rows, or why these cannot be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from query import as_of
from tests.laws.systems import SECOND, System

Lived = tuple[Path, System]
BY_TYPE = "SELECT type, count(*) AS n, sum(value) AS total FROM user_interactions GROUP BY type ORDER BY n DESC"


def explained(http: TestClient, sql: str, column: str, row: int = 0, **more: Any) -> Any:
    answer = http.post("/v1/explain", json={"sql": sql, "column": column, "row": row, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def asked(http: TestClient, sql: str, **more: Any) -> list[list[Any]]:
    answer = http.post("/v1/query", json={"sql": sql, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


@pytest.mark.parametrize(
    ("sql", "column"),
    [
        (BY_TYPE, "n"),
        (BY_TYPE, "total"),
        ("SELECT count(*) AS n FROM user_interactions", "n"),
        ("SELECT type, max(value) AS most FROM user_interactions u WHERE value > 1 GROUP BY ALL ORDER BY 2", "most"),
        ("SELECT upper(type) AS t, avg(value) FROM user_interactions GROUP BY t ORDER BY 1 DESC", "avg(\"value\")"),
        ("SELECT date_trunc('minute', time) AS m, count(*) AS n FROM user_interactions GROUP BY 1 ORDER BY n DESC, m", "n"),
        ("SELECT type, count(*) FILTER (value > 3) AS n FROM user_interactions GROUP BY 1 HAVING n > 0 ORDER BY 1", "n"),
        ("SELECT currency, count(*) AS n FROM user_interactions GROUP BY currency ORDER BY currency NULLS FIRST", "n"),
        ("SELECT metric, sum(count) AS n FROM metrics_latest WHERE key = '' GROUP BY 1 ORDER BY n LIMIT 2 OFFSET 1", "n"),
    ],
)  # fmt: skip
def test_the_rows_behind_a_figure_sum_up_to_it(http: TestClient, sql: str, column: str) -> None:
    answer = http.post("/v1/query", json={"sql": sql}).json()
    names = [each["name"] for each in answer["columns"]]
    for row in range(min(len(answer["rows"]), 3)):
        told = explained(http, sql, names[names.index(column)], row, as_of=answer["as_of"])
        assert told["value"] == answer["rows"][row][names.index(column)]
        assert told["untold"] is None
        assert told["again"] == {"value": pytest.approx(told["value"]), "equal": True}
        assert told["rows"]["count"] == len(asked(http, told["rows"]["sql"], as_of=answer["as_of"])) > 0
        assert told["cut"]


def test_a_row_that_was_only_picked_is_its_own_row(http: TestClient) -> None:
    sql = "SELECT id, value * 2 AS twice FROM user_interactions WHERE type = 'order.placed' ORDER BY time, id"
    told = explained(http, sql, "twice", 3)
    (row,) = asked(http, told["rows"]["sql"])
    assert told["rows"]["count"] == 1 and told["again"] is None
    assert asked(http, sql)[3][0] in row


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("WITH a AS (SELECT 1 AS n) SELECT n FROM a", "made of parts"),
        ("SELECT count(*) AS n FROM user_interactions a JOIN metrics b ON a.id = b.id", "more than one table"),
        ("SELECT row_number() OVER () AS n FROM user_interactions", "across rows"),
        ("SELECT DISTINCT type AS n FROM user_interactions", "DISTINCT"),
        ("SELECT 1 AS n UNION SELECT 2 AS n", "several answers"),
        ("SELECT count(*) AS n FROM metrics WHERE count > (SELECT avg(count) FROM metrics)", "within a question"),
    ],
)
def test_what_cannot_be_told_is_said_with_its_reason(http: TestClient, sql: str, why: str) -> None:
    told = explained(http, sql, "n")
    assert told["rows"] is None and why in told["untold"]
    assert told["value"] is not None and told["as_of"]


def test_a_cell_that_is_not_there_is_refused(http: TestClient) -> None:
    for body, field in (({"column": "x"}, "column"), ({"column": "n", "row": 99}, "row")):
        answer = http.post("/v1/explain", json={"sql": BY_TYPE, **body})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert http.post("/v1/explain", json={"sql": "DELETE FROM metrics", "column": "n"}).status_code == 400


def test_a_metric_is_explained_with_hindsight(http: TestClient, lived: Lived) -> None:
    starts = asked(http, "SELECT epoch(start) + 10 FROM metrics_latest WHERE metric = 'events' ORDER BY 1")
    at = as_of.iso(int(starts[len(starts) // 2][0] * SECOND))
    told = http.get("/v1/explain", params={"metric": "events", "valid_at": at}).json()
    assert told["to"] == at and told["again"]["equal"]
    refused = http.get("/v1/explain", params={"alert": "a", "valid_at": at})
    assert refused.status_code == 400 and "never judged anew" in refused.json()["error"]["reason"]


@pytest.mark.parametrize("path", ["/v1/alerts", "/v1/streams", "/v1/streams/metrics", "/v1/interactions"])
def test_reads_without_hindsight_say_why(http: TestClient, path: str) -> None:
    answer = http.get(path, params={"valid_at": "1h"})
    assert answer.status_code == 400
    assert "ask `as_of`" in answer.json()["error"]["reason"]
