"""Commits wake waiting processes at once; lost bells cost a quarter of a second, never an event."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import monotonic, process_time, sleep

import pytest

from events.doorbell import Doorbell
from events.sqlite_log import SqliteLog
from hindcast.testing.log_words import CELL, Writer, tick

SOURCE = ("clock", CELL)
RUNG_S = 30.0
"""Who is woken this soon was rung for: in these tests the poll looks only every minute, so no busy machine fails them."""
fork = multiprocessing.get_context("fork")


@pytest.fixture
def seldom_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.doorbell.POLL_S", 60.0)


def tell_when_woken(folder: Path, out: Connection, rounds: int) -> None:
    log = SqliteLog(folder)
    for n in range(rounds):
        out.send("waiting")
        log.wait({SOURCE: n, ("clock", "demo/clock/9"): 0}, 120)
        out.send(monotonic())
    log.close()


def delays(folder: Path, log: SqliteLog, rounds: int = 9) -> list[float]:
    """Seconds from the end of a commit here to the waking of another process."""
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=tell_when_woken, args=(folder, there, rounds), daemon=True)
    process.start()
    there.close()
    writer = Writer(log)
    found: list[float] = []
    for _ in range(rounds):
        assert here.recv() == "waiting"
        sleep(0.03)
        writer.commit(tick())
        committed = monotonic()
        found.append(here.recv() - committed)
    process.join(60)
    return found


@pytest.mark.usefixtures("seldom_polled")
def test_a_commit_wakes_another_process_at_once(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path)
    assert median(delays(tmp_path, log)) < RUNG_S
    log.close()


@pytest.mark.usefixtures("seldom_polled")
def test_it_does_so_below_a_path_that_is_too_long_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    log = SqliteLog(folder)
    assert median(delays(folder, log)) < RUNG_S
    log.close()
    assert not list((folder / "bells").iterdir())


@pytest.mark.slow
def test_without_bells_the_poll_finds_it(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path, doorbell=False)
    found = delays(tmp_path, log, 3)
    assert max(found) < 60
    assert not list((tmp_path / "bells").iterdir())
    log.close()


def test_the_bell_of_a_dead_process_is_taken_down(tmp_path: Path) -> None:
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=tell_when_woken, args=(tmp_path, there, 1), daemon=True)
    process.start()
    there.close()
    assert here.recv() == "waiting"
    deadline = monotonic() + 60
    while not list((tmp_path / "bells").glob("*.at")) and monotonic() < deadline:  # before that it is being put up
        sleep(0.005)
    process.kill()
    process.join()
    assert len(list((tmp_path / "bells").iterdir())) == 1
    log = SqliteLog(tmp_path)
    Writer(log).commit(tick())
    assert not list((tmp_path / "bells").iterdir())
    log.close()


@pytest.mark.usefixtures("seldom_polled")
def test_a_ring_for_somebody_else_is_not_looked_into(tmp_path: Path) -> None:
    asked: list[frozenset[str] | None] = []
    bell, other = Doorbell(tmp_path), Doorbell(tmp_path)

    def ready(rung: frozenset[str] | None) -> bool:
        asked.append(rung)
        return rung is not None and "mine" in rung

    thread = threading.Thread(target=bell.wait, args=(ready, 60))
    thread.start()
    until(lambda: len(asked) > 0)
    other.ring("theirs")
    until(lambda: len(asked) > 1)
    other.ring("mine")
    thread.join()
    assert asked[0] is None
    assert frozenset({"theirs"}) in asked
    assert asked[-1] == frozenset({"mine"})
    bell.close()
    other.close()


def until(seen: Callable[[], bool]) -> None:
    deadline = monotonic() + 60
    while not seen():
        assert monotonic() < deadline
        sleep(0.005)


@pytest.mark.usefixtures("seldom_polled")
def test_more_rings_than_the_queue_holds_make_the_waiter_look_at_everything(tmp_path: Path) -> None:
    bell, other = Doorbell(tmp_path), Doorbell(tmp_path)
    bell.wait(lambda _: True, 0)
    for n in range(2_000):
        other.ring(f"demo/clock/{n}")
    asked: list[frozenset[str] | None] = []

    def ready(rung: frozenset[str] | None) -> bool:
        asked.append(rung)
        return len(asked) > 1 and rung is None

    start = monotonic()
    assert bell.wait(ready, 60)
    assert monotonic() - start < RUNG_S
    bell.close()
    other.close()


@pytest.mark.slow
def test_waiting_uses_next_to_no_processor(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path)
    Writer(log).commit(tick())
    threads = [threading.Thread(target=log.wait, args=({SOURCE: 1}, 2)) for _ in range(3)]
    used = process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process_time() - used < 0.5
    log.close()


def test_closing_ends_every_wait(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path)
    Writer(log).commit(tick())
    ended: list[bool] = []
    threads = [threading.Thread(target=lambda: ended.append(log.wait({SOURCE: 1}, 120))) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: bool(list((tmp_path / "bells").glob("*.at"))))  # of the first that waits
    sleep(0.1)
    log.close()
    for thread in threads:
        thread.join(RUNG_S)
    assert ended == [False] * 3


@pytest.mark.usefixtures("seldom_polled")
@pytest.mark.parametrize("readers", [1, 4])
def test_a_listener_that_leaves_hands_the_bell_on(tmp_path: Path, readers: int) -> None:
    """The thread that listened to the socket times out first; the others must still hear the next ring at once."""
    log, other = SqliteLog(tmp_path), SqliteLog(tmp_path)
    writer = Writer(other)
    first = threading.Thread(target=log.wait, args=({SOURCE: 0}, 0.1))
    first.start()
    sleep(0.02)
    woken: list[float] = []

    def wait() -> None:
        assert log.wait({SOURCE: 0}, 60)
        woken.append(monotonic())

    threads = [threading.Thread(target=wait) for _ in range(readers)]
    for thread in threads:
        thread.start()
    first.join()
    sleep(0.03)
    committed = monotonic()
    writer.commit(tick())
    for thread in threads:
        thread.join()
    assert len(woken) == readers
    assert max(woken) - committed < RUNG_S
    assert list((tmp_path / "bells").iterdir())
    log.close()
    other.close()
