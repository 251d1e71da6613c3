"""SQL over the log: what it sees, and what it must never do."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from time import sleep

import duckdb
import pytest

from events.catalog import METRICS, QUARANTINE, STREAMS, USER_INTERACTIONS, Stream, rows
from events.entry import EMPTY, encode
from events.errors import Corrupt, Rejected
from events.log import Commit, Output
from events.sqlite_log import SqliteLog
from events.tables import columns_of
from query.bounds import Limits
from query.engine import Engine
from query.history import History
from query.optimizing.optimizer import AnalyticsOptimizer

DAY_US = 86_400_000_000


class Filled:
    """A real log, and a way to put rows into it."""

    def __init__(self, directory: Path) -> None:
        self.log = SqliteLog(directory, doorbell=False)
        self._at: dict[str, int] = {}

    def put(self, writer: str, stream: Stream, n: int, /, **columns: object) -> None:
        self.commit(writer, Output(stream.name, encode(stream, rows(stream, columns, n))))

    def commit(self, producer: str, output: Output) -> None:
        lease = self.log.acquire(producer, [output.stream])
        commit = Commit(after=lease.commit, nonce=str(lease.commit).encode(), at=lease.commit + 1, outputs=(output,))
        self.log.commit(lease, commit)


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    filled = Filled(tmp_path / "log")
    for day in range(3):
        filled.put(
            "demo/user_interactions/0",
            USER_INTERACTIONS,
            2,
            id=[f"a{day}", f"b{day}"],
            type=["order.placed", "page"],
            time=[day * DAY_US, day * DAY_US + 1],
            amount=[100 * day, None],
        )
    filled.put("other/user_interactions/0", USER_INTERACTIONS, 1, id="secret", type="order.placed", time=0)
    return filled


def answer(filled: Filled, sql: str, limits: Limits | None = None, **kwargs: int) -> list[list[object]]:
    return Engine(filled.log, limits).run(sql, tenant="demo", **kwargs).rows()


def refusal(filled: Filled, sql: str, limits: Limits | None = None) -> str:
    with pytest.raises(Rejected) as caught:
        Engine(filled.log, limits).run(sql, tenant="demo")
    assert caught.value.field == "sql"
    return caught.value.reason


def test_a_stream_is_a_table_with_its_rows_and_where_they_stand(filled: Filled) -> None:
    sql = "SELECT id, type, amount, time, producer, row_offset, tenant FROM user_interactions ORDER BY ALL LIMIT 2 OFFSET 1"
    assert answer(filled, sql) == [
        ["a1", "order.placed", 100, "1970-01-02T00:00:00Z", "demo/user_interactions/0", 2, "demo"],
        ["a2", "order.placed", 200, "1970-01-03T00:00:00Z", "demo/user_interactions/0", 4, "demo"],
    ]


def test_another_tenants_rows_are_not_there(filled: Filled) -> None:
    assert answer(filled, "SELECT count(*) FROM user_interactions WHERE id = 'secret'") == [[0]]
    assert Engine(filled.log).run("SELECT id FROM user_interactions", tenant="other").objects() == [{"id": "secret"}]


def test_filters_and_projections_give_what_the_whole_table_gives(filled: Filled) -> None:
    whole = "WITH t AS MATERIALIZED (FROM user_interactions)"
    for condition in (
        "amount >= 100",
        "type = 'page'",
        "time >= '1970-01-02'",
        "amount IS NULL",
        "row_offset IN (1, 4)",
    ):
        pushed = answer(filled, f"SELECT id FROM user_interactions WHERE {condition} ORDER BY id")
        assert pushed == answer(filled, f"{whole} SELECT id FROM t WHERE {condition} ORDER BY id")
        assert pushed, condition


def test_a_stream_joins_itself_on_one_cut(filled: Filled) -> None:
    sql = "SELECT count(*) FROM user_interactions a JOIN user_interactions b USING (producer, row_offset)"
    assert answer(filled, sql) == [[6]]


def test_rows_committed_later_are_not_in_a_cut(filled: Filled) -> None:
    history = History(filled.log, "demo")
    before = dict(history.heads("user_interactions"))
    filled.put("demo/user_interactions/0", USER_INTERACTIONS, 1, id="late", time=0)
    assert dict(history.heads("user_interactions")) == before
    assert sum(batch.num_rows for batch in history.parts("user_interactions")) == 6


def test_only_named_streams_are_read(filled: Filled) -> None:
    read = Engine(filled.log).run("WITH x AS (SELECT id FROM user_interactions) SELECT * FROM x", tenant="demo")
    assert list(read.cut) == ["user_interactions"]
    assert read.cut["user_interactions"] == {"demo/user_interactions/0": 6}


def test_metrics_latest_has_the_highest_revision_of_each_window(filled: Filled) -> None:
    columns = {"metric": "visits", "width_us": 60_000_000, "time": 0}
    start = [0, 60_000_000]
    filled.put("demo/metrics/0", METRICS, 2, key="all", start=start, count=[5, 7], revision=[0, 0], **columns)
    filled.put("demo/metrics/0", METRICS, 1, key="all", start=start[:1], count=[6], revision=[1], **columns)
    assert answer(filled, "SELECT count, revision FROM metrics_latest ORDER BY start") == [[6, 1], [7, 0]]
    assert answer(filled, "SELECT count(*) FROM metrics") == [[3]]


def test_columns_of_ours_do_not_hide_the_streams_own(filled: Filled) -> None:
    filled.put("demo/metrics/0", QUARANTINE, 1, producer="demo/x/0", offset=41, time=0)
    sql = "SELECT producer, at_offset, row_producer, row_offset FROM quarantine"
    assert answer(filled, sql) == [["demo/x/0", 41, "demo/metrics/0", 0]]


def test_small_entries_of_different_words_are_read_as_one(filled: Filled) -> None:
    for i in range(50):
        filled.put("demo/metrics/0", METRICS, 1, metric=f"m{i}", revision=0, time=0)
        filled.commit("demo/metrics/0", Output("metrics", EMPTY, watermark=i))
    assert answer(filled, "SELECT metric, row_offset FROM metrics ORDER BY 2") == [[f"m{i}", 2 * i] for i in range(50)]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE x (a INT)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "INSERT INTO metrics SELECT * FROM metrics",
        "DELETE FROM metrics",
        "DROP VIEW metrics_latest",
        "ATTACH 'x.db'",
        "COPY (SELECT 1) TO 'x.csv'",
        "EXPORT DATABASE 'x'",
        "PRAGMA database_list",
        "SET threads = 64",
        "LOAD json",
        "INSTALL httpfs",
        "CALL enable_logging()",
        "EXPLAIN ANALYZE CREATE TABLE x (a INT)",
        "EXPLAIN (ANALYZE) COPY (SELECT 1) TO 'x.csv'",
        "EXPLAIN EXPLAIN INSERT INTO metrics SELECT * FROM metrics",
    ],
)
def test_only_reading_statements_run(filled: Filled, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "queries only read" in refusal(filled, sql) or "EXPLAIN" in sql
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_csv('/etc/hostname')",
        "FROM read_text('/etc/hostname')",
        "FROM '/etc/hostname'",
        "FROM glob('/etc/*')",
        "FROM read_parquet('http://127.0.0.1:1/x.parquet')",
        "SELECT getenv('HOME')",
        "FROM here",
    ],
)
def test_nothing_outside_the_log_is_reachable(filled: Filled, sql: str) -> None:
    here = rows(METRICS, {"metric": "a variable of this process"}, 1)
    refusal(filled, sql)
    assert here.num_rows == 1


def test_statements_come_one_at_a_time(filled: Filled) -> None:
    assert "2 statements" in refusal(filled, "SELECT 1; SELECT 2")
    assert "0 statements" in refusal(filled, " -- nothing")
    assert answer(filled, "SELECT 1;") == [[1]]


def test_looking_at_tables_and_plans_is_reading(filled: Filled) -> None:
    tables = [name for [name] in answer(filled, "SHOW TABLES")]
    assert {"user_interactions", "metrics", "metrics_latest"} <= set(map(str, tables))
    assert answer(filled, "DESCRIBE user_interactions")[0][:2] == ["id", "VARCHAR"]
    assert "6 rows" in str(answer(filled, "EXPLAIN ANALYZE SELECT count(*) FROM user_interactions"))


def test_unknown_names_are_answered_with_the_known_ones(filled: Filled) -> None:
    assert "models, notifications" in refusal(filled, "SELECT * FROM orders")
    reason = refusal(filled, "SELECT revenue FROM user_interactions")
    assert "revenue" in reason
    assert "Columns of user_interactions: id, source, type" in reason


def test_a_long_answer_is_cut_and_says_so(filled: Filled) -> None:
    engine = Engine(filled.log, Limits(rows=1000))
    endless = engine.run("SELECT * FROM range(1_000_000_000_000)", tenant="demo")
    assert (endless.table.num_rows, endless.truncated) == (1000, True)
    assert endless.elapsed_ms < 20_000
    exact = engine.run("SELECT * FROM range(1000)", tenant="demo")
    assert (exact.table.num_rows, exact.truncated) == (1000, False)
    assert engine.run("FROM range(9)", tenant="demo", rows=4).table.num_rows == 4
    wide = Engine(filled.log, Limits(result_bytes=1 << 20)).run(
        "SELECT repeat('x', 1000) FROM range(9999)", tenant="demo"
    )
    assert wide.truncated
    assert wide.table.num_rows < 9999


def test_a_long_query_is_interrupted(filled: Filled) -> None:
    sql = "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b WHERE a.range % 7 = b.range % 11"
    assert "ran longer than 0.3 s" in refusal(filled, sql, Limits(seconds=0.3))
    assert threading.active_count() < 20


def test_time_that_is_over_before_a_statement_begins_ends_it_all_the_same(filled: Filled) -> None:
    sql = "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b WHERE a.range % 7 = b.range % 11"
    with Engine(filled.log, Limits(seconds=0.3)).open(tenant="demo") as session:
        sleep(0.6)
        with pytest.raises(Rejected, match="ran longer"):
            session.run(sql)


def test_time_that_is_over_in_the_middle_of_the_rows_is_told_so_too(filled: Filled) -> None:
    sql = "SELECT n FROM range(1000000000000) AS numbers(n) WHERE n < 5000 OR n < 0"
    assert "ran longer than 0.3 s" in refusal(filled, sql, Limits(seconds=0.3))


def test_a_large_query_is_refused(filled: Filled) -> None:
    sql = "SELECT list(a.range) FROM range(100_000_000) a"
    assert "more than 64 MiB of memory" in refusal(filled, sql, Limits(memory_bytes=64 << 20))


def test_values_are_json(filled: Filled) -> None:
    sql = """SELECT 9007199254740993, sum(x)::HUGEINT, 1.50::DECIMAL(9,2), 'nan'::DOUBLE, DATE '2026-01-31',
      TIMESTAMPTZ '2026-01-31 10:00:00.5+01', [1, NULL], {'a': DATE '2026-01-31'}, 'ab'::BLOB, '\\xFF'::BLOB
      FROM (VALUES (2)) t(x)"""
    assert answer(filled, sql) == [
        [
            9007199254740993,
            2,
            "1.50",
            None,
            "2026-01-31",
            "2026-01-31T09:00:00.500000Z",
            [1, None],
            {"a": "2026-01-31"},
            "ab",
            "base64:/w==",
        ]
    ]


def test_times_that_are_far_away_are_told_as_text(filled: Filled) -> None:
    sql = """SELECT t, timestamptz 'infinity' AS never, date '-infinity' AS always, [t, null] AS list,
        {'d': date '20000-01-01'} AS o
        FROM (VALUES (timestamp '2020-01-01'), (timestamp '294246-01-01 00:00:01'), (null)) AS times(t)"""
    said = answer(filled, sql)
    assert [row[0] for row in said] == ["2020-01-01T00:00:00", "294246-01-01T00:00:01.000000", None]
    assert said[0][1:3] == ["infinity", "-infinity"]
    assert said[1][3] == ["294246-01-01T00:00:01.000000", None]
    assert said[2][4] == {"d": "20000-01-01"}


@pytest.mark.parametrize("sql", ["", "  \n", ";"])
def test_an_empty_statement_is_refused_by_every_way_in(filled: Filled, sql: str) -> None:
    assert "send one SELECT" in refusal(filled, sql)
    with pytest.raises(Rejected, match="send one SELECT"):
        AnalyticsOptimizer(filled.log, "demo").sql(sql)


def test_a_corrupt_log_is_not_the_callers_fault(filled: Filled) -> None:
    class Torn(SqliteLog):
        def read(self, stream: str, producer: str, after: int, max_bytes: int) -> Sequence[object]:  # type: ignore[override]
            raise Corrupt("the chain hash does not agree")

    torn = Torn(filled.log._cells_dir.parent, doorbell=False)
    with pytest.raises(Corrupt, match="chain hash"):
        Engine(torn).run("SELECT count(*) FROM user_interactions", tenant="demo")


def test_the_newest_rows_come_in_commit_order_and_pages_follow_on(filled: Filled) -> None:
    filled.put("demo/user_interactions/1", USER_INTERACTIONS, 1, id="z", time=0)
    for i in range(9):
        filled.commit("demo/user_interactions/0", Output("user_interactions", EMPTY, watermark=i))
    history = History(filled.log, "demo")
    newest = history.last("user_interactions", 3)
    assert newest.rows["id"].to_pylist() == ["b1", "a2", "b2"]  # z was committed at its own producer's beginning
    first = history.after("user_interactions", "demo/user_interactions/0", 0, 5)
    rest = history.after("user_interactions", "demo/user_interactions/0", first.next["demo/user_interactions/0"], 5)
    assert first.rows["id"].to_pylist() + rest.rows["id"].to_pylist() == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert rest.next == {"demo/user_interactions/0": 15}


def test_no_column_needs_quotes(filled: Filled) -> None:
    words = duckdb.connect().execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
    )
    reserved = {word for (word,) in words.fetchall()}
    for stream in STREAMS:
        names = columns_of(stream).names
        assert not reserved & set(names), stream
        assert len(set(names)) == len(names), stream
        assert answer(filled, f"SELECT {', '.join(names)} FROM {stream} ORDER BY {names[-2]}") is not None


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("user_interaction", "user_interactions"), ("metric_latest", "metrics_latest"), ("Alert", "alerts")],
)
def test_a_table_that_is_not_there_brings_one_of_ours_to_mind(filled: Filled, wrong: str, right: str) -> None:
    said = refusal(filled, f"SELECT * FROM {wrong}")
    assert f"did you mean {right!r}?" in said
    assert "pg_" not in said
    assert "duckdb_" not in said
