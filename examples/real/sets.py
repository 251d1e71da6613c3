"""Published data sets as events, with features and labels for them: orders, snapshots of customers, advertisements, tests.

    python examples/real/sets.py cdnow DATA/cdnow --out cdnow.parquet --definitions cdnow.yaml
    hindcast import cdnow.parquet && hindcast apply -f cdnow.yaml
    hindcast dataset repeat_purchase --at 1997-09-30 --horizon 273d --out repeat.parquet

Sets: cdnow, retail (Online Retail II), telco, mlc, bank (Bank Marketing, in the order of its calls), kag (Facebook ads),
upworthy (tests of headlines), hillstrom (an e-mail experiment). Where a set has no date, one is made up, and said so here.
"""

# pandas says of a selection that it may be a frame or a column
# pyright: reportArgumentType=false, reportCallIssue=false, reportOperatorIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

MADE_UP = pd.Timestamp("2024-01-01T12:00:00Z")
"""When a snapshot without a date was taken."""
DAY = pd.Timedelta(days=1)
Found = tuple[pd.DataFrame, dict[str, Any]]
"""Events (type, subject, time, data), and definitions."""


def cdnow(folder: Path) -> Found:
    """Purchases of CDs, 1997 to 1998: the sample of one customer in ten."""
    names = ["master", "subject", "date", "cds", "value"]
    table = pd.read_csv(folder / "CDNOW_sample.txt", sep=r"\s+", header=None, names=names, dtype={"subject": str})
    time = pd.to_datetime(table["date"].astype(str), utc=True) + DAY / 2
    data = [{"value": v, "units": u} for v, u in zip(table["value"], table["cds"].tolist(), strict=True)]
    return _events("Order Placed", table["subject"], time, data), _orders("39w")


def retail(folder: Path) -> Found:
    """A gift shop's invoices, December 2009 to December 2010; a cancellation is an event of its own."""
    table = pq.read_table(folder / "year_2009_2010.parquet").to_pandas().dropna(subset=["Customer ID"])
    table["value"] = table["Quantity"] * table["Price"]
    table["subject"] = table["Customer ID"].astype(int).astype(str)
    orders = table.groupby(["Invoice", "subject"], as_index=False).agg(
        value=("value", "sum"), units=("Quantity", "sum"), lines=("StockCode", "nunique"),
        time=("InvoiceDate", "min"), country=("Country", "last"),
    )  # fmt: skip
    cancelled = orders["Invoice"].str.startswith("C")
    said = orders[["value", "units", "lines", "country"]].to_dict("records")
    events = _events("Order Placed", orders["subject"], pd.to_datetime(orders["time"], utc=True), said)
    events.loc[cancelled.to_numpy(), "type"] = "Order Cancelled"
    more = [{"name": "behavioral.cancelled", "event": "Order Cancelled", "aggregate": "count"},
            {"name": "behavioral.lines", "event": "Order Placed", "aggregate": "mean", "of": "lines"},
            {"name": "contextual.country", "event": "Order Placed", "aggregate": "last", "of": "country"}]  # fmt: skip
    return events, _orders("90d", more)


def telco(folder: Path) -> Found:
    """Customers of a telephone company at one moment (made up), and who left in the month after."""
    table = pd.read_csv(folder / "telco.csv.gz", na_values=[" "])
    return _snapshot(
        table, table["customerID"], table["Churn"] == "Yes", ["customerID", "Churn"], "Left", "churn_prediction"
    )


def mlc(folder: Path) -> Found:
    """The same of another company."""
    table = pd.read_csv(folder / "mlc_churn.csv.gz")
    subject = pd.Series(range(len(table))).astype(str)
    return _snapshot(
        table,
        subject,
        table["churn"].astype(str).str.lower().isin(["yes", "true"]),
        ["churn"],
        "Left",
        "churn_prediction",
    )


def bank(folder: Path) -> Found:
    """Calls of a bank in their order, May 2008 to November 2010, evenly spread over that time, and who subscribed.

    `duration` is left out: it is only known once the call is over. Ask for moments a week apart.
    """
    table = pd.read_csv(folder / "bank-additional-full.csv.gz")
    begin, end = pd.Timestamp("2008-05-01", tz="UTC"), pd.Timestamp("2010-11-30", tz="UTC")
    time = begin + (end - begin) * pd.Series(range(len(table))) / len(table)
    subject = pd.Series(range(len(table))).astype(str)
    return _snapshot(
        table, subject, table["y"] == "yes", ["y", "duration"], "Subscribed", "conversion_prediction", time
    )


def kag(folder: Path) -> Found:
    """Facebook advertisements: what each was shown, clicked and cost, and who came of it."""
    table = pd.read_csv(folder / "KAG_conversion_data.csv.gz")
    table.columns = [name.lower() for name in table.columns]
    time = pd.to_datetime(table["date"], dayfirst=True, utc=True) + DAY / 2
    columns = [name for name in table.columns if name not in ("date", "ad_id")]
    events = _events("Ad Reported", table["ad_id"].astype(str), time, _said(table[columns]))
    return events, {"features": _last("Ad Reported", table[columns]), "labels": []}


def upworthy(folder: Path) -> Found:
    """Tests of headlines: each variant with how often it was shown and clicked. A subject is a test."""
    table = pd.read_csv(folder / "upworthy_exploratory_early.csv.gz")
    week = table["test_week"].astype(str)
    time = pd.to_datetime(week.str[:4] + week.str[-2:] + "1", format="%G%V%u", utc=True, errors="coerce").fillna(
        MADE_UP
    )
    columns = ["headline", "lede", "excerpt", "impressions", "clicks", "winner", "first_place", "eyecatcher_id"]
    events = _events("Variant Shown", table["clickability_test_id"].astype(str), time, _said(table[columns]))
    features = [
        {"name": f"behavioral.{n}", "event": "Variant Shown", "aggregate": "sum", "of": n}
        for n in ("impressions", "clicks")
    ]
    rate = {"name": "behavioral.click_rate", "expression": "behavioral.clicks / behavioral.impressions"}
    return events, {"features": [*features, rate], "labels": []}


def hillstrom(folder: Path) -> Found:
    """An e-mail experiment: who customers were, which e-mail they were sent (or none), who came and who bought."""
    table = pd.read_csv(folder / "hillstrom_a.csv.gz")
    subject, sent = table["row_id"].astype(str), MADE_UP + pd.Timedelta(minutes=1)
    profile = ["recency", "history", "history_segment", "mens", "womens", "zip_code", "newbie", "channel"]
    found = [_events("Snapshot", subject, MADE_UP, _said(table[profile]))]
    found.append(_events("Treated", subject, sent, _said(table[["segment"]])))
    for name, column in (("Visited", "visit"), ("Order Placed", "conversion")):
        there = table[table[column] == 1]
        data = [{"value": value} for value in there["spend"].tolist()]
        found.append(_events(name, there["row_id"].astype(str), MADE_UP + 7 * DAY, data))
    found.append(_ends())
    treatment = {
        "name": "contextual.segment",
        "event": "Treated",
        "aggregate": "last",
        "of": "segment",
        "actionable": True,
    }
    labels = [{"name": f"{name}s", "outcome": event, "horizon": "14d", "domain": ["Treated"]}
              for name, event in (("visit", "Visited"), ("conversion", "Order Placed"))]  # fmt: skip
    return pd.concat(found), {"features": [*_last("Snapshot", table[profile]), treatment], "labels": labels}


def _snapshot(
    table: pd.DataFrame,
    subject: pd.Series,
    yes: pd.Series,
    without: Sequence[str],
    outcome: str,
    label: str,
    time: Any = MADE_UP,
) -> Found:
    """One row a customer, and eight days later what became of those of whom ``yes`` is true."""
    columns = [name for name in table.columns if name not in without]
    table = table.rename(columns={name: _named(name) for name in columns})
    columns = [_named(name) for name in columns]
    taken = _events("Snapshot", subject, time, _said(table[columns]))
    came = taken[yes.to_numpy()].assign(type=outcome, data="{}")
    came["time"] += 8 * DAY
    rule = {"name": label, "outcome": outcome, "horizon": "15d", "domain": [{"event": "Snapshot", "within": "7d"}]}
    return pd.concat([taken, came, _ends(taken["time"].max())]), {
        "features": _last("Snapshot", table[columns]),
        "labels": [rule],
    }


def _ends(last: Any = MADE_UP) -> pd.DataFrame:
    """An event of nobody who matters, 30 days later: until then it is known what became of everybody."""
    return _events("Data Ended", pd.Series(["the data set"]), last + 30 * DAY, [{}])


def _orders(horizon: str, more: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Recency, frequency and value of orders, and whether and for how much somebody orders again."""
    placed: dict[str, Any] = {"event": "Order Placed"}
    features = [
        {"name": "user.tenure_days", **placed, "aggregate": "days_since_first"},
        {"name": "behavioral.orders", **placed, "aggregate": "count"},
        {"name": "behavioral.orders_90d", **placed, "aggregate": "count", "window": "90d"},
        {"name": "behavioral.orders_30d", **placed, "aggregate": "count", "window": "30d"},
        {"name": "behavioral.days_with_orders", **placed, "aggregate": "days_active"},
        {"name": "behavioral.value", **placed, "aggregate": "sum", "of": "value"},
        {"name": "behavioral.value_90d", **placed, "aggregate": "sum", "of": "value", "window": "90d"},
        {"name": "behavioral.value_mean", **placed, "aggregate": "mean", "of": "value"},
        {"name": "behavioral.value_last", **placed, "aggregate": "last", "of": "value", "number": True},
        {"name": "behavioral.units", **placed, "aggregate": "sum", "of": "units"},
        {"name": "temporal.idle_days", **placed, "aggregate": "days_since"},
        {"name": "temporal.idle_share", "expression": "temporal.idle_days / user.tenure_days"},
        {
            "name": "temporal.days_between",
            "expression": "(user.tenure_days - temporal.idle_days) / (behavioral.orders - 1)",
        },
        *more,
    ]
    about: dict[str, Any] = {"outcome": "Order Placed", "horizon": horizon, "domain": ["Order Placed"]}
    labels = [{"name": "repeat_purchase", **about}, {"name": "revenue", **about, "of": "value"}]
    return {"features": features, "labels": labels}


def _last(event: str, table: pd.DataFrame) -> list[dict[str, Any]]:
    """A feature for each column: what an event said of it last."""
    return [
        {"name": f"user.{_named(name)}", "event": event, "aggregate": "last", "of": name,
         **({"number": True} if pd.api.types.is_numeric_dtype(table[name]) else {})}
        for name in table.columns
    ]  # fmt: skip


def _named(column: str) -> str:
    words = "".join(c.lower() if c.isalnum() else "_" for c in column)
    return words if words[0].isalpha() else f"c_{words}"


def _said(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if v == v} for row in table.to_dict("records")]


def _events(type: str, subject: pd.Series, time: Any, data: Sequence[dict[str, Any]]) -> pd.DataFrame:
    said = [json.dumps(one) for one in data]
    return pd.DataFrame({"type": type, "subject": subject.to_numpy(), "time": time, "data": said})


SETS: dict[str, Callable[[Path], Found]] = {
    make.__name__: make for make in (cdnow, retail, telco, mlc, bank, kag, upworthy, hillstrom)
}


def table_of(name: str, events: pd.DataFrame) -> pa.Table:
    """Events as `hindcast import` takes them, in the order of time."""
    events = events.sort_values("time", kind="stable")
    return pa.table(
        {
            "id": [f"{name}-{n}" for n in range(len(events))],
            "source": [name] * len(events),
            "type": events["type"].astype(str).tolist(),
            "subject": events["subject"].astype(str).tolist(),
            "time": pa.array(
                events["time"].dt.tz_convert("UTC").astype("datetime64[us, UTC]"), pa.timestamp("us", "UTC")
            ),
            "data": events["data"].tolist(),
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--definitions", type=Path, help="write features and labels here, for `hindcast apply -f`")
    said = parser.parse_args()
    events, definitions = SETS[said.set](said.folder)
    out = said.out or Path(f"{said.set}.parquet")
    pq.write_table(table_of(said.set, events), out)
    print(f"{len(events):,} events are in {out}")
    if said.definitions:
        said.definitions.write_text(yaml.safe_dump(definitions, sort_keys=False), encoding="utf-8")
