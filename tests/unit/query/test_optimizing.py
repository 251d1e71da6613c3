"""Queries made fast: the same answers, by whichever way they come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import USER_INTERACTIONS
from events.entry import EMPTY
from events.errors import Rejected
from events.log import Output
from query.engine import Engine
from query.history import History, Withheld
from query.optimizing.cache import MISS, CacheManager
from query.optimizing.optimizer import PARTITION_ABOVE, AnalyticsOptimizer
from query.partitions import DataPartitioner
from tests.unit.query.questions.words import DAY, NOW, Shop, us
from tests.unit.query.test_engine import Filled

T = us("2026-05-01")
QUESTIONS: list[dict[str, Any]] = [
    {"ask": "trends", "series": ["page", {"measure": "sum", "of": "amount"}, {"measure": "users"}], "interval": "week"},
    {"ask": "funnel", "steps": ["page", "order"], "window": "2d"},
    {"ask": "retention", "interval": "day", "periods": 3},
    {"ask": "users"},
]
STATEMENTS = [
    "SELECT count(*) FROM user_interactions",
    "SELECT type, count(*), sum(amount), count(DISTINCT subject), min(time) FROM user_interactions GROUP BY 1 ORDER BY 1",
    "SELECT id, row_offset FROM user_interactions WHERE row_offset % 99991 = 0 ORDER BY 2",
    "SELECT row_offset FROM user_interactions LIMIT 5",
    "SELECT subject, amount FROM user_interactions QUALIFY row_number() OVER (ORDER BY amount DESC, row_offset) < 4",
    "SELECT count(*) FROM user_interactions a JOIN user_interactions b USING (row_offset)",
]


def put(shop: Shop, first: int, n: int) -> None:
    at = np.arange(first, first + n)
    shop.columns(
        n,
        id=pa.array(at.astype(str)),
        subject=pa.array((at % 5_003).astype(str)),
        type=pa.array(np.where(at % 3 == 0, "order", "page")),
        time=pa.array(T + (at * 7_919 % (20 * 86_400)) * 1_000_000, pa.timestamp("us", tz="UTC")),
        amount=pa.array(at * 31 % 10_007),
        currency="EUR",
    )


def compare(shop: Shop, limit: int, queries: Sequence[Any]) -> None:
    """``limit`` rows run in one piece and one more in parts; turned round, each gives the same."""
    span = {"since": "2026-05-01", "until": "2026-05-21"}
    for rows, way in ((limit, "optimized"), (limit + 1, "partitioned")):
        if rows > limit:
            put(shop, limit, 1)
        for query in (q if isinstance(q, str) else {**q, **span} for q in queries):
            by_size, turned = (AnalyticsOptimizer(shop.log, "shop") for _ in range(2))
            found = by_size.optimize_analytics_performance(query, now=NOW)
            assert (found.way, found.rows) == (way, rows), query
            other = turned.optimize_analytics_performance(query, 2 * limit + 1 - rows, now=NOW)
            assert {found.way, other.way} == {"optimized", "partitioned"}
            assert comparable(other.result) == comparable(found.result), query


def test_one_row_more_than_the_bound_gives_the_same_in_parts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.optimizing.optimizer.PARTITION_ABOVE", 3_000)
    put(shop, 0, 2_000)
    put(shop, 2_000, 1_000)
    compare(shop, 3_000, [*STATEMENTS, *QUESTIONS])


@pytest.mark.slow
def test_a_million_rows_and_one_more_give_the_same_by_both_ways(shop: Shop) -> None:
    assert PARTITION_ABOVE == 1_000_000
    for first in range(0, 1_000_000, 100_000):
        put(shop, first, 100_000)
    compare(shop, 1_000_000, [*STATEMENTS[:3], *QUESTIONS[:2]])


def comparable(result: Any) -> Any:
    if isinstance(result, dict):
        return {k: v for k, v in result.items() if k != "elapsed_ms"}
    return result.rows()


@given(st.lists(st.integers(0, 50), max_size=5), st.integers(1, 7))
def test_parts_hold_every_place_once_and_in_order(heads: list[int], parts: int) -> None:
    told = {f"p{i}": head for i, head in enumerate(heads)}
    cut = DataPartitioner(parts).partition_data(told)
    places = [(s.producer, at) for part in cut for s in part for at in range(s.start, s.end)]
    assert places == [(name, at) for name, head in told.items() for at in range(head)]
    sizes = [sum(s.end - s.start for s in part) for part in cut]
    assert len(cut) <= parts
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_part_may_begin_and_end_within_an_entry(tmp_path: Path) -> None:
    filled = Filled(tmp_path)
    for n in (5, 1, 7):
        filled.put("demo/user_interactions/0", USER_INTERACTIONS, n, id=[f"{n}-{i}" for i in range(n)], time=0)
        filled.commit("demo/user_interactions/0", Output("user_interactions", EMPTY, watermark=n))
    filled.put("demo/user_interactions/1", USER_INTERACTIONS, 3, id=list("xyz"), time=0)
    history = History(filled.log, "demo")
    whole = ids(history, None)
    assert len(whole) == 16
    for parts in range(1, 9):
        cut = DataPartitioner(parts).partition_data(history.heads("user_interactions"))
        assert [id_ for part in cut for id_ in ids(history, part)] == whole


def ids(history: History, part: Any) -> list[str]:
    return [id_ for batch in history.parts("user_interactions", part) for id_ in batch["id"].to_pylist()]


@pytest.fixture
def small(shop: Shop) -> AnalyticsOptimizer:
    shop.did(("ada", "page", T), ("bob", "page", T + DAY))
    return AnalyticsOptimizer(shop.log, "shop")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "log")


@pytest.mark.parametrize("sql", ["SELECT 0", "SELECT id FROM user_interactions WHERE false", "SELECT NULL"])
def test_nothing_is_an_answer_that_is_kept(small: AnalyticsOptimizer, sql: str) -> None:
    assert [small.sql(sql).way for _ in range(3)] == ["optimized", "cached", "cached"]


def test_an_answer_is_stale_the_moment_a_row_comes(small: AnalyticsOptimizer, shop: Shop) -> None:
    count = "SELECT count(*) FROM user_interactions"
    question = {"ask": "trends", "since": "2026-04-01", "until": "2026-05-20"}
    for n in (2, 3, 4):
        assert [small.sql(count).result.rows() for _ in range(2)] == [[[n]], [[n]]]
        assert [small.ask(question, NOW + i).result["series"][0]["total"] for i in range(2)] == [n, n]
        shop.did(("cleo", "page", T))
    assert (small.cache.hits, small.cache.misses) == (6, 6)


def test_blanks_comments_and_case_make_no_other_question(small: AnalyticsOptimizer) -> None:
    assert small.sql("SELECT count(*) AS n FROM user_interactions").way == "optimized"
    assert small.sql("select   COUNT(*) as n -- how many\n from user_interactions").way == "cached"
    assert small.sql("SELECT count(*) AS m FROM user_interactions").way == "optimized"
    assert small.sql("SELECT count(*) AS n FROM user_interactions", rows=5).way == "optimized"


@pytest.mark.parametrize(
    "sql",
    ["SELECT now()", "SELECT random()", "SELECT current_date", "FROM user_interactions USING SAMPLE 1",
     "SELECT count(*) FROM user_interactions WHERE time > now() - INTERVAL 1 DAY", "EXPLAIN ANALYZE SELECT 1"],
)  # fmt: skip
def test_what_changes_by_itself_is_not_kept(small: AnalyticsOptimizer, sql: str) -> None:
    assert [small.sql(sql).way for _ in range(2)] == ["optimized", "optimized"]


def test_one_tenants_answers_are_not_anothers_nor_those_with_more_scope(tmp_path: Path) -> None:
    filled = Filled(tmp_path)
    for tenant in ("a", "b"):
        filled.put(f"{tenant}/user_interactions/0", USER_INTERACTIONS, 1, id=tenant, time=0)
    shared = CacheManager(1 << 20)
    found: list[Any] = []
    for tenant in ("a", "b"):
        optimizer = AnalyticsOptimizer(filled.log, tenant)
        optimizer.cache = shared
        found.append(optimizer.sql("SELECT id FROM user_interactions").result.rows())
    assert found == [[["a"]], [["b"]]]
    optimizer.sql("SELECT count(*) FROM control", commands=True)
    with pytest.raises(Withheld):
        optimizer.sql("SELECT count(*) FROM control")
    assert optimizer.sql("SELECT 1 AS control").result.rows() == [[1]]


def test_the_one_asked_for_longest_ago_goes_first() -> None:
    cache = CacheManager(100)
    for key in "abc":
        assert cache.cache_result(key, key.upper(), 30)
    assert cache.get_cached_result("a") == "A"
    cache.cache_result("d", 0, 40)
    assert [cache.get_cached_result(key) for key in "abcd"] == ["A", MISS, "C", 0]
    assert cache.bytes == 100
    assert not cache.cache_result("e", [], 101)
    cache.cache_result("d", [], 10)
    assert (cache.get_cached_result("d"), cache.bytes, len(cache)) == ([], 70, 3)


def test_what_a_query_touches_is_known_before_it_runs(small: AnalyticsOptimizer) -> None:
    sql = "SELECT subject FROM user_interactions WHERE time >= '2026-05-01' AND time < '2026-05-02' AND type = 'page'"
    assert small.sql("SELECT id FROM user_interactions WHERE false").rows == 0
    (touched,) = small.sql(sql).analysis.streams.values()
    assert (touched.rows, set(touched.columns)) == (2, {"subject", "time", "type"})
    assert (touched.since, touched.until) == ("2026-05-01 00:00:00+00", "2026-05-02 00:00:00+00")
    joined = small.sql("SELECT count(*) FROM metrics_latest JOIN user_interactions USING (source)").analysis
    assert set(joined.streams) == {"metrics", "past_metrics", "user_interactions"}
    assert "source" in joined.streams["user_interactions"].columns
    asked = {"ask": "trends", "series": [{"event": "page", "measure": "sum", "of": "value"}], "since": "2026-05-01"}
    (touched,) = small.ask({**asked, "until": "2026-05-03"}, NOW).analysis.streams.values()
    assert (touched.rows, set(touched.columns)) == (2, {"subject", "time", "type", "value"})
    assert touched.since == "2026-05-01T00:00:00+00:00"


def test_wrong_sizes_and_wrong_sql_are_refused(small: AnalyticsOptimizer) -> None:
    with pytest.raises(Rejected) as caught:
        small.optimize_analytics_performance("SELECT 1", -1, now=NOW)
    assert caught.value.field == "data_size"
    for sql in ("DELETE FROM metrics", "SELECT nothing FROM user_interactions", "SELECT 1; SELECT 2"):
        with pytest.raises(Rejected) as caught:
            small.sql(sql)
        with pytest.raises(Rejected) as plain:
            Engine(small._log).run(sql, tenant="shop")
        assert (caught.value.field, caught.value.reason) == ("sql", plain.value.reason)
