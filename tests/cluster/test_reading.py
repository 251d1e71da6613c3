"""What came in, read back: SQL, streams, metrics and dashboards, all of one log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cluster.words import BATCH, event, fresh, only_packed, order
from tests.running import Running

pytestmark = pytest.mark.cluster


def test_sql_sees_what_was_acknowledged(running: Running) -> None:
    source = fresh("shop")
    events = [order(n, source=source, subject=f"u{n % 7}") for n in range(100)]
    running.post("/v1/events", json=events, headers=BATCH).raise_for_status()
    rows = running.sql(
        "SELECT count(*), sum(amount)::BIGINT, count(DISTINCT subject), min(currency) "
        f"FROM user_interactions WHERE source = '{source}'"
    )
    assert rows == [[100, 100 * sum(range(100)), 7, "EUR"]]


@only_packed
@pytest.mark.parametrize("statement", [
    "DELETE FROM user_interactions",
    "COPY metrics TO '/tmp/x.csv'",
    "SELECT * FROM read_text('/etc/passwd')",
    "INSTALL httpfs",
    "SELECT 1; SELECT 2",
    "SELEC 1",
    "",
])  # fmt: skip
def test_sql_can_only_read(running: Running, statement: str) -> None:
    answer = running.post("/v1/query", json={"sql": statement})
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "sql"


def test_a_window_closes_with_its_figures(running: Running) -> None:
    """Three orders of one second in a currency of its own; the watermark follows the clock when nothing comes."""
    second = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=2)
    events = [
        {**order(amount, subject=f"u{amount}", time=(second + timedelta(milliseconds=300 * i)).isoformat()),
         "data": {"revenue": amount, "currency": "CHF"}}
        for i, amount in enumerate([1.5, 2.5, 5.0])
    ]  # fmt: skip
    running.post("/v1/events", json=events, headers=BATCH).raise_for_status()
    asked = {"metric": "orders", "key": "CHF", "since": second.timestamp()}
    found = running.until(lambda: running.get("/v1/metrics", params=asked).json()["metrics"])
    sample = found[-1]
    assert (sample["count"], sample["sum"], sample["min"], sample["max"], sample["distinct"]) == (3, 900, 150, 500, 3)
    assert sample["start"].startswith(second.isoformat()[:19])
    assert sample["p50"] == pytest.approx(250, rel=0.02)


def test_a_late_event_revises_its_window(running: Running) -> None:
    second = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)

    def one(at: datetime) -> None:
        data = {"revenue": 1, "currency": "PLN"}
        running.post("/v1/events", json={**order(1, time=at.isoformat()), "data": data}).raise_for_status()

    def revisions() -> list[list[int]]:
        return running.sql(
            "SELECT revision, count FROM metrics WHERE metric = 'orders' AND key = 'PLN' "
            f"AND start = TIMESTAMPTZ '{second.isoformat()}' ORDER BY revision"
        )

    one(second)
    running.until(lambda: revisions()[:1], [[0, 1]])
    one(second + timedelta(milliseconds=5))
    running.until(lambda: revisions()[-1:], [[1, 2]])


def test_this_machine_is_measured(running: Running) -> None:
    measured = lambda: {type_ for (type_,) in running.sql("SELECT DISTINCT type FROM system_metrics")}  # noqa: E731
    running.until(lambda: measured() >= {"cpu.percent", "memory.percent", "disk.percent"})
    rows = running.until(lambda: running.sql("SELECT DISTINCT metric FROM metrics WHERE metric = 'cpu.percent'"))
    assert rows == [["cpu.percent"]]


def test_every_topic_of_the_dashboards_can_be_read(running: Running) -> None:
    topics = [topic["name"] for topic in running.get("/v1/dashboards").json()["topics"]]
    assert {"user_activity", "activity_series", "top_events", "alerts"} <= set(topics)
    for topic in topics:
        answer = running.get(f"/v1/dashboards/{topic}")
        assert answer.status_code == 200
        assert answer.json()["topic"] == topic
    assert running.get("/v1/dashboards/none").status_code == 404


@only_packed
def test_a_stream_is_paged_by_offset(running: Running) -> None:
    sent = [event() for _ in range(25)]
    at = running.post("/v1/events", json=sent, headers=BATCH).json()["offset"]
    producer, seen = "main/user_interactions/0", []
    while len(seen) < 25:
        page = running.get(
            "/v1/streams/user_interactions", params={"producer": producer, "after": at, "limit": 10}
        ).json()
        seen += [row["id"] for row in page["rows"]]
        at = page["next"][producer]
    assert seen[:25] == [e["id"] for e in sent]
    answer = running.get("/v1/streams/nothing")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "stream")
