"""Queries in processes of their own: each ends, whatever it does, and takes nothing else with it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

import psutil
import pytest

from events.errors import Rejected, Transient
from events.sqlite_log import SqliteSpec
from query.answers import Answer
from query.apart.deeds import statement
from query.apart.pool import Nursery, Pool
from query.bounds import Limits, Stop, Stopped
from query.history import Withheld
from query.optimizing.optimizer import AnalyticsOptimizer
from tests.unit.query.deeds import a_fault, ends_by_itself, whoami, wide
from tests.unit.query.questions.words import DAY, Shop

NEVER = "SELECT levenshtein(repeat('ab', 200_000), repeat('ba', 200_000))"
"""One function that DuckDB does not interrupt."""


@pytest.fixture(scope="module")
def nursery() -> Generator[Nursery]:
    made = Nursery()
    yield made
    made.end()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.did(("ada", "page", DAY), ("bob", "page", 2 * DAY))
    return shop


@pytest.fixture
def pool(shop: Shop, tmp_path: Path, nursery: Nursery) -> Generator[Pool]:
    made = Pool(
        SqliteSpec(tmp_path), "shop", Limits(seconds=60.0, memory_bytes=128 << 20, result_bytes=64 << 20), nursery
    )
    yield made
    made.close()


def asked(pool: Pool, sql: str, **more: object) -> Answer:
    return pool.do(partial(statement, sql=sql), **more)  # type: ignore[arg-type]


def test_a_query_is_answered_as_in_this_process_and_reads_what_came_since(pool: Pool, shop: Shop) -> None:
    count = "SELECT count(*) FROM user_interactions"
    assert asked(pool, count).rows() == [[2]]
    shop.did(("cem", "page", 3 * DAY))
    assert asked(pool, count).rows() == [[3]]
    assert pool.do(whoami) == pool.do(whoami) != os.getpid()  # one after the other share a process
    assert pool.do(wide).equals(wide(None))  # type: ignore[arg-type]


def test_what_a_query_raises_is_raised_here(pool: Pool) -> None:
    with pytest.raises(Rejected, match="There is no table 'orders'"):
        asked(pool, "SELECT * FROM orders")
    with pytest.raises(Withheld, match="scope admin"):
        asked(pool, "SELECT * FROM control")
    with pytest.raises(ZeroDivisionError, match="ours"):
        pool.do(a_fault)


def test_a_query_that_cannot_be_interrupted_ends_at_its_limit_of_time(pool: Pool) -> None:
    running = pool.do(whoami)
    began = time.monotonic()
    with pytest.raises(Rejected, match=r"ran longer than 0.5 s; ask for less time"):
        asked(pool, NEVER, limits=Limits(seconds=0.5))
    assert time.monotonic() - began < 15
    assert not psutil.pid_exists(running)
    assert asked(pool, "SELECT 1").rows() == [[1]]


def test_a_query_ends_when_nobody_waits_any_more(pool: Pool) -> None:
    stop, ended = Stop(), threading.Event()

    def ask() -> None:
        with pytest.raises(Stopped):
            asked(pool, NEVER, stop=stop)
        ended.set()

    running = pool.do(whoami)
    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    stop.now()
    assert ended.wait(30)
    asking.join()
    assert not psutil.pid_exists(running)


def test_a_query_that_needs_too_much_memory_is_refused_wherever_it_needs_it(pool: Pool) -> None:
    for sql in ("SELECT length(repeat('x', 3_000_000_000))", "SELECT list(range) FROM range(100_000_000)"):
        with pytest.raises(Rejected, match="needs more than 128 MiB of memory"):
            asked(pool, sql)
    assert asked(pool, "SELECT 1").rows() == [[1]]


def test_a_process_that_dies_is_said_so_and_the_next_query_has_another(pool: Pool) -> None:
    with pytest.raises(Transient, match="ended before it answered"):
        pool.do(ends_by_itself)
    idle = pool.do(whoami)
    os.kill(idle, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(idle)], timeout=0.2)
    assert pool.do(whoami) != idle


def test_no_process_outlives_whoever_started_it(shop: Shop, tmp_path: Path) -> None:
    nursery = Nursery()
    pool = Pool(SqliteSpec(tmp_path), "shop", nursery=nursery)
    running = pool.do(whoami)
    nursery.end()
    deadline = time.monotonic() + 60
    while psutil.pid_exists(running) and psutil.Process(running).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert pool.do(whoami) != running  # another nursery is started
    pool.close()
    nursery.end()


def test_statements_are_read_in_the_other_process_too_and_known_answers_here(
    pool: Pool, shop: Shop, tmp_path: Path, nursery: Nursery
) -> None:
    optimizer = AnalyticsOptimizer(shop.log, "shop", doer=pool)
    sql = "SELECT count(*) AS n FROM user_interactions"
    assert [optimizer.sql(sql).way for _ in range(2)] == ["optimized", "cached"]
    constant = f"{NEVER} FROM user_interactions"
    hasty = Pool(SqliteSpec(tmp_path), "shop", Limits(seconds=0.5), nursery)
    with pytest.raises(Rejected, match=r"ran longer than 0.5 s"):
        AnalyticsOptimizer(shop.log, "shop", doer=hasty).sql(constant)
    hasty.close()
