"""Point-in-time tables against a plain reading of the events, with late rows, ties, and an archive below."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from events.archive.job import Range, archive
from events.archive.log import ArchivedLog
from events.archive.segments import told
from events.catalog import SEGMENTS
from events.entry import encode
from events.errors import Rejected
from events.log import Commit, EventLog, Output
from events.memory_log import MemoryLog
from query import as_of
from query.as_of import iso
from query.point_in_time.making import Made, PointInTime, table_of
from tests.unit.query.point_in_time.words import (
    BEGIN,
    DAY_US,
    PRODUCERS,
    TENANT,
    Event,
    oracle,
    put_events,
    sample,
    shop,
)

NOW = BEGIN + 100 * DAY_US
FEATURES: list[dict[str, Any]] = [
    {"name": "events"},
    {"name": "orders_7d", "event": "order", "window": "7d"},
    {"name": "spent", "event": "order", "aggregate": "sum", "of": "amount", "window": "20d"},
    {"name": "weight", "aggregate": "sum", "of": "value"},
    {"name": "plan", "aggregate": "last", "of": "plan"},
    {"name": "last_amount", "aggregate": "last", "of": "amount", "window": "3d"},
    {"name": "plans", "aggregate": "distinct", "of": "plan", "window": "10d"},
    {"name": "idle", "aggregate": "days_since"},
    {"name": "idle_pro", "aggregate": "days_since", "where": [{"name": "plan", "value": "pro"}]},
]


def made(log: EventLog, rows: list[dict[str, Any]], features: list[dict[str, Any]], **more: Any) -> Made:
    return PointInTime(log, TENANT).make(table_of({"rows": rows, "features": features, **more}), NOW)


def refused(log: EventLog, rows: list[dict[str, Any]], features: list[dict[str, Any]], **more: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        made(log, rows, features, **more)
    return caught.value


def asked_rows(seed: int, n: int) -> list[dict[str, Any]]:
    """Keys and moments, some of them the very moments at which events are; one key that nobody has."""
    chance = random.Random(seed)
    moments = [BEGIN + chance.randrange(0, 40 * 24) * (DAY_US // 24) + chance.choice([0, 0, 1, -1]) for _ in range(n)]
    keys = [f"c{chance.randrange(13)}" for _ in range(n)]
    return [{"key": key, "at": at / 1e6, "label": i % 2} for i, (key, at) in enumerate(zip(keys, moments, strict=True))]


def archived(log: MemoryLog, folder: Path) -> ArchivedLog:
    """The first 64 offsets of each producer are in the archive, in segments of 16."""
    found = ArchivedLog(log, folder / "archive")
    for producer in PRODUCERS:
        ranges = [Range("user_interactions", producer, at, at + 16) for at in range(0, 64, 16)]
        segments = list(archive(log, found.root, ranges))
        lease = log.acquire("demo/archiver/0", [SEGMENTS.name])
        output = Output(SEGMENTS.name, encode(SEGMENTS, told(segments, BEGIN)))
        log.commit(lease, Commit(lease.commit, producer.encode(), BEGIN, outputs=(output,)))
        log.trim("user_interactions", producer, 64)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_every_value_is_what_a_plain_reading_finds(seed: int, tmp_path: Path) -> None:
    log = MemoryLog()
    events = shop(log, seed)
    wanted = asked_rows(seed, 150)
    whole = archived(log, tmp_path) if seed % 2 else log
    found = made(whole, wanted, FEATURES).table.to_pylist()
    assert len(found) == len(wanted)
    for row, asked in zip(found, wanted, strict=True):
        at = round(asked["at"] * 1e6)
        assert (row["key"], row["label"]) == (asked["key"], asked["label"])
        for feature in FEATURES:
            assert row[feature["name"]] == oracle(events, asked["key"], at, feature), (asked, feature)


def test_the_last_of_many_at_one_moment_is_the_last_in_the_log() -> None:
    log = MemoryLog()
    for number in range(200):  # joins as of choose another one of equals from 64 rows on
        put_events(log, PRODUCERS[number % 2], [Event("c1", BEGIN, BEGIN, "order", number, None, None, "", 0)], BEGIN)
    wanted = [{"key": "c1", "at": (BEGIN + n) / 1e6} for n in range(100)]
    found = made(log, wanted, [{"name": "last", "aggregate": "last", "of": "amount"}])
    assert set(found.table["last"].to_pylist()) == {199}


def test_a_row_that_comes_late_changes_no_moment_before_it_was_known() -> None:
    log = MemoryLog()
    shop(log, 9)
    wanted = asked_rows(9, 60)
    before = made(log, wanted, FEATURES)
    put_events(log, PRODUCERS[0], [Event("c1", BEGIN, NOW, "order", 5, 1.0, "pro", "", 0)], NOW)
    assert made(log, wanted, FEATURES).digest == before.digest


def test_made_again_as_of_its_moment_it_is_the_same_to_the_last_byte() -> None:
    log = MemoryLog()
    shop(log, 5)
    wanted = asked_rows(5, 80)
    asked = table_of({"rows": wanted, "features": FEATURES})
    tables = PointInTime(log, TENANT)
    first = tables.make(asked, NOW)
    # history that is imported now, and says of itself that it was known all the time
    put_events(log, PRODUCERS[0], [Event(f"c{n}", BEGIN, BEGIN, "order", 5, 0.1, "pro", "", 0) for n in range(13)], NOW)
    moment = as_of.of_token(log, TENANT, first.as_of)
    again = tables.make(asked, NOW, moment=moment)
    assert _bytes(again.table) == _bytes(first.table) and again.digest == first.digest
    assert tables.make(asked, NOW).digest != first.digest


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_a_column_that_knows_the_future_of_its_row_is_refused_by_name_and_reason() -> None:
    log = MemoryLog()
    shop(log, 3)
    row = {"key": "c1", "at": iso(BEGIN), "plan": "pro"}
    assert refused(log, [row], []).field == "rows.plan"
    later = {**row, "said": iso(BEGIN + 1)}
    error = refused(log, [{**row, "said": iso(BEGIN)}, later], [], given={"plan": {"known": "said"}})
    assert error.field == "rows.1.plan" and "was known only at 2026-09-21T14:13:20.000001Z" in error.reason
    about = {**row, "said": iso(BEGIN), "day": iso(BEGIN + DAY_US)}
    error = refused(log, [about], [], given={"plan": {"known": "said", "time": "day"}})
    assert error.field == "rows.0.plan" and "is about 2026-09-22T14:13:20Z, after the row's moment" in error.reason
    silent = {**row, "said": None}
    assert "does not say when" in refused(log, [silent], [], given={"plan": {"known": "said"}}).reason
    sound = made(log, [{**row, "said": iso(BEGIN)}], [], given={"plan": {"known": "said"}}).table
    assert sound.column_names == ["key", "at", "plan"] and sound["plan"].to_pylist() == ["pro"]


def test_a_feature_that_is_only_known_later_is_refused_instead_of_being_nothing() -> None:
    log = MemoryLog()
    put_events(log, PRODUCERS[0], [Event("c1", BEGIN, NOW, "order", 5, None, None, "", 0)], NOW)
    error = refused(log, [{"key": "c1", "at": iso(BEGIN + DAY_US)}], [{"name": "orders", "event": "order"}])
    assert error.field == "orders" and "is only known later" in error.reason and iso(NOW) in error.reason
    before = made(log, [{"key": "c1", "at": iso(BEGIN - 1)}], [{"name": "orders", "event": "order"}])
    assert before.table["orders"].to_pylist() == [0], "nothing had happened yet"
    put_events(log, PRODUCERS[0], [Event("c1", NOW - 1, NOW - 1, "order", 5, None, None, "", 0)], NOW)
    both = made(log, [{"key": "c1", "at": iso(at)} for at in (BEGIN + DAY_US, NOW - 1)], [{"name": "orders"}])
    assert both.table["orders"].to_pylist() == [0, 1] and "known yet at the moments of 1 rows" in both.warnings[0]


def test_a_metric_gives_the_newest_window_and_revision_that_was_told_by_then() -> None:
    log = MemoryLog()
    minute = 60_000_000
    sample(log, "load", BEGIN, minute, 5, BEGIN + minute + 1)
    sample(log, "load", BEGIN + minute, minute, 7, BEGIN + 2 * minute + 1)
    sample(log, "load", BEGIN + minute, minute, 9, BEGIN + 5 * minute, revision=1)
    sample(log, "load", BEGIN + minute, minute, 1, BEGIN + 5 * minute, key="c2")
    moments = [BEGIN + minute - 1, BEGIN + minute + 1, BEGIN + 2 * minute, BEGIN + 2 * minute + 1, BEGIN + 6 * minute]
    wanted = [{"key": "c2", "at": moment / 1e6} for moment in moments]
    found = made(log, wanted, [{"name": "load", "metric": "load", "series": ""}])
    assert found.table["load"].to_pylist() == [None, 5, 5, 7, 9]
    own = made(log, wanted[-1:], [{"name": "mine", "metric": "load"}])
    assert own.table["mine"].to_pylist() == [1]
    error = refused(log, wanted[3:4], [{"name": "mine", "metric": "lod"}])
    assert error.field == "features.0.metric" and "did you mean 'load'?" in error.reason


def test_a_metric_that_was_defined_later_is_refused_for_the_time_before() -> None:
    log = MemoryLog()
    sample(log, "load", BEGIN, 60_000_000, 5, NOW)
    error = refused(log, [{"key": "c2", "at": iso(BEGIN + DAY_US)}], [{"name": "load", "metric": "load", "series": ""}])
    assert error.field == "load" and "is only known later" in error.reason


@pytest.mark.parametrize(
    ("more", "field", "reason"),
    [
        ({"rows": [{"key": "c1"}]}, "rows", "no column 'at'"),
        ({"rows": [{"key": None, "at": 5}]}, "rows.0.key", "is missing"),
        ({"rows": [{"key": "c1", "at": "soon"}]}, "rows.0.at", "ISO 8601"),
        ({"rows": [{"key": "c1", "at": iso(NOW + 1)}]}, "rows.0.at", "the moment that the table is made of"),
        ({"rows": [{"key": "c1", "at": 5, "label": [1]}]}, "rows.label", "a list"),
        ({"rows_from": "SELECT 1 AS key, 2 AS at"}, "rows.at", "cast them"),
        (
            {"rows_from": "SELECT 'c1' AS key, time AS at, properties FROM user_interactions"},
            "rows.properties",
            "given",
        ),
        ({"rows_from": "SELECT subject AS key FROM nothing"}, "rows_from", "no table 'nothing'"),
        ({"rows_from": "SELECT * FROM control"}, "rows_from", "scope admin"),
        ({}, "rows", "rows_from"),
        ({"rows": [], "features": [{"name": "at"}]}, "features", "column of the rows"),
        ({"rows": [], "features": [{"name": "a"}, {"name": "a"}]}, "features", "twice"),
        ({"rows": [], "features": [{"name": "a", "aggregate": "sum"}]}, "features.0.of", "name it"),
        ({"rows": [], "features": [{"name": "a", "of": "amount"}]}, "features.0.of", "takes none"),
        ({"rows": [], "features": [{"name": "a", "stream": "control"}]}, "features.0.stream", "no stream 'control'"),
        ({"rows": [], "features": [{"name": "a", "window": "-7d"}]}, "features.0.window", "length such as"),
        ({"rows": [], "features": [{"name": "a", "windw": "7d"}]}, "features.0.windw", "did you mean 'window'?"),
        ({"rows": [], "features": [{"name": "a", "aggregate": "last", "of": "plann"}]}, "name", "did you mean 'plan'?"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_field_and_remedy(more: dict[str, Any], field: str, reason: str) -> None:
    log = MemoryLog()
    shop(log, 1, 50)
    with pytest.raises(Rejected) as caught:
        PointInTime(log, TENANT).make(table_of(more), NOW)
    assert caught.value.field == field and reason in caught.value.reason, (caught.value.field, caught.value.reason)


def test_rows_can_be_selected_and_amounts_of_two_currencies_are_not_added() -> None:
    log = MemoryLog()
    shop(log, 2, 200)
    sql = """SELECT subject AS key, max(time) AS at, max(time) > '2026-10-01' AS label FROM user_interactions
      WHERE subject IS NOT NULL GROUP BY 1 ORDER BY 1"""
    spent = {"name": "spent", "aggregate": "sum", "of": "amount"}
    asked = table_of({"rows_from": sql, "features": [spent]})
    found = PointInTime(log, TENANT).make(asked, NOW)
    assert found.table.column_names == ["key", "at", "label", "spent"] and found.table.num_rows == 12
    from tests.unit.query.point_in_time import words

    words.put(log, PRODUCERS[0], words.USER_INTERACTIONS, 1, BEGIN, type="order", subject="c1", time=BEGIN, received=BEGIN,
              amount=5, currency="MYR")  # fmt: skip
    error = refused(log, [{"key": "c1", "at": iso(NOW)}], [spent])
    assert error.field == "spent" and "MYR, TRY" in error.reason
    chosen = spent | {"where": [{"name": "currency", "value": "MYR"}]}
    assert made(log, [{"key": "c1", "at": iso(NOW)}], [chosen]).table["spent"].to_pylist() == [5]
