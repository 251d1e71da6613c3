"""Questions over real data, each held against SQL or Python written by hand over the original files."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from tests.unit.query.questions.words import Shop, column, us, values

YEAR = {"since": "2009-12-01", "until": "2010-12-01", "zone": "Europe/London"}
LATER = datetime.fromisoformat("2012-01-01T00:00:00+00:00").timestamp()


def filled(folder: Path, table: pa.Table) -> Shop:
    """A log with the rows of a table that has the columns of the stream."""
    shop = Shop(folder, now=LATER)
    for start in range(0, table.num_rows, 100_000):
        part = table.slice(start, 100_000)
        shop.columns(part.num_rows, **{name: part[name].combine_chunks() for name in part.column_names})
    return shop


@pytest.fixture(scope="module")
def sales(data_sets: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """``orders``: an invoice each, of Online Retail II; times are wall times of London."""
    file = data_sets / "online_retail_ii" / "year_2009_2010.parquet"
    db = duckdb.connect()
    db.execute(f"CREATE VIEW lines AS FROM '{file}'")
    names = {name.lower().replace(" ", ""): name for name in db.sql("FROM lines").columns}
    db.execute(f"""CREATE TABLE orders AS SELECT "{names["invoice"]}"::VARCHAR AS invoice,
      any_value("{names["customerid"]}")::BIGINT::VARCHAR AS customer, any_value("{names["country"]}") AS country,
      min("{names["invoicedate"]}"::TIMESTAMP) AS wall,
      round(sum("{names["quantity"]}" * "{names["price"]}"::DECIMAL(18, 4)) * 100)::BIGINT AS pence
      FROM lines GROUP BY 1""")
    yield db
    db.close()


@pytest.fixture(scope="module")
def retail(sales: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    table = sales.sql("""SELECT CASE WHEN invoice LIKE 'C%' THEN 'order.cancelled' ELSE 'order.placed' END AS type,
      customer AS subject, wall AT TIME ZONE 'Europe/London' AS time, pence AS amount, 'GBP' AS currency,
      json_object('country', country, 'invoice', invoice)::VARCHAR AS properties FROM orders ORDER BY wall, invoice
    """).to_arrow_table()
    time = table["time"].cast(pa.timestamp("us", tz="UTC"))
    return filled(tmp_path_factory.mktemp("retail") / "log", table.set_column(2, "time", time))


def test_revenue_by_month_and_country(retail: Shop, sales: duckdb.DuckDBPyConnection) -> None:
    asked = {"series": [{"event": "order.placed", "measure": "sum", "of": "amount"}], "interval": "month", **YEAR}
    by_hand = sales.sql("""SELECT sum(pence)::BIGINT FROM orders WHERE invoice NOT LIKE 'C%' AND wall >= '2009-12-01'
      AND wall < '2010-12-01' GROUP BY date_trunc('month', wall) ORDER BY date_trunc('month', wall)""").fetchall()
    line = retail.ask("trends", **asked)["series"][0]
    assert values(line) == [pence for (pence,) in by_hand]
    assert line["currency"] == "GBP"
    lines = retail.ask("trends", breakdown="country", top=5, **asked)["series"]
    top = sales.sql("""SELECT country, sum(pence)::BIGINT FROM orders WHERE invoice NOT LIKE 'C%' AND wall >= '2009-12-01'
      AND wall < '2010-12-01' GROUP BY 1 ORDER BY count(*) DESC LIMIT 5""").fetchall()
    assert [(one["breakdown"], one["total"]) for one in lines[:5]] == top
    assert sum(one["total"] for one in lines) == line["total"]
    cell = {"bucket": "2010-06-01", "breakdown": "France"}
    events = retail.drill(cell, "trends", show="events", breakdown="country", top=5, **asked)["events"]
    france = next(one for one in lines if one["breakdown"] == "France")
    assert sum(event["amount"] for event in events) == values(france)[6]


def test_customers_by_week_and_day(retail: Shop, sales: duckdb.DuckDBPyConnection) -> None:
    for interval in ("day", "week"):
        line = retail.ask("trends", series=[{"event": "order.placed", "measure": "users"}], interval=interval, **YEAR)
        by_hand = dict(
            sales.sql(f"""SELECT strftime(date_trunc('{interval}', wall), '%Y-%m-%d'), count(DISTINCT customer)
          FROM orders WHERE invoice NOT LIKE 'C%' AND wall >= '2009-12-01' AND wall < '2010-12-01' GROUP BY 1""").fetchall()
        )
        found = {point["bucket"][:10]: point["value"] for point in line["series"][0]["points"]}
        assert {day: n for day, n in found.items() if n} == by_hand


def test_monthly_retention(retail: Shop, sales: duckdb.DuckDBPyConnection) -> None:
    by_hand = sales.sql("""WITH months AS (SELECT DISTINCT customer, date_trunc('month', wall) AS m FROM orders
        WHERE invoice NOT LIKE 'C%' AND customer IS NOT NULL),
        firsts AS (SELECT customer, min(m) AS c FROM months GROUP BY 1)
      SELECT strftime(c, '%Y-%m'), date_diff('month', c, m) AS k, count(*) FROM months JOIN firsts USING (customer)
      WHERE k <= 6 GROUP BY ALL""").fetchall()
    expected = {(cohort, k): n for cohort, k, n in by_hand}
    asked = {"begin": "order.placed", "come_back": "order.placed", "interval": "month", "periods": 6}
    answer = retail.ask("retention", **asked, **YEAR)
    assert len(answer["cohorts"]) == 12
    for cohort in answer["cohorts"]:
        for period in cohort["periods"]:
            assert period["users"] == expected.get((cohort["cohort"][:7], period["period"]), 0)
    users = retail.users({"cohort": "2010-01-01", "period": 3}, "retention", **asked, **YEAR)
    assert len(users) == expected["2010-01", 3]


def test_who_cancels_after_an_order(retail: Shop, sales: duckdb.DuckDBPyConnection) -> None:
    (by_hand,) = sales.sql("""SELECT count(DISTINCT a.customer) FROM orders a JOIN orders b ON a.customer = b.customer
      AND a.invoice NOT LIKE 'C%' AND b.invoice LIKE 'C%' AND b.wall <= a.wall + INTERVAL 14 DAY
      AND (b.wall, b.invoice) > (a.wall, a.invoice) WHERE a.wall >= '2010-04-01' AND a.wall < '2010-05-01'""").fetchall()
    asked = {"steps": ["order.placed", "order.cancelled"], "window": "14d", "zone": "Europe/London"}
    answer = retail.ask("funnel", since="2010-04-01", until="2010-05-01", **asked)
    assert answer["groups"][0]["converted"] == by_hand[0] > 50


@pytest.fixture(scope="module")
def clicks(data_sets: Path) -> dict[str, list[int]]:
    """Days on which each student of AAA 2013J clicked; day 0 is the first of the course."""
    table = pa_csv.read_csv(data_sets / "oulad" / "studentVle.csv.gz")
    found: dict[str, list[int]] = defaultdict(list)
    for row in table.select(["code_module", "code_presentation", "id_student", "date"]).to_pylist():
        if (row["code_module"], row["code_presentation"]) == ("AAA", "2013J"):
            found[str(row["id_student"])].append(int(row["date"]))
    return found


COURSE = datetime.fromisoformat("2011-01-03T00:00:00+00:00")  # a Monday, so that weeks of the course are weeks


@pytest.fixture(scope="module")
def course(clicks: dict[str, list[int]], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    rows = [(student, day) for student, days in clicks.items() for day in days]
    start = us(COURSE.isoformat())
    table = pa.table({
        "subject": [student for student, _ in rows],
        "type": pa.array(["click"] * len(rows)),
        "time": pa.array([start + day * 86_400_000_000 for _, day in rows], pa.timestamp("us", tz="UTC")),
    })  # fmt: skip
    return filled(tmp_path_factory.mktemp("course") / "log", table)


def test_students_come_back_week_by_week(course: Shop, clicks: dict[str, list[int]]) -> None:
    since = (COURSE - timedelta(days=28)).isoformat()
    until = (COURSE + timedelta(days=70)).isoformat()
    weeks = {student: {day // 7 for day in days} for student, days in clicks.items()}
    for mode in ("first_time", "recurring"):
        answer = course.ask("retention", since=since, until=until, interval="week", mode=mode, periods=8)
        for place, cohort in enumerate(answer["cohorts"], -4):
            members = {s for s, w in weeks.items() if (min(w) == place if mode == "first_time" else place in w)}
            expected = [len(members)] + [sum(place + k in weeks[s] for s in members) for k in range(1, 9)]
            assert column(cohort["periods"], "users") == expected


def test_active_students_of_seven_days(course: Shop, clicks: dict[str, list[int]]) -> None:
    since, until = COURSE.isoformat(), (COURSE + timedelta(days=60)).isoformat()
    answer = course.ask("users", since=since, until=until, trailing=[7, 30])
    for day, point in enumerate(answer["points"]):
        for length in (7, 30):
            active = sum(any(day - length < d <= day for d in days) for days in clicks.values())
            assert point["trailing"][str(length)] == active
        assert point["new"] == sum(min(days) == day for days in clicks.values())


@pytest.fixture(scope="module")
def archive(data_sets: Path) -> list[dict[str, Any]]:
    with gzip.open(data_sets / "gharchive" / "2015-01-01-0.json.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def hub(archive: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    table = pa.table({
        "id": [event["id"] for event in archive],
        "subject": [event["actor"]["login"] for event in archive],
        "type": [event["type"] for event in archive],
        "time": pa.array([us(event["created_at"]) for event in archive], pa.timestamp("us", tz="UTC")),
        "properties": [json.dumps({"repo": event["repo"]["name"], "payload": event["payload"]}) for event in archive],
    })  # fmt: skip
    return filled(tmp_path_factory.mktemp("hub") / "log", table)


HOUR = {"since": "2015-01-01T00:00", "until": "2015-01-01T01:00"}


def test_what_people_do_next_on_github(hub: Shop, archive: list[dict[str, Any]]) -> None:
    told: dict[str, list[str]] = defaultdict(list)
    for event in sorted(archive, key=lambda event: event["created_at"]):  # equal times stay in the order of the file
        mine = told[event["actor"]["login"]]
        if not mine or mine[-1] != event["type"]:
            mine.append(event["type"])
    edges = Counter((i, a, b) for mine in told.values() for i, (a, b) in enumerate(pairwise([*mine, None])) if i < 4)
    hub.now = datetime.fromisoformat("2015-01-02T00:00:00+00:00").timestamp()
    answer = hub.ask("paths", pause="1h", top=200, **HOUR)
    assert answer["paths"] == len(told)
    found = {(s["step"] - 1, w["from"], w["to"]): w["paths"] for s in answer["steps"] for w in s["ways"]}
    assert found == edges


def test_pushes_by_a_property_deep_inside(hub: Shop, archive: list[dict[str, Any]]) -> None:
    pushes = [event for event in archive if event["type"] == "PushEvent"]
    where = [{"name": "payload.size", "op": ">", "value": 1}]
    hub.now = LATER
    line = hub.ask("trends", series=[{"event": "PushEvent", "measure": "sum", "of": "payload.size", "where": where}],
                   interval="hour", **HOUR)["series"][0]  # fmt: skip
    assert line["total"] == sum(event["payload"]["size"] for event in pushes if event["payload"]["size"] > 1)
    lines = hub.ask("trends", series=["PushEvent"], breakdown="repo", top=3, interval="hour", **HOUR)["series"]
    repos = Counter(event["repo"]["name"] for event in pushes)
    assert [one["total"] for one in lines[:3]] == [n for _, n in repos.most_common(3)]
    assert sum(one["total"] for one in lines) == len(pushes)
