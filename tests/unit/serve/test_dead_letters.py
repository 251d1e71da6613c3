"""Refused events, mended and recorded after all: each once, however often that is asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.cell import Cell
from actors.collectors.arrivals import Arrivals
from actors.collectors.push import user_interactions
from events.errors import Rejected
from events.sqlite_log import SqliteLog
from query.apart.desk import Here
from query.engine import Engine
from serve.batching import Committed
from serve.ingest import AHEAD_US, decode_event, decode_segment, mending
from serve.interactions import dead_letters
from serve.replaying import Wanted, letters, mend, replay

NOW = 1_780_000_000_000_000


class Shop:
    """A collector's cell on a log of its own, as the gateway sees it."""

    def __init__(self, folder: Path) -> None:
        self.log = SqliteLog(folder, doorbell=False)
        self.cell: Cell[Any] = Cell(user_interactions(least=1_000), self.log, tenant="shop", now=lambda: NOW)
        self.cell.recover()
        self.fails = 0

    async def push(self, batch: Any, refused: Any) -> Committed:
        if refused is not None and self.fails:
            self.fails -= 1
            raise ConnectionError("the host is gone")
        fold: Any = self.cell.fold
        verdict = self.cell.record(lambda state: fold.admit(state, Arrivals(batch, refused)))
        return Committed(np.asarray(verdict, np.uint8), 0)

    def sent(self, *events: dict[str, Any]) -> None:
        for event in events:
            found = decode_event(json.dumps(event).encode(), NOW, "website")
            asyncio.run(self.push(found.batch, dead_letters(found.refused, NOW, "website") if found.refused else None))

    def listed(self, **wanted: Any) -> list[Any]:
        return letters(Here(self.log, "shop"), Wanted(**wanted), 100)[0]

    def replay(self, changes: dict[str, str], **wanted: Any) -> tuple[int, int, list[tuple[str, str]]]:
        mended = [mend(one, changes, "somebody", NOW, AHEAD_US) for one in self.listed(**wanted)]
        accepted, duplicate, refused = asyncio.run(replay(self, mended, NOW))
        return accepted, duplicate, [tuple(one.faults[0]) for one in refused]

    def sql(self, text: str) -> list[list[Any]]:
        return Engine(self.log).run(text, tenant="shop").rows()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "log")


RECORDED = "SELECT id, source::VARCHAR, type::VARCHAR, subject, epoch(time) FROM user_interactions ORDER BY 1"


def test_a_refused_event_is_listed_mended_and_recorded_once(shop: Shop) -> None:
    shop.sent(
        {"type": "order", "subject": "ada", "time": "yesterday", "id": "1", "data": {"when": "2026-03-01T10:00Z"}}
    )
    (letter,) = shop.listed()
    assert (letter.field, letter.source, letter.replayed) == ("time", "website", False)
    assert shop.replay({})[2][0][0] == "time", "not mended, it is refused again, and stays"
    assert shop.replay({"time": "data.when"}) == (1, 0, [])
    assert shop.sql(RECORDED) == [["1", "website", "order", "ada", 1772359200.0]]
    assert shop.listed() == []
    (done,) = shop.listed(replayed=True)
    assert done.replayed
    assert shop.replay({"time": "data.when"}, replayed=True) == (0, 0, [("id", "was replayed already")])
    assert len(shop.sql(RECORDED)) == 1


def test_a_replay_that_broke_off_before_its_mark_records_nothing_twice(shop: Shop) -> None:
    shop.sent({"type": "order", "subject": "ada", "time": "yesterday"})
    shop.fails = 1
    with pytest.raises(ConnectionError):
        shop.replay({"time": "`null`"})
    assert shop.replay({"time": "`null`"}) == (0, 1, [])
    ((id_, *_, at),) = shop.sql(RECORDED)
    assert id_.startswith("dead:shop/user_interactions/0:")
    assert at == NOW / 1e6, "an event that says no time happened when it was sent"
    assert shop.listed() == []


def test_letters_are_chosen_by_field_and_reason(shop: Shop) -> None:
    shop.sent({"type": "a", "time": "x"}, {"subject": "b"}, {"type": "c", "time": "y"})
    assert len(shop.listed(field="time")) == 2
    assert [one.field for one in shop.listed(reason="is required")] == ["type"]
    assert shop.replay({"type": "'b'"}, field="type") == (1, 0, [])
    assert len(shop.listed()) == 2


def test_a_message_of_segment_stays_one(shop: Shop) -> None:
    body = {"type": "track", "userId": "ada", "evnt": "Bought", "messageId": "m", "timestamp": "2026-03-01T10:00:00Z"}
    found = decode_segment("batch", json.dumps({"batch": [body]}).encode(), NOW, "website")
    asyncio.run(shop.push(found.batch, dead_letters(found.refused, NOW, "website")))
    assert shop.replay({"event": "evnt", "evnt": "`null`"}) == (1, 0, [])
    assert shop.sql(RECORDED) == [["m", "website", "Bought", "ada", 1772359200.0]]


def test_what_cannot_be_mended_says_why(shop: Shop) -> None:
    with pytest.raises(Rejected, match=r"set.time: is no JMESPath expression"):
        mending.check({"time": "data["})
    with pytest.raises(Rejected, match="is no JSON"):
        mending.mended(b"{", {})
    with pytest.raises(Rejected, match="has no fields"):
        mending.mended(b'{"data": 3}', {"data.a": "'x'"})
    assert mending.mended(b'{"data": {"a": "7"}}', {"data.b.c": "to_number(data.a)", "data.a": "nothing"}) == {
        "data": {"b": {"c": 7}}
    }
    shop.sent({"type": "a", "id": "1", "subject": "ada", "data": {"n": 1}})
    shop.sent({"type": "a", "id": "1", "subject": "ada", "data": {"n": 2}})
    ((field, reason),) = shop.replay({})[2]
    assert (field, "under an id of its own" in reason) == ("id", True)
