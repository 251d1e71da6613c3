"""Datasets out of a log with late rows: against point-in-time tables in SQL, and as somebody reads them who learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from events.errors import Rejected
from events.memory_log import MemoryLog
from query import as_of
from query.features.asked import DatasetAsked
from query.features.choosing import features_of, label_of
from query.features.dataset import MadeDataset, make
from query.features.schema import FeatureRule
from query.point_in_time.making import PointInTime, table_of
from tests.unit.query.point_in_time.words import BEGIN, DAY_US, PRODUCERS, TENANT, Event, put_events, shop

NOW = BEGIN + 100 * DAY_US
COUNTED: list[dict[str, Any]] = [
    {"name": "events"},
    {"name": "orders_7d", "event": "order", "window": "7d"},
    {"name": "weight", "aggregate": "sum", "of": "value"},
    {"name": "weight_5d", "aggregate": "sum", "of": "value", "window": "5d"},
    {"name": "plan", "aggregate": "last", "of": "plan"},
    {"name": "plans", "aggregate": "distinct", "of": "plan", "window": "10d"},
    {"name": "idle", "aggregate": "days_since"},
    {
        "name": "big",
        "where": [{"name": "value", "op": ">", "value": 10}, {"name": "plan", "op": "in", "value": ["pro", "team"]}],
    },
    {"name": "no_plan", "where": [{"name": "plan", "op": "missing"}]},
    {"name": "not_pro", "where": [{"name": "plan", "op": "!=", "value": "pro"}], "window": "4d"},
]


def rules(said: list[dict[str, Any]]) -> list[FeatureRule]:
    return [
        FeatureRule.model_validate({"aggregate": "count", **one, "name": f"behavioral.{one['name']}"}) for one in said
    ]


def made(log: MemoryLog, features: list[dict[str, Any]] | None = None, now: int = NOW, **asked: Any) -> MadeDataset:
    wanted = DatasetAsked.model_validate(asked)
    moment = as_of.at(log, TENANT, now, now)
    return make(log, TENANT, wanted, label_of(wanted.label, {}), rules(features or COUNTED), moment, now)


CHURN = {
    "name": "churn",
    "outcome": "order",
    "happens": False,
    "horizon": "5d",
    "domain": [{"event": "order", "within": "5d"}],
}


@pytest.mark.parametrize("seed", [1, 2])
def test_features_are_those_of_a_point_in_time_table(seed: int) -> None:
    log = MemoryLog()
    shop(log, seed)
    found = made(log, label={"name": "order", "outcome": "order", "horizon": "2d"}, every="3d").table
    rows = [{"key": r["key"], "at": r["at"].timestamp()} for r in found.select(["key", "at"]).to_pylist()]
    table = PointInTime(log, TENANT).make(table_of({"rows": rows, "features": COUNTED}), NOW).table
    assert found.num_rows > 80
    for feature in COUNTED:
        ours = found[f"behavioral.{feature['name']}"].to_pylist()
        theirs = table[feature["name"]].to_pylist()
        if isinstance(theirs[-1], str):
            assert ours == theirs
        else:
            assert ours == pytest.approx(theirs, abs=1e-4), feature["name"]


def test_the_label_is_what_came_after_and_who_is_asked_about_was_there() -> None:
    log = MemoryLog()
    events = shop(log, 3)
    found = made(log, label=CHURN, every="2d")
    orders = [e for e in events if e.kind == "order" and e.key]
    asked = {(r["key"], round(r["at"].timestamp() * 1e6)): r["label"] for r in found.table.to_pylist()}
    moments = {at for _, at in asked}
    for at in moments:
        for key in {e.key for e in events if e.key}:
            there = any(e.key == key and at - 5 * DAY_US < e.time <= at and e.known <= at for e in orders)
            after = any(e.key == key and at < e.time <= at + 5 * DAY_US for e in orders)
            assert asked.get((key, at)) == (int(not after) if there else None)
    said = found.report
    assert said["label"]["positive"] == sum(asked.values())
    assert said["excluded"]["not in the domain: order within 5d"] > 0
    assert said["refused"]["future"] > 0
    assert said["refused"]["not_known_yet"] > 0
    assert said["made_of_the_outcome"] == ["behavioral.orders_7d"]


def test_asked_again_as_it_was_it_is_the_same_whatever_came_since() -> None:
    log = MemoryLog()
    shop(log, 4)
    first = made(log, label=CHURN, every="4d")
    silent = next(row for row in first.table.to_pylist() if row["label"] == 1)
    ordered = round(silent["at"].timestamp() * 1e6) + DAY_US
    late = Event(silent["key"], ordered, NOW + DAY_US, "order", 5, 2.0, "pro", "", 0)
    put_events(log, PRODUCERS[0], [late] * 3, NOW + DAY_US)
    said = DatasetAsked.model_validate(first.said)
    assert not isinstance(said.label, str)
    moment = as_of.of_token(log, TENANT, first.as_of)
    features = features_of(said.features, {})
    again = make(log, TENANT, said, label_of(said.label, {}), features, moment, NOW)
    assert (again.digest, again.as_of, again.said) == (first.digest, first.as_of, first.said)
    live = made(log, now=NOW + 2 * DAY_US, label=CHURN, every="4d")
    assert live.digest != first.digest


def test_a_column_that_knows_the_label_is_named() -> None:
    log = MemoryLog()
    told = [
        Event(f"c{n}", BEGIN + day * DAY_US, BEGIN + day * DAY_US, kind, None, float(n % 2), None, "", 0)
        for n in range(80)
        for day, kind in ((0, "seen"), (10, "bought" if n % 2 else "page"), (12, "page"))
    ]
    put_events(log, PRODUCERS[0], told, BEGIN + 20 * DAY_US)
    features = [{"name": "knows", "aggregate": "sum", "of": "value"}, {"name": "seen"}]
    found = made(
        log, features, label={"name": "buys", "outcome": "bought", "horizon": "5d"}, at=[(BEGIN + 7 * DAY_US) / 1e6]
    )
    assert found.report["knows_the_label"] == [{"feature": "behavioral.knows", "auc": 1.0}]
    assert found.report["constant"] == ["behavioral.seen"]
    assert any("may know it" in one for one in found.report["warnings"])


def test_who_subscribed_and_did_not_cancel() -> None:
    log = MemoryLog()
    story = [("a", 0, "in"), ("b", 0, "in"), ("b", 3, "out"), ("c", 0, "in"), ("c", 3, "out"), ("c", 4, "in"),
             ("d", 0, "page"), ("a", 8, "out"), ("c", 19, "page"), ("e", 8, "in")]  # fmt: skip
    told = [Event(k, BEGIN + d * DAY_US, BEGIN + d * DAY_US, kind, None, None, None, "", 0) for k, d, kind in story]
    put_events(log, PRODUCERS[0], told, BEGIN + 20 * DAY_US)
    label = {"name": "ended", "outcome": "out", "horizon": "10d", "domain": [{"event": "in", "unless": "out"}],
             "exclude": [{"event": "page", "within": "1d"}]}  # fmt: skip
    at = [(BEGIN + 5 * DAY_US) / 1e6, (BEGIN + 9 * DAY_US) / 1e6]
    found = made(log, [{"name": "n"}], label=label, at=at).table.to_pylist()
    assert [(r["key"], r["label"]) for r in found] == [("a", 1), ("c", 0), ("c", 0), ("e", 0)]
    retention = label_of("stays", {"ended": label, "stays": {"name": "stays", "complement_of": "ended"}})
    stays = made(log, [{"name": "n"}], label=retention.model_dump(mode="json"), at=at).table
    assert stays["label"].to_pylist() == [0, 1, 1, 1]
    assert (retention.name, retention.horizon) == ("stays", "10d")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"label": {**CHURN, "horizon": "90d"}}, "horizon"),
        ({"label": {**CHURN, "domain": ["nothing like it"]}}, "label"),
        ({"label": CHURN, "at": [NOW / 1e6]}, "at"),
        ({"label": CHURN, "every": "1m"}, "every"),
        ({"label": CHURN, "since": "1d"}, "since"),
        ({"label": "churm"}, "label"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(asked: dict[str, Any], field: str) -> None:
    log = MemoryLog()
    shop(log, 5)
    with pytest.raises(Rejected) as caught:
        made(log, **asked)
    assert caught.value.field == field


def test_a_sample_is_the_same_in_every_run_and_a_sum_is_a_regression() -> None:
    log = MemoryLog()
    shop(log, 6)
    label = {"name": "spent", "outcome": "order", "of": "value", "horizon": "5d"}
    whole, some = made(log, label=label), made(log, label=label, sample=7)
    assert some.table.num_rows == 7
    assert some.digest == made(log, label=label, sample=7).digest
    rows = {(r["key"], r["at"]): r for r in whole.table.to_pylist()}
    assert all(rows[r["key"], r["at"]] == r for r in some.table.to_pylist())
    assert some.report["label"]["task"] == "regression"
    assert np.isfinite(whole.table["label"].to_numpy()).all()
