"""Summaries of real data, to the cent and the head what SQL written by hand over the original files gives."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from tests.unit.query.business.words import Firm

PERIOD = "2010-11-01/2010-12-01"


def filled(folder: Path, table: pa.Table, now: str) -> Firm:
    shop = Firm(folder, datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp())
    for start in range(0, table.num_rows, 100_000):
        part = table.slice(start, 100_000)
        shop.columns(part.num_rows, **{name: part[name].combine_chunks() for name in part.column_names})
    return shop


def loaded(db: duckdb.DuckDBPyConnection, folder: Path, now: str) -> Firm:
    table = db.sql("FROM events ORDER BY time").to_arrow_table()
    at = table.schema.get_field_index("time")
    return filled(folder, table.set_column(at, "time", table["time"].cast(pa.timestamp("us", tz="UTC"))), now)


@pytest.fixture(scope="module")
def sales(data_sets: Path) -> duckdb.DuckDBPyConnection:
    """``events``: an invoice each, from September 2010 on; cancellations are refunds."""
    db = duckdb.connect()
    db.execute(f"""CREATE TABLE events AS SELECT CASE WHEN Invoice LIKE 'C%' THEN 'refunded' ELSE 'paid' END AS type,
      CAST(CAST(any_value("Customer ID") AS BIGINT) AS VARCHAR) AS subject,
      min(CAST(InvoiceDate AS TIMESTAMP)) AT TIME ZONE 'UTC' AS time,
      abs(CAST(round(sum(Quantity * CAST(Price AS DECIMAL(18, 4))) * 100) AS BIGINT)) AS amount, 'GBP' AS currency,
      json_object('country', any_value(Country)) AS properties
      FROM '{data_sets}/online_retail_ii/year_2009_2010.parquet'
      WHERE InvoiceDate >= '2010-09-01' AND Quantity <> 0 AND Price > 0 GROUP BY Invoice""")
    return db


def test_online_retail_to_the_penny(sales: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    shop = loaded(sales, tmp_path / "log", "2010-12-09T00:00")
    country = [{"name": "country", "of": "country"}]
    said = shop.summary(PERIOD, {"segments": country, **dict.fromkeys(("active", "converted", "eligible"), "paid"),
                                 "spend": None, "churn": {"kind": "inactivity", "days": 30, "events": "paid"}})  # fmt: skip
    value = "CASE WHEN type = 'refunded' THEN -amount ELSE amount END"
    nov, oct_ = "time >= '2010-11-01' AND time < '2010-12-01'", "time >= '2010-10-02' AND time < '2010-11-01'"

    def one(sql: str) -> Any:
        row = sales.execute(sql).fetchone()
        assert row is not None
        return row[0]

    sales.execute("SET TimeZone = 'UTC'")
    now, before = (one(f"SELECT sum({value}) FROM events WHERE {when}") for when in (nov, oct_))
    assert now > 100_000_000, "the right rows: more than a million pounds"
    assert said["overview"]["total_revenue"] == now
    assert said["kpis"]["revenue"]["previous"] == before
    assert said["overview"]["revenue_growth"] == pytest.approx((now - before) / before)
    active = f"SELECT count(DISTINCT subject) FROM events WHERE type = 'paid' AND {nov}"
    assert said["overview"]["active_users"] == one(active)
    by_country = sales.execute(f"""SELECT json_extract_string(properties, 'country'),
      coalesce(sum({value}) FILTER ({nov}), 0) - coalesce(sum({value}) FILTER ({oct_}), 0)
      FROM events GROUP BY 1""").fetchall()
    rows = said["comparisons"]["segments"]["country"]["revenue"]["rows"]
    assert {r["value"]: r["change"] for r in rows if not r["other"]}.items() <= {
        c: int(x) for c, x in by_country
    }.items()
    assert sum(row["change"] for row in rows) == now - before
    each = f"""SELECT subject, coalesce(sum({value}) FILTER ({nov}), 0) AS now, coalesce(sum({value}) FILTER ({oct_}), 0)
      AS before, min(time) FILTER (type = 'paid') AS first FROM events GROUP BY 1"""
    wanted = {
        "new": "before = 0 AND now <> 0 AND (first >= '2010-11-01' OR first IS NULL)",
        "returning": "before = 0 AND now <> 0 AND first < '2010-11-01'",
        "expansion": "before <> 0 AND now <> 0 AND now > before",
        "contraction": "before <> 0 AND now <> 0 AND now < before",
        "lost": "before <> 0 AND now = 0",
    }
    children = {child["kind"]: child["amount"] for child in said["drivers"]["revenue"]["children"]}
    assert children == {
        k: int(one(f"SELECT coalesce(sum(now - before), 0) FROM ({each}) WHERE {w}")) for k, w in wanted.items()
    }
    assert before + sum(children.values()) == now
    there = "SELECT DISTINCT subject FROM events WHERE type = 'paid' AND subject IS NOT NULL AND"
    start, still = f"{there} time >= '2010-10-02' AND time < '2010-11-01'", f"{there} {nov}"
    churn = said["kpis"]["churn"]
    assert churn["denominator"] == one(f"SELECT count(*) FROM ({start})")
    assert churn["numerator"] == one(f"SELECT count(*) FROM ({start} EXCEPT {still})")


def test_the_advertisements_cost_what_they_cost(data_sets: Path, tmp_path: Path) -> None:
    db = duckdb.connect()
    db.execute(f"""CREATE TABLE events AS SELECT 'ad.reported' AS type, CAST(ad_id AS VARCHAR) AS subject,
      CAST(Date AS TIMESTAMP) AT TIME ZONE 'UTC' AS time, CAST(round(Spent * 100) AS BIGINT) AS amount,
      'USD' AS currency, json_object('campaign', CAST(xyz_campaign_id AS VARCHAR), 'conversions', Total_Conversion)
      AS properties FROM '{data_sets}/kag_facebook_ads/KAG_conversion_data.csv.gz'""")
    shop = loaded(db, tmp_path / "log", "2024-01-01T00:00")
    ads = {"spend": "ad.reported", "new_customers": {"event": "ad.reported", "count": "sum", "of": "conversions"},
           "segments": [{"name": "campaign", "of": "campaign"}], "active": "ad.reported", "refunds": None}  # fmt: skip
    said = shop.summary("2023-08-01/2023-12-01", ads)
    cac = said["kpis"]["cac"]
    assert (cac["spend"], cac["new_customers"]) == (5_870_523, 3_264)
    assert said["key_metrics"]["customer_acquisition_cost"] / 100 == pytest.approx(17.986, abs=5e-4)
    by_hand = db.execute("""SELECT json_extract_string(properties, 'campaign'), sum(amount)::BIGINT,
      sum(json_extract(properties, 'conversions')::BIGINT)::BIGINT FROM events GROUP BY 1""").fetchall()
    found = said["comparisons"]["segments"]["campaign"]["cac"]
    assert {(r["value"], r["spend"], r["new_customers"]) for r in found} == {*by_hand}


def test_learners_of_a_real_course(data_sets: Path, tmp_path: Path) -> None:
    db = duckdb.connect()
    db.execute(f"""CREATE TABLE events AS SELECT activity_type AS type, CAST(id_student AS VARCHAR) AS subject,
      (TIMESTAMP '2013-10-01' + to_days(CAST(date AS INTEGER))) AT TIME ZONE 'UTC' AS time,
      CAST(sum_click AS DOUBLE) AS value
      FROM '{data_sets}/oulad/studentVle.csv.gz' JOIN '{data_sets}/oulad/vle.csv.gz' USING (id_site, code_module,
      code_presentation) WHERE code_module = 'AAA' AND date BETWEEN 0 AND 120""")
    shop = loaded(db, tmp_path / "log", "2014-06-01T00:00")
    course = {"domain": "course", "active": {}, "kinds": ["quiz", "forumng", "oucontent"], "eligible": "homepage",
              "converted": "oucontent", "churn": {"kind": "inactivity", "days": 30}, "segments": [], "spend": None,
              "refunds": None}  # fmt: skip
    said = shop.summary("2013-12-01/2014-01-01", course)
    db.execute("SET TimeZone = 'UTC'")
    here = "time >= '2013-12-01' AND time < '2014-01-01'"
    row = db.execute(f"""SELECT count(DISTINCT subject), count(DISTINCT (subject, time)),
      count(DISTINCT (subject, type)) FILTER (type IN ('quiz', 'forumng', 'oucontent')),
      count(DISTINCT subject) FILTER (type = 'homepage') FROM events WHERE {here}""").fetchone()
    assert row is not None and row[0] > 250
    parts = said["kpis"]["engagement"]["parts"]
    assert (said["overview"]["active_users"], parts["frequency"]["numerator"], parts["breadth"]["numerator"],
            said["kpis"]["conversion"]["denominator"]) == row  # fmt: skip
    both = db.execute(f"""SELECT count(*) FROM (SELECT subject FROM events WHERE {here} AND type = 'homepage' INTERSECT
      SELECT subject FROM events WHERE {here} AND type = 'oucontent')""").fetchone()
    assert both == (said["kpis"]["conversion"]["numerator"],)
    before = "time >= '2013-11-01' AND time < '2013-12-01'"
    stayed = db.execute(f"""SELECT count(*) FROM (SELECT subject FROM events WHERE {before} INTERSECT
      SELECT subject FROM events WHERE {here})""").fetchone()
    gone = db.execute(f"""SELECT count(*) FROM (SELECT subject FROM events WHERE {before} EXCEPT SELECT subject FROM events
      WHERE time >= '2013-12-02' AND time < '2014-01-01')""").fetchone()
    assert stayed is not None and parts["return"]["numerator"] >= stayed[0] > 0
    assert gone == (said["kpis"]["churn"]["numerator"],)
