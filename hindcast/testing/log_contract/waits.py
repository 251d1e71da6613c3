"""What a log promises of waiting for a commit, and of its end."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from events.log import EventLog
from hindcast.testing.log_words import CELL, STREAMS, Writer, tick

SOURCE = ("clock", CELL)


def test_waiting_ends_at_once_where_there_is_something(log: EventLog) -> None:
    Writer(log).commit(tick(3))
    assert log.wait({SOURCE: 2}, 10)
    assert log.wait({("clock", "demo/nobody/0"): 0, SOURCE: 0}, 10)


def test_waiting_for_nothing_new_ends_after_the_time(log: EventLog) -> None:
    Writer(log).commit(tick(3))
    start = monotonic()
    assert not log.wait({SOURCE: 3}, 0.1)
    assert not log.wait({}, 0.05)
    assert 0.15 <= monotonic() - start < 2


def test_a_commit_wakes_every_thread_that_waits_for_it(log: EventLog) -> None:
    writer = Writer(log)
    woken: dict[str, float] = {}

    def wait(name: str, cell: str, timeout_s: float) -> None:
        if log.wait({("clock", cell): 0}, timeout_s):
            woken[name] = monotonic()

    waits = [("a", CELL, 10), ("b", CELL, 10), ("c", CELL, 10), ("other", "demo/nobody/0", 0.6)]
    threads = [threading.Thread(target=wait, args=args) for args in waits]
    for thread in threads:
        thread.start()
    threads[-1].join(0.3)
    committed = monotonic()
    writer.commit(tick())
    for thread in threads:
        thread.join()
    assert sorted(woken) == ["a", "b", "c"]
    assert max(woken.values()) - committed < 0.2


def test_a_closed_log_takes_nothing_more(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick())
    log.close()
    with pytest.raises(RuntimeError):
        writer.commit(tick())
    with pytest.raises(RuntimeError):
        log.acquire(CELL, STREAMS)
