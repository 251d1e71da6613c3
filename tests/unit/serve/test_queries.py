"""SQL and questions over HTTP: the gateway's own routes on a log, without Ray."""

from __future__ import annotations

import asyncio
import csv
import io
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from actors.topology import HostMap
from events.catalog import METRICS
from events.errors import Rejected, Transient
from events.sqlite_log import SqliteSpec
from hindcast.client import Client
from hindcast.client.frames import reader
from query.bounds import Stop, Stopped
from serve.access import Access, Principal
from serve.app import create_gateway
from serve.gateway import Gateway
from serve.querying import Gone, Queries
from serve.spec import GatewaySpec, QueryBounds
from tests.unit.query.questions.words import DAY, Shop

ARROW = "application/vnd.apache.arrow.stream"
COHORT = {"kind": "cohort", "name": "ada", "spec": {"name": "ada", "criteria": [{"event": "pay"}]}}


@pytest.fixture
def http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[TestClient]:
    async def principal(self: Access, key: str | None) -> Principal:
        return Principal("key_1", "ada", frozenset({"query"}))

    monkeypatch.setattr(Access, "principal", principal)
    now = round(time.time() * 1e6)
    shop = Shop(tmp_path)
    shop.did(("ada", "page", now - DAY), ("ada", "pay", now - DAY + 1), ("bob", "page", now - DAY))
    spec = GatewaySpec("shop", HostMap("nowhere", {}), SqliteSpec(tmp_path), "g", "1", queries=QueryBounds(rows=50_000))
    app = create_gateway(spec)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[None]:
        gateway = app.state.gateway = Gateway(spec)
        gateway.access._copies._data["definitions"] = {"cohort/ada": COHORT}
        yield
        gateway.apart.close()
        gateway.log.close()

    app.router.lifespan_context = lifespan
    with TestClient(app) as client:
        yield client


def ask(http: TestClient, sql: str, accept: str = "", **more: Any) -> httpx.Response:
    return http.post("/v1/query", json={"sql": sql, **more}, headers={"accept": accept} if accept else {})


def test_an_answer_comes_in_the_form_that_was_asked_for(http: TestClient) -> None:
    sql = "SELECT subject, count(*) AS n, max(time) AS t, [1] AS l FROM user_interactions GROUP BY 1 ORDER BY 1"
    rows = ask(http, sql).json()["rows"]
    assert [row[:2] for row in rows] == [["ada", 2], ["bob", 1]]
    answer = ask(http, sql, "text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    told = list(csv.reader(io.StringIO(answer.text)))
    assert told == [["subject", "n", "t", "l"], *([row[0], str(row[1]), row[2], "[1]"] for row in rows)]
    answer = ask(http, sql, f"text/html, {ARROW};q=0.9, */*;q=0.1")
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.schema.field("t").type == pa.timestamp("us", tz="UTC")
    assert table["n"].to_pylist() == [2, 1]
    assert ask(http, sql, "*/*").headers["content-type"] == "application/json"
    assert ask(http, sql, "image/png").status_code == 406


def test_rows_beyond_the_limit_are_cut_and_the_answer_says_so(http: TestClient) -> None:
    answer = ask(http, "FROM range(60000)")
    assert (len(answer.json()["rows"]), answer.json()["truncated"]) == (10_000, True)
    for accept in ("text/csv", ARROW):
        assert ask(http, "FROM range(60000)", accept).headers["hindcast-truncated"] == "true"
        assert ask(http, "FROM range(50000)", accept).headers["hindcast-truncated"] == "false"
    assert len(ask(http, "FROM range(60000)", "text/csv", limit=3).text.splitlines()) == 4
    wide = ask(http, "SELECT range, range::HUGEINT << 70 AS wide FROM range(25000)", limit=25_000).json()
    assert wide["rows"] == [[n, n << 70] for n in range(25_000)]


@pytest.mark.parametrize("form", ["arrow", "pandas"])
def test_the_client_reads_a_table(http: TestClient, form: Any) -> None:
    client = Client("http://testserver", "hc_x")
    client._http = http
    table = client.sql("SELECT subject, 2.5::DECIMAL(9,1) AS d FROM user_interactions ORDER BY 1", form=form)
    assert list(table["subject"] if form == "pandas" else table["subject"].to_pylist()) == ["ada", "ada", "bob"]
    with pytest.warns(RuntimeWarning, match="cut after 2 rows"):
        client.sql("FROM range(9)", limit=2, form=form)


def test_polars_is_asked_for_by_name() -> None:
    polars = pytest.importorskip("polars")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("n", pa.int64())])) as writer:
        writer.write_table(pa.table({"n": [1, 2]}))
    frame = reader("polars")(httpx.Response(200, content=sink.getvalue().to_pybytes()))
    assert isinstance(frame, polars.DataFrame)
    assert frame["n"].sum() == 3
    with pytest.raises(Rejected, match="must be one of arrow, pandas, polars"):
        reader("spark")


def test_questions_over_http(http: TestClient) -> None:
    funnel = {"ask": "funnel", "steps": ["page", "pay"], "window": "1h"}
    answer = http.post("/v1/questions", json=funnel)
    assert answer.status_code == 200, answer.text
    assert [step["users"] for step in answer.json()["groups"][0]["steps"]] == [2, 1]
    told = {key: answer.json()[key] for key in ("asked_at", "cut")}
    behind = http.post(
        "/v1/questions/drill", json={"question": funnel, "cell": {"step": 1, "outcome": "dropped"}, **told}
    )
    assert [user["user"] for user in behind.json()["users"]] == ["bob"]
    assert http.post("/v1/questions", json={"ask": "trends", "cohort": "ada"}).json()["series"][0]["total"] == 2
    assert set(http.get("/v1/questions").json()["questions"]) == {
        "trends", "funnel", "retention", "paths", "users", "cohort", "attribution"}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("", {"ask": "funnel"}, "steps"),
        ("", {"ask": "funel", "steps": ["a", "b"]}, "ask"),
        ("", {}, "ask"),
        ("", {"ask": "trends", "since": {"a": 1}}, "since"),
        ("", [], "body"),
        ("/drill", {"question": {"ask": "trends"}, "cell": {"series": 7}}, "cell.series"),
        ("/drill", {"question": {"ask": "trends"}, "cell": {"bukcet": "x"}}, "cell.bukcet"),
        ("/drill", {"question": {"ask": "trends"}, "limit": 0}, "limit"),
    ],
)
def test_a_mistake_names_its_field(http: TestClient, path: str, body: Any, field: str) -> None:
    answer = http.post(f"/v1/questions{path}", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field), answer.text


class Asking:
    """A request whose client is there until it is gone."""

    gone = False

    async def is_disconnected(self) -> bool:
        return self.gone


def test_a_query_ends_when_its_client_is_gone(tmp_path: Path) -> None:
    from query.engine import Engine

    shop = Shop(tmp_path)
    engine = Engine(shop.log)
    endless = "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b WHERE a.range % 7 = b.range % 11"
    ended = threading.Event()

    def work(stop: Stop) -> None:
        try:
            engine.run(endless, tenant="shop", stop=stop)
        except Stopped:
            ended.set()
            raise

    async def story() -> None:
        request = Asking()
        queries = Queries(QueryBounds(at_once=1))
        asked = asyncio.create_task(queries.run(cast("Any", request), work))
        await asyncio.sleep(0.5)
        request.gone = True
        with pytest.raises(Gone):
            await asked
        assert await asyncio.to_thread(ended.wait, 120)
        cancelled = asyncio.create_task(queries.run(cast("Any", Asking()), work))  # as Ray Serve says it
        ended.clear()
        await asyncio.sleep(0.5)
        cancelled.cancel()
        assert await asyncio.to_thread(ended.wait, 120)
        assert await queries.run(cast("Any", Asking()), lambda stop: 7) == 7

    asyncio.run(story())


def test_more_queries_than_there_is_room_for_are_told_to_come_again() -> None:
    free = threading.Event()

    async def story() -> None:
        queries = Queries(QueryBounds(at_once=1, waiting=1))
        held = [asyncio.create_task(queries.run(cast("Any", Asking()), lambda stop: free.wait(300))) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(Transient, match="2 queries run or wait already"):
            await queries.run(cast("Any", Asking()), lambda stop: 1)
        free.set()
        await asyncio.gather(*held)
        assert await queries.run(cast("Any", Asking()), lambda stop: 1) == 1

    asyncio.run(story())


def test_a_range_of_metrics_is_answered_in_buckets(http: TestClient, tmp_path: Path) -> None:
    now = round(time.time() * 1e6)
    hour = 3_600_000_000
    starts = [now // hour * hour - n * hour for n in (1, 2, 30)]
    shop = Shop(tmp_path)
    shop.told(
        METRICS, 3, "shop/metrics/0", type="metric.sampled", source="orders", metric="orders", key="BRL", start=starts,
        time=[start + 10_000_000 for start in starts], width_us=10_000_000, count=2, sum=5.0, min=1.0, max=4.0, revision=0,
    )  # fmt: skip
    asked = {"metric": "orders", "since": starts[2] / 1e6, "until": starts[0] / 1e6 + 3600, "bucket": 86_400}
    told = http.get("/v1/metrics/range", params=asked).json()
    assert told["columns"] == ["metric", "key", "now", "place", "count", "sum", "min", "max", "distinct"]
    assert told["rows"] == [
        ["orders", "BRL", True, 0, 2, 5.0, 1.0, 4.0, None],
        ["orders", "BRL", True, 1, 4, 10.0, 1.0, 4.0, None],
    ]
    told = http.get("/v1/metrics/range", params={**asked, "before": 86_400}).json()
    assert [row[2:5] for row in told["rows"]] == [[True, 0, 2], [True, 1, 4], [False, 1, 2]]
    by_itself = http.get("/v1/metrics/range", params={"metric": "orders", "since": "7d"}).json()
    assert (by_itself["bucket"], by_itself["since"] % 3_600) == (21_600, 0)
    assert sum(row[4] for row in by_itself["rows"]) == 6
    wrong = http.get("/v1/metrics/range", params={**asked, "bucket": 1})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "bucket")
    client = Client("http://testserver", "hc_x")
    client._http = http
    assert client.metric_range("orders", since="7d")["rows"] == by_itself["rows"]
