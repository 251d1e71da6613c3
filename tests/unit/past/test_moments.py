"""Questions about another moment, over HTTP and on the command line."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from hindcast.cli import main
from hindcast.client import Client
from query import as_of
from query.engine import Engine
from query.history import History
from query.optimizing.optimizer import AnalyticsOptimizer
from tests.laws.systems import SECOND, System

COUNT = "SELECT count(*) AS n FROM user_interactions"
Lived = tuple[Path, System]


def ask(http: TestClient, **more: Any) -> Any:
    return http.post("/v1/query", json={"sql": COUNT, **more})


def run(lived: Lived, *args: str) -> Any:
    return json.loads(
        CliRunner().invoke(main, [*args, "--data-dir", str(lived[0]), "--json"], catch_exceptions=False).stdout
    )


def test_a_query_is_answered_again_as_of_its_token_and_its_time(http: TestClient, lived: Lived) -> None:
    system = lived[1]
    first = ask(http).json()
    at = system.now
    system.now += SECOND
    system.lives(10)
    assert ask(http).json()["rows"] > first["rows"]
    for moment in (first["as_of"], as_of.iso(at), str(at / SECOND)):
        again = ask(http, as_of=moment)
        assert again.status_code == 200, again.text
        assert again.json()["rows"] == first["rows"]
        assert run(lived, "query", COUNT, "--as-of", moment) == [{"n": first["rows"][0][0]}]
    assert ask(http, as_of=first["as_of"]).json()["as_of"] == first["as_of"]
    with_hindsight = ask(http, valid_at=as_of.iso(at)).json()["rows"][0][0]
    rows = [row for row in system.live("user_interactions") if row["time"].timestamp() * SECOND <= at]
    assert with_hindsight == len(rows)
    assert run(lived, "query", COUNT, "--valid-at", as_of.iso(at)) == [{"n": len(rows)}]


def test_tables_carry_the_token_in_a_header(http: TestClient, lived: Lived) -> None:
    system, sql = lived[1], "SELECT type, avg(value) AS mean, count(*) AS n FROM user_interactions GROUP BY ALL"
    for form in ("text/csv", "application/vnd.apache.arrow.stream"):

        def asked(**more: Any) -> tuple[bytes, str]:
            answer = http.post("/v1/query", json={"sql": sql, **more}, headers={"accept": form})  # noqa: B023
            return answer.content, answer.headers["hindcast-as-of"]

        first = asked()
        system.lives(5)
        assert asked()[0] != first[0]
        assert asked(as_of=first[1]) == first


def test_the_client_reads_tables_as_of_a_moment(http: TestClient, lived: Lived) -> None:
    system, client = lived[1], Client("http://testserver", "hc_x")
    client._http = http
    then = client.result(COUNT)
    at = system.now
    system.now += SECOND
    system.lives(10)
    assert client.sql(COUNT, as_of=then["as_of"]).to_pylist() == [{"n": then["rows"][0][0]}]
    assert client.query(COUNT, as_of=then["as_of"]) == [{"n": then["rows"][0][0]}]
    rows = [row for row in system.live("user_interactions") if row["time"].timestamp() * SECOND <= at]
    assert client.sql(COUNT, valid_at=as_of.iso(at)).to_pylist() == [{"n": len(rows)}]


def test_an_answer_that_is_kept_is_given_for_its_own_moment_only(lived: Lived) -> None:
    system = lived[1]
    optimizer = AnalyticsOptimizer(system.log, "t")
    first = optimizer.sql(COUNT)
    at = system.now
    system.now += SECOND
    system.lives(10)
    then = as_of.of_token(system.log, "t", first.result.as_of)
    ways = [
        (optimizer.sql(COUNT), "optimized"),
        (optimizer.sql(COUNT, moment=then), "cached"),
        (optimizer.sql(COUNT, valid_at=at), "optimized"),
        (optimizer.sql(COUNT, valid_at=at), "cached"),
        (optimizer.sql(COUNT, moment=then, valid_at=at), "optimized"),
    ]
    assert [found.way for found, _ in ways] == [way for _, way in ways]
    now, again, hindsight, _, both = (found.result.rows()[0][0] for found, _ in ways)
    assert again == first.result.rows()[0][0] < now
    rows = [row for row in system.live("user_interactions") if row["time"].timestamp() * SECOND <= at]
    assert hindsight == len(rows) > both


@pytest.mark.parametrize("partitions", [2, 3])
def test_streams_in_parts_have_their_moments_too(lived: Lived, partitions: int) -> None:
    system = lived[1]
    sql = "SELECT type, count(*) AS n, max(time) AS t FROM user_interactions GROUP BY ALL ORDER BY ALL"
    moment, at = as_of.now(system.log, "t"), system.now
    system.now += SECOND
    system.lives(10)
    engine, history = Engine(system.log), History(system.log, "t")
    cut = {name: history.heads(name) for name in ("user_interactions", "metrics")}
    seen: list[Any] = []
    thens: list[dict[str, Any]] = [
        {"moment": moment},
        {"valid_at": at},
        {"moment": moment, "valid_at": at - 40 * SECOND},
    ]
    for then in thens:
        with engine.open(tenant="t", cut=cut, partitions=partitions, **then) as session:
            found = session.run(sql)
        assert found.rows() == engine.run(sql, tenant="t", **then).rows()
        assert found.as_of == ""  # the cut may be of any moment
        seen.append(found.rows())
    assert len({repr(rows) for rows in seen}) == 3
    less = {"user_interactions": {producer: head // 2 for producer, head in cut["user_interactions"].items()}}
    with engine.open(tenant="t", cut=less, moment=moment) as session:
        assert sum(row[1] for row in session.run(sql).rows()) < sum(row[1] for row in seen[0])


def test_rows_and_metrics_are_those_of_then(http: TestClient, lived: Lived) -> None:
    system = lived[1]
    rows = http.get("/v1/streams/user_interactions?last=5").json()
    metrics = http.get("/v1/metrics?metric=events&limit=3").json()
    events = http.get("/v1/interactions?since=0&limit=4").json()["events"]
    system.lives(10)
    assert http.get("/v1/streams/user_interactions", params={"last": 5, "as_of": rows["as_of"]}).json() == rows
    assert http.get("/v1/interactions?since=0&limit=4").json()["events"] != events
    found = http.get("/v1/interactions", params={"since": 0, "limit": 4, "as_of": rows["as_of"]}).json()["events"]
    assert found == events
    asked = {"metric": "events", "limit": 3, "as_of": metrics["as_of"]}
    assert http.get("/v1/metrics", params=asked).json() == metrics
    assert http.get("/v1/metrics?metric=events&limit=3").json()["metrics"] != metrics["metrics"]


def test_a_metric_that_was_defined_later_was_not_defined_then(http: TestClient, lived: Lived) -> None:
    system = lived[1]
    then = http.get("/v1/metrics?metric=events").json()["as_of"]
    spec = {"name": "later", "stream": "user_interactions"}
    told = json.dumps({"spec": spec, "bound_s": 5.0, "owner": "api", "by": "ada"})
    system.says("control", 0, 0, type="metric.defined", subject="later", data=told, time=system.now)
    refused = http.get("/v1/metrics", params={"metric": "later", "as_of": then})
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["field"] == "metric"
    assert "was not defined then" in error["reason"]
    assert "valid_at" in error["reason"]
    assert http.get("/v1/metrics", params={"metric": "orders", "as_of": then}).status_code == 200
    never = http.get("/v1/metrics", params={"metric": "evens", "as_of": then}).json()["error"]["reason"]
    assert "did you mean 'events'" in never


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"as_of": "2090-01-01"}, "as_of", "in the future"),
        ({"as_of": "1999-01-01"}, "as_of", "before the first event"),
        ({"as_of": "yesterday"}, "as_of", "ISO 8601"),
        ({"as_of": "x" * 90}, "as_of", "no cut token"),
        ({"valid_at": "2090-01-01"}, "valid_at", "in the future"),
        ({"valid_at": "soon"}, "valid_at", "ISO 8601"),
    ],
)
def test_moments_that_cannot_be_are_refused(http: TestClient, asked: dict[str, str], field: str, said: str) -> None:
    answer = ask(http, **asked)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["field"], said in error["reason"]) == (field, True), error


def test_a_number_is_explained_over_http(http: TestClient, lived: Lived) -> None:
    told = http.get("/v1/explain", params={"metric": "orders", "key": "a"}).json()
    assert told["again"]["equal"] is True
    sample = http.get("/v1/metrics", params={"metric": "orders", "key": "a", "limit": 1}).json()["metrics"][0]
    assert told["figures"]["count"] == sample["count"] == told["rows"]["count"]
    assert datetime.fromisoformat(told["from"]) == datetime.fromisoformat(sample["start"]).astimezone(UTC)
    older = http.get("/v1/metrics", params={"metric": "orders", "key": "a", "limit": 9}).json()["metrics"][-1]
    again = http.get("/v1/explain", params={"metric": "orders", "key": "a", "start": older["start"]}).json()
    assert again["figures"]["count"] == older["count"]
    fired = next(row for row in lived[1].live("alerts") if row["type"] == "alert.fired")
    assert http.get("/v1/explain", params={"alert": fired["alert"]}).json()["definition"]["name"] == fired["rule"]
    for wrong in ({}, {"metric": "orders", "alert": "x"}, {"metric": "nothing"}, {"alert": "x"}, {"metrics": "orders"}):
        assert http.get("/v1/explain", params=wrong).status_code == 400


def test_a_question_is_answered_as_of_a_moment_and_valid_at_it(http: TestClient, lived: Lived) -> None:
    system = lived[1]
    system.now += SECOND
    at = system.now
    begin = (at - 3600 * SECOND) / SECOND
    question = {"ask": "trends", "interval": "hour", "since": begin, "until": at / SECOND + 60}
    before = http.post("/v1/questions", json=question).json()["series"][0]["total"]
    system.now += SECOND
    system.lives(10)
    after = http.post("/v1/questions", json=question).json()["series"][0]["total"]
    assert after > before

    def total(**more: str) -> int:
        return http.post("/v1/questions", json=question | more).json()["series"][0]["total"]

    times = [row["time"].timestamp() for row in system.live("user_interactions")]
    for _ in range(2):  # the second time it is an answer that was kept
        assert total(as_of=as_of.iso(at)) == before
        assert total(valid_at=as_of.iso(at)) == sum(begin <= time <= at / SECOND for time in times)
        assert total() == after
    then = http.post("/v1/questions", json=question | {"as_of": as_of.iso(at)}).json()
    cell = {"series": 0, "bucket": then["series"][0]["points"][-1]["bucket"]}
    for more in ({}, {"asked_at": then["asked_at"], "cut": then["cut"]}):
        asked = {"question": question | {"as_of": as_of.iso(at)}, "cell": cell, "show": "events"}
        told = http.post("/v1/questions/drill", json=asked | more).json()
        assert told["events_total"] == then["series"][0]["points"][-1]["value"]
    counted = {"query": question | {"as_of": as_of.iso(at)}}
    assert http.post("/v1/optimize", json=counted).json()["result"]["series"][0]["total"] == before


def test_times_ago_of_a_question_are_counted_from_its_moment(http: TestClient, lived: Lived) -> None:
    at = as_of.iso(lived[1].now)
    for name in ("as_of", "valid_at"):
        said = http.post("/v1/questions", json={"ask": "trends", "since": "1h", name: at}).json()
        assert datetime.fromisoformat(said["until"]) == datetime.fromisoformat(at)


def test_a_question_knows_the_cohorts_of_its_moment(http: TestClient, lived: Lived) -> None:
    system = lived[1]
    then = ask(http).json()["as_of"]
    spec = {"name": "buyers", "criteria": [{"event": "order.placed"}]}
    told = json.dumps({"spec": spec, "owner": "api", "by": "ada"})
    system.says("control", 0, 0, type="cohort.defined", subject="buyers", data=told, time=system.now)
    now = ask(http).json()["as_of"]
    question = {"ask": "cohort", "cohort": "buyers"}
    assert http.post("/v1/questions", json=question | {"as_of": now}).status_code == 200
    refused = http.post("/v1/questions", json=question | {"as_of": then})
    assert refused.json()["error"]["field"] == "cohort"


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"as_of": "2090-01-01"}, "as_of"), ({"as_of": "1999-01-01"}, "as_of"), ({"valid_at": "soon"}, "valid_at")],
)
def test_a_question_refuses_moments_that_cannot_be(http: TestClient, asked: dict[str, str], field: str) -> None:
    for path, body in (
        ("/v1/questions", {"ask": "trends", **asked}),
        ("/v1/questions/drill", {"question": {"ask": "trends", **asked}}),
    ):
        answer = http.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


def test_the_span_of_the_past_is_told(http: TestClient, lived: Lived) -> None:
    told = http.get("/v1/past").json()
    first = min(row["time"] for row in lived[1].live("user_interactions"))
    known = datetime.fromisoformat(told["known_since"])
    assert http.post("/v1/query", json={"sql": COUNT, "as_of": told["known_since"]}).status_code == 200
    assert ask(http, as_of=str(known.timestamp() - 1)).status_code == 400
    assert told["happened_since"] is None or datetime.fromisoformat(told["happened_since"]) >= first
    client = Client("http://testserver", "hc_x")
    client._http = http
    assert client.past() == {**told, "now": ANY}


def test_a_result_comes_as_parquet(http: TestClient) -> None:
    sql = "SELECT type, time, count(*) AS n FROM user_interactions GROUP BY ALL ORDER BY ALL"
    answer = http.post("/v1/query", json={"sql": sql}, headers={"accept": "application/vnd.apache.parquet"})
    table = pq.read_table(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert table.column_names == ["type", "time", "n"]
    rows = http.post("/v1/query", json={"sql": sql}).json()["rows"]
    assert table["n"].to_pylist() == [n for _, _, n in rows]
    twice = http.post(
        "/v1/query", json={"sql": "SELECT 1 AS a, 2 AS a"}, headers={"accept": "application/vnd.apache.parquet"}
    )
    assert twice.status_code == 400
    assert "use AS" in twice.json()["error"]["reason"]
