"""Whose a name space is, and where a directory's log is."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.sections import LogBounds
from events.errors import Rejected
from hindcast.log_place import Place, log_in, log_of, wanted
from hindcast.testing.log_words import Writer, tick, times
from tests.logs.test_redis_place import held
from tests.servers import RedisServer

pytestmark = pytest.mark.slow


@pytest.fixture
def shared() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


def test_two_systems_share_a_server_but_no_name_space(shared: RedisServer, tmp_path: Path) -> None:
    one = held(tmp_path / "one", LogBounds(place=shared.url))
    Writer(one.take().open()).commit(tick(1))
    two = held(tmp_path / "two", LogBounds(place=shared.url))
    with pytest.raises(Rejected, match=r"holds the log of the system on .*/one of .*choose another log\.name") as told:
        two.take()
    assert told.value.field == "log.name"
    other = held(tmp_path / "two", LogBounds(place=shared.url, name="two"))
    log = other.take().open()
    assert list(log.cells()) == []
    log.close()
    other.end()
    one.end()


def test_a_copy_of_a_directory_may_not_run_beside_it(shared: RedisServer, tmp_path: Path) -> None:
    one = held(tmp_path / "one", LogBounds(place=shared.url))
    one.take()
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    copy = held(tmp_path / "copy", LogBounds())
    with pytest.raises(Rejected, match=r"is in use by the system on .*/one of .*, of which this directory is a copy"):
        copy.take()
    copy.end()
    one.end()
    moved = held(tmp_path / "copy", LogBounds())  # the first one has stopped: it may go on there
    moved.take()
    moved.end()


def test_a_killed_system_starts_again_at_once(shared: RedisServer, tmp_path: Path) -> None:
    held(tmp_path, LogBounds(place=shared.url)).take()  # it is killed: it never says that it ends
    again = held(tmp_path, LogBounds())
    again.take()
    again.end()


def test_the_log_of_a_lost_directory_is_taken_over_by_its_identity(shared: RedisServer, tmp_path: Path) -> None:
    lost = held(tmp_path / "lost", LogBounds(place=shared.url))
    Writer(lost.take().open()).commit(tick(2))
    lost.end()
    new = held(tmp_path / "new", LogBounds(place=shared.url))
    with pytest.raises(Rejected, match="If that directory is lost") as told:
        new.take()
    identity = str(told.value).partition("lost, write ")[2].split()[0]
    (tmp_path / "new" / "generation").write_text(identity)
    again = held(tmp_path / "new", LogBounds(place=shared.url))
    assert times(again.take().open()) == [0, 1]
    again.end()


def test_a_server_that_lost_the_log_is_not_taken_for_a_new_one(shared: RedisServer, tmp_path: Path) -> None:
    hold = held(tmp_path, LogBounds(place=shared.url))
    hold.take()
    hold.end()
    with shared.client() as client:
        client.flushall()
    with pytest.raises(Rejected, match="has no log, or lost it"):
        held(tmp_path, LogBounds()).take()


def test_a_server_that_deletes_what_it_has_no_room_for_is_refused(shared: RedisServer, tmp_path: Path) -> None:
    with shared.client() as client:
        client.config_set("maxmemory", 1 << 30)
        client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(Rejected, match="set it to noeviction"):
        held(tmp_path, LogBounds(place=shared.url)).take()


def test_the_directory_remembers_where_its_log_is(shared: RedisServer, tmp_path: Path) -> None:
    hold = held(tmp_path, LogBounds(place=shared.url, name="shop", password=""))
    Writer(hold.take().open()).commit(tick(2))
    hold.end()
    assert stat.S_IMODE((tmp_path / "log.json").stat().st_mode) == 0o600
    log = log_in(tmp_path).open(woken=False)
    assert times(log) == [0, 1]
    log.close()
    assert wanted(LogBounds(), tmp_path) == Place(shared.url, "shop")
    for other in (LogBounds(place="sqlite"), LogBounds(place="valkey"), LogBounds(place=shared.url, name="other")):
        with pytest.raises(Rejected, match="hindcast migrate"):
            wanted(other, tmp_path)
    moved = wanted(LogBounds(place="redis://elsewhere:6379", name="shop"), tmp_path)  # the same log, at another address
    assert moved.place == "redis://elsewhere:6379"
    (tmp_path / "log.json").write_text(json.dumps({"where": "?"}))
    with pytest.raises(Rejected, match=r"log\.json cannot be read"):
        log_of(tmp_path)


def test_a_directory_with_a_log_in_files_is_not_left_behind(tmp_path: Path) -> None:
    log = log_of(tmp_path).open()
    Writer(log).commit(tick(1))
    log.close()
    with pytest.raises(Rejected, match=r"is in sqlite; .*hindcast migrate"):
        wanted(LogBounds(place="valkey"), tmp_path)
    assert wanted(LogBounds(place="sqlite"), tmp_path) == wanted(LogBounds(), tmp_path) == Place()
