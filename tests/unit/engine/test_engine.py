"""The engine's face: rows merged by time, three modes with one answer, and events judged one by one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.description import Description
from events.errors import Rejected
from hindcast.engine import (
    AnalyticsEngine,
    BatchProcessor,
    DataMerger,
    PredictiveAnalyzer,
    PrescriptiveAnalyzer,
    RealTimeAnalysis,
    RealTimeProcessor,
    StreamProcessor,
    processing,
)

T0 = datetime(2026, 11, 28, tzinfo=UTC)
ROW = st.tuples(
    st.integers(0, 1_000),
    st.sampled_from(["a", "b", "c"]),
    st.none() | st.sampled_from(["ada", "bob"]),
    st.none() | st.floats(allow_nan=False, width=64),
)


def table(rows: list[tuple[int, str, str | None, float | None]], **more: list[Any]) -> pa.Table:
    times, types, subjects, values = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = {
        "time": pa.array([T0 + timedelta(seconds=t) for t in times], pa.timestamp("us", "UTC")),
        "type": pa.array(types, pa.string()),
        "subject": pa.array(subjects, pa.string()),
        "value": pa.array(values, pa.float64()),
    }
    return pa.table({**columns, **more})


@given(st.lists(ROW, min_size=1, max_size=60), st.integers(1, 20))
def test_the_three_modes_give_one_answer(rows: list[Any], piece: int) -> None:
    raw = table(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processing, "PIECE", piece)
        answers = [p.process(raw).insights() for p in (RealTimeProcessor(), StreamProcessor(), BatchProcessor())]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["rows"] == len(rows)


def test_a_description_says_what_a_hand_would() -> None:
    found = (
        StreamProcessor().process(table([(5, "a", "ada", 0.1), (1, "a", "bob", 0.2), (3, "b", "ada", None)])).insights()
    )
    a = found["types"]["a"]
    assert (found["rows"], found["subjects"], list(found["types"])) == (3, 2, ["a", "b"])
    assert (a["rows"], a["subjects"], a["last_us"] - a["first_us"]) == (2, 2, 4_000_000)
    assert a["value"]["sum"] == 0.1 + 0.2
    assert (a["value"]["min"], a["value"]["max"], found["types"]["b"]["value"]) == (0.1, 0.2, None)
    assert Description().insights() == {"rows": 0, "subjects": 0, "types": {}}


@given(st.lists(ROW, max_size=30), st.lists(ROW, max_size=30), st.randoms())
def test_a_merge_has_every_row_in_one_order(first: list[Any], second: list[Any], chance: random.Random) -> None:
    tables = {"x": table(first), "y": table(second)}
    merged = DataMerger().merge_by_timestamp(tables)
    names = list(tables)
    chance.shuffle(names)
    assert merged.equals(DataMerger().merge_by_timestamp({name: tables[name] for name in names}))
    by_hand = sorted(
        [(row, "x", i) for i, row in enumerate(first)] + [(row, "y", i) for i, row in enumerate(second)],
        key=lambda one: (one[0][0], one[1], one[2]),
    )
    assert merged.column("type").to_pylist() == [row[1] for row, _, _ in by_hand]
    assert merged.column("merged_from").to_pylist() == [name for _, name, _ in by_hand]


def test_a_merge_orders_rows_of_one_time_by_source_producer_and_offset() -> None:
    left = table([(1, "a", None, 1.0), (1, "b", None, 2.0)], source=["web", "app"], offset=[7, 9])
    right = table([(1, "c", None, 3.0), (0, "d", None, 4.0)], source=["app", "zoo"], offset=[8, 1])
    merged = DataMerger().merge_by_timestamp({"left": left, "right": right})
    assert merged.column("type").to_pylist() == ["d", "c", "b", "a"]
    with pytest.raises(ValueError, match="broken: has no column `time`"):
        DataMerger().merge_by_timestamp({"broken": pa.table({"type": ["a"]})})


@given(st.lists(ROW, max_size=30), st.lists(ROW, max_size=90))
def test_an_as_of_join_takes_the_last_row_that_was_there(left: list[Any], right: list[Any]) -> None:
    joined = DataMerger().as_of_join(table(left), table(right), by="type")
    assert len(joined) == len(left)
    for row, found in zip(left, joined.column("right_value").to_pylist(), strict=True):
        there = [(other[0], i, other[3]) for i, other in enumerate(right) if other[1] == row[1] and other[0] <= row[0]]
        assert found == (max(there, key=lambda one: one[:2])[2] if there else None)


def minutes(counts: list[int], kind: str = "order") -> pa.Table:
    rows = [(60 * minute, kind, None, None) for minute, n in enumerate(counts) for _ in range(n)]
    return table(rows)  # type: ignore[arg-type]


def test_what_comes_next_is_forecast_with_its_band() -> None:
    weekly = [20 + 10 * (minute % 2) for minute in range(80)]
    said = PredictiveAnalyzer().analyze(minutes(weekly))["types"]["order"]
    assert (said["status"], said["width_s"], len(said["forecast"])) == ("ready", 60, 12)
    first = said["forecast"][0]
    last_minute = int(T0.timestamp()) + 60 * 79
    assert first["time_us"] == last_minute * 1_000_000, "the last window may still get rows, so it is forecast"
    assert first["lower"] <= 30 <= first["upper"] + 1
    few = PredictiveAnalyzer().analyze(minutes([1] * 5))["types"]["order"]
    assert few == {"status": "not enough data", "windows": 3, "needed": 30}


def test_what_falls_beyond_chance_is_recommended_and_what_only_varies_is_not() -> None:
    chance = random.Random(5)
    falling = minutes([200 - 2 * minute for minute in range(90)], "falls")
    steady = minutes([chance.randint(80, 120) for _ in range(90)], "steady")
    said = PrescriptiveAnalyzer().analyze(pa.concat_tables([falling, steady]))
    (only,) = said["recommendations"]
    assert (only["type"], only["direction"], only["impact_basis"]) == ("falls", "down", "measured")
    assert only["before"] > only["now"]
    assert only["p_value"] < 0.01
    assert PrescriptiveAnalyzer().analyze(table([]))["status"] == "not enough data"


def events(n: int, kind: str = "order", step_s: int = 1) -> Iterator[dict[str, Any]]:
    chance = random.Random(1)
    for i in range(n):
        at = (T0 + timedelta(seconds=i * step_s)).isoformat()
        yield {"type": kind, "time": at, "data": {"value": 100 + chance.gauss(0, 5)}}


def test_an_unusual_value_is_told_once_enough_is_known() -> None:
    analysis = RealTimeAnalysis()
    answers = [analysis.analyze(event)["anomaly"] for event in events(300)]
    assert answers[0]["status"] == "warming_up"
    assert answers[-1]["status"] == "ready"
    strange = analysis.analyze({"type": "order", "time": (T0 + timedelta(seconds=300)).isoformat(), "value": 900})
    assert strange["anomaly"]["is_anomaly"]
    assert analysis.analyze({"type": "view", "time": T0.isoformat()})["anomaly"]["status"] == "no_value"


def test_a_growing_series_and_two_that_move_together_are_told() -> None:
    analysis = RealTimeAnalysis(window_s=60)
    chance = random.Random(3)
    found: dict[str, Any] = {}
    for minute in range(90):
        beat = chance.randint(1, 30)
        for kind, n in (("up", minute + 1), ("one", beat), ("two", 2 * beat)):
            for i in range(n):
                at = T0 + timedelta(minutes=minute, seconds=i % 60)
                found[kind] = analysis.analyze({"type": kind, "time": at})
    assert found["up"]["trend"]["direction"] == "up"
    assert [other["type"] for other in found["one"]["correlation"]["with"]] == ["two"]


def test_one_analyzer_that_fails_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    analysis = RealTimeAnalysis()
    monkeypatch.setattr(analysis, "_trend", lambda _: 1 / 0)
    found = analysis.analyze({"type": "order", "value": 1})
    assert found["trend"] == {"status": "error", "error": "ZeroDivisionError: division by zero"}
    assert found["anomaly"]["status"] == "warming_up"
    assert "Analysis error in trend: division by zero" in caplog.text


@pytest.mark.parametrize(
    ("event", "reason"),
    [({}, "type"), ({"type": "a", "time": "noon"}, "time"), ({"type": "a", "time": "2026-11-28"}, "zone")],
)
def test_an_event_that_cannot_be_judged_says_why(event: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        RealTimeAnalysis().analyze(event)


class Fake:
    """A client of a system in which stream ``social_media`` cannot be read; it takes no event of type ``bad``."""

    address = "http://x/"

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def streams(self) -> list[dict[str, Any]]:
        return [{"name": name, "rows": 1} for name in ("user_interactions", "external_apis", "social_media")]

    def query(self, sql: str) -> list[dict[str, Any]]:
        if "social_media" in sql:
            raise OSError("the disk is gone")
        return [{"column_name": name} for name in ("time", "type", "subject", "received")]

    def sql(self, sql: str, limit: int) -> pa.Table:
        assert limit == 10
        return table([(2, "a", "ada", 1.0), (1, "a", None, 2.0)]).sort_by("time") if "user" in sql else table([])

    def send(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        self.sent += events
        bad = [i for i, event in enumerate(events) if event["type"] == "bad"]
        return {
            "rejected": [{"index": i, "field": "type", "reason": "is bad"} for i in bad],
            "rejected_total": len(bad),
        }


def test_a_stream_that_fails_leaves_the_others_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    engine = AnalyticsEngine(Fake())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    found = engine.collect_comprehensive_data(rows=10)
    assert found.sources["user_interactions"]["status"] == "ok"
    assert found.sources["external_apis"]["status"] == "empty"
    assert found.sources["social_media"] == {
        "status": "failed",
        "rows": 0,
        "freshness_s": None,
        "error": "the disk is gone",
    }
    assert found.sources["system_logs"]["status"] == "missing"
    assert "Error collecting social_media: the disk is gone" in caplog.text
    assert found.rows.column("merged_from").to_pylist() == ["user_interactions"] * 2


def test_process_data_says_what_happened_in_each_mode_and_refuses_unknown_words() -> None:
    engine = AnalyticsEngine(Fake())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    answers = [engine.process_data("user_behavior", mode, rows=10)["insights"] for mode in engine.processors]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["types"]["a"]["value"]["sum"] == 3.0
    for said, field in ((("user_behaviour",), "data_type"), (("user_behavior", "fast"), "processing_mode")):
        with pytest.raises(Rejected) as refused:
            engine.process_data(*said)
        assert refused.value.field == field
        assert "there are" in refused.value.reason


def endless() -> Iterator[dict[str, Any]]:
    while True:
        yield {"type": "a", "value": 1}


def test_process_stream_answers_each_event_and_ends_with_its_limit() -> None:
    fake = Fake()
    engine = AnalyticsEngine(fake)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    found = engine.process_stream(
        "kafka", [{"type": "a", "value": 1}, {"type": "bad"}, {"type": "a", "source": "mine"}]
    )
    assert [one["accepted"] for one in found] == [True, False, True]
    assert (found[1]["reason"], found[1]["analysis"]) == ("type: is bad", {})
    assert [event["source"] for event in fake.sent] == ["kafka", "kafka", "mine"]
    assert set(found[0]["analysis"]) == {"anomaly", "trend", "correlation"}
    assert len(engine.process_stream("real_time", endless(), limit=250)) == 250
    with pytest.raises(Rejected, match="there are kafka, redis, websocket, real_time"):
        engine.process_stream("rabbit", [])


def test_a_stream_without_an_end_is_followed() -> None:
    engine = AnalyticsEngine(Fake())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    async def source() -> AsyncIterator[dict[str, Any]]:
        for event in endless():
            yield event

    async def first(n: int) -> list[Any]:
        found: list[Any] = []
        async for done in engine.follow_stream("websocket", source()):
            found.append(done)
            if len(found) == n:
                return found
        return found

    assert all(done["accepted"] for done in asyncio.run(first(3)))
