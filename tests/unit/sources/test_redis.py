"""Redis streams, each entry once, gaps said; and channels, which say what is now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import ValidationError

from actors.parts import Within
from actors.source import Source
from events.collected import BUSINESS_EVENTS
from events.errors import Rejected, Transient
from hindcast.testing import keeps_the_source_rules
from serve.sources.redis import KIND
from serve.sources.redis_settings import RedisSection
from tests.running import free_port
from tests.servers import RedisServer

NOW = 1_895_495_200_000_000
names = (f"s{n}" for n in range(10_000))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    server = RedisServer(port=free_port(), password="pw", appendonly="no")
    yield server
    server.close()


class Kept:
    """A new stream of the server, and a source that reads it."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.server, self.folder, self.name = server, folder, next(names)
        self.client: redis.Redis = server.client()
        (folder / "pw").write_text("pw\n")

    def put(self, *entries: dict[str, str], id: str = "*") -> None:
        for entry in entries:
            self.client.xadd(self.name, entry, id)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def source(self, **said: Any) -> Callable[[], Source]:
        asked: dict[str, Any] = {"url": f"redis://127.0.0.1:{self.server.port}", "password": "file:pw", **said}
        if "channels" not in asked:
            asked = {"streams": [self.name], **asked}
        within = Within("t", self.folder, 0, self.folder, ("127.0.0.1",))
        return lambda: KIND.source(RedisSection.model_validate(asked), "shop", within)(lambda: NOW)


@pytest.fixture
def kept(server: RedisServer, tmp_path: Path) -> Kept:
    return Kept(server, tmp_path)


def test_each_entry_is_a_row_wherever_the_reader_is_thrown_away(kept: Kept) -> None:
    kept.put(*({"n": str(n)} for n in range(25)))
    found = keeps_the_source_rules(kept.source(batch=7, value="n"), BUSINESS_EVENTS, of=("id", "value"))
    assert [value for _, value in found] == list(range(25))


def test_an_entry_has_the_time_of_its_id_and_all_its_fields(kept: Kept) -> None:
    kept.put({"who": "ada", "revenue": "3.50", "currency": "COP"}, id="1795495100000-0")
    (row,) = kept.source(subject="who", type="order.paid")().open(None).read().rows.to_pylist()
    assert row["time"].timestamp() == 1_795_495_100
    assert (row["subject"], row["id"]) == ("ada", f"{kept.name}/1795495100000-0")
    assert json.loads(row["properties"]) == {"who": "ada", "revenue": "3.50", "currency": "COP"}


def test_a_field_may_have_the_value_in_a_format(kept: Kept) -> None:
    kept.put({"data": '{"n": 3}'}, {"other": "x"})
    read = kept.source(field="data", value="n")().open(None).read()
    assert read.rows.column("value").to_pylist() == [3.0]
    assert read.refused is not None
    assert "is no JSON" in read.refused.to_pylist()[0]["reason"]


def test_entries_that_were_trimmed_unread_are_said(kept: Kept) -> None:
    kept.put(*({"n": str(n)} for n in range(5)))
    reader = kept.source(batch=2, value="n")().open(None)
    position = reader.read().position
    reader.close()
    kept.client.xtrim(kept.name, maxlen=1, approximate=False)
    with pytest.raises(Rejected, match=r"2 entries after .* were deleted before they were read"):
        kept.source(value="n")().open(position).read()
    read = kept.source(value="n", gap="skip")().open(position).read()
    assert read.rows.column("value").to_pylist() == [4.0]
    assert "it goes on with what is there" in read.note
    kept.put({"n": "9"})
    later = kept.source(value="n")().open(read.position).read()
    assert later.rows.column("value").to_pylist() == [9.0], "the gap is said once"


def test_what_was_read_may_be_trimmed(kept: Kept) -> None:
    kept.put(*({"n": str(n)} for n in range(5)))
    reader = kept.source(value="n")().open(None)
    assert reader.read().rows.num_rows == 5
    kept.client.xtrim(kept.name, maxlen=0, approximate=False)
    assert reader.read().rows.num_rows == 0
    kept.put({"n": "6"})
    assert reader.read().rows.column("value").to_pylist() == [6.0]


def test_a_stream_that_was_made_anew_is_said(kept: Kept) -> None:
    kept.put({"n": "1"}, {"n": "2"})
    position = kept.source()().open(None).read().position
    kept.client.delete(kept.name)
    kept.put({"n": "3"}, id="5-0")
    with pytest.raises(Rejected, match="made anew since it was read"):
        kept.source()().open(position).read()
    read = kept.source(gap="skip", value="n")().open(position).read()
    assert read.rows.column("value").to_pylist() == [3.0]


def test_a_start_at_the_latest_misses_nothing_from_then_on(kept: Kept) -> None:
    kept.put({"n": "1"})
    make = kept.source(start="latest", value="n")
    position = make().open(None).read().position
    kept.put({"n": "2"})
    assert make().open(position).read().rows.column("value").to_pylist() == [2.0]


def test_a_stream_that_is_not_there_yet_is_waited_for(kept: Kept) -> None:
    reader = kept.source(value="n")().open(None)
    assert reader.read().rows.num_rows == 0
    kept.put({"n": "1"})
    assert reader.read().rows.column("value").to_pylist() == [1.0]


def test_channels_bring_what_is_published_while_they_are_listened_to(kept: Kept) -> None:
    reader = kept.source(channels=["orders"], value="n")().open(None)
    reader.read()
    assert kept.client.publish("orders", '{"n": 4}') == 1
    found: list[Any] = []
    for _ in range(60):
        read = reader.read()
        assert read.position is None
        found += read.rows.to_pylist()
        if found:
            break
    assert [(row["value"], row["subject"]) for row in found] == [(4.0, "orders")]
    reader.close()


def test_a_wrong_password_and_a_server_that_is_away_are_errors_that_say_so(kept: Kept) -> None:
    (kept.folder / "wrong").write_text("no")
    with pytest.raises(Transient, match="invalid username-password"):
        kept.source(password="file:wrong")().open(None).read()
    with pytest.raises(Transient, match=r"redis://127\.0\.0\.1:9: "):
        kept.source(url="redis://127.0.0.1:9")().open(None).read()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "say either `streams` or `channels`"),
        ({"streams": ["a"], "channels": ["b"]}, "say either `streams` or `channels`"),
        ({"streams": ["a"], "format": "avro", "avro": {}}, "needs `field`"),
        ({"streams": ["a"], "url": "redis://:pw@h"}, "pattern"),
    ],
)
def test_settings_that_cannot_be_are_refused(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        RedisSection.model_validate({"url": "redis://h", **said})
