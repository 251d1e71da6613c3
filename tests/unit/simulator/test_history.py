"""The demo's past: the same people as live, in the same shape; with a rhythm of its own; brought once, whatever happens."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from events.errors import Rejected
from hindcast.client import Client, columnar
from hindcast.demo import RECORD, past_of
from hindcast.simulator import COURSE, SAAS, events
from hindcast.simulator.bring import bring
from hindcast.simulator.history import History, rows_of
from serve.ingest import decode_import, decode_segment

END = 1_795_000_000_000_000
WEEK_US = 7 * 86_400_000_000
SMALL = History(7, END, 1.0, 60_000)
_MEANING = ("source", "type", "subject", "anonymous_id", "time", "amount", "currency", "value", "properties")


@pytest.fixture(scope="module")
def week() -> pa.Table:
    return pa.concat_tables(table.combine_chunks() for table in SMALL.tables()).unify_dictionaries()


def test_its_rows_are_what_the_door_makes_of_the_sdks_calls() -> None:
    """Live, a platform's calls travel as Segment messages; in the past they are rows. Both mean the same."""
    calls = [event for event, _ in zip(events(3, END), range(3000), strict=False)]
    assert {call.kind for call in calls} == {"track", "page", "identify", "group"}
    named = {"user_id": "userId", "anonymous_id": "anonymousId", "group_id": "groupId"}
    at = datetime.fromtimestamp(END / 1e6, UTC).isoformat()
    for source in (COURSE, SAAS):
        mine = [call for call in calls if call.source == source]
        sent = [
            {"type": call.kind, "messageId": str(n), "timestamp": at}
            | {named.get(name, name): value for name, value in call.kwargs.items()}
            for n, call in enumerate(mine)
        ]
        live = decode_segment("batch", json.dumps({"batch": sent}).encode(), END, source)
        table = rows_of("x", [(END, source, call.kind, call.kwargs) for call in mine])
        (call,) = columnar.import_table("x", table, 0)
        past = decode_import(bytes(call.content or b""), call.content_type, END)
        assert not live.refused
        assert not past.refused
        for one, other in zip(live.batch.to_pylist(), past.batch.to_pylist(), strict=True):
            one["properties"], other["properties"] = json.loads(one["properties"]), json.loads(other["properties"])
            assert {name: one[name] for name in _MEANING} == {name: other[name] for name in _MEANING}


def test_the_same_seed_and_end_give_the_same_rows(week: pa.Table) -> None:
    first = next(SMALL.tables())
    assert first.to_pylist() == week.slice(0, first.num_rows).to_pylist()
    assert next(History(8, END, 1.0, 60_000).tables()).to_pylist() != first.to_pylist()
    ids = week["id"].to_pylist()
    assert len(set(ids)) == len(ids)


def test_it_has_so_many_events_in_order_until_its_end(week: pa.Table) -> None:
    assert 0.8 * SMALL.events < week.num_rows < 1.5 * SMALL.events
    at = week["time"].cast(pa.int64()).to_pylist()
    assert at == sorted(at)
    assert at[0] >= END - WEEK_US
    assert at[-1] < END
    assert END - at[-1] < 3_600_000_000


def test_it_grows_and_has_days_an_outage_and_people_who_leave(week: pa.Table) -> None:
    day = [us // 86_400_000_000 for us in week["time"].cast(pa.int64()).to_pylist()]
    by_day = [day.count(d) for d in sorted(set(day))][1:-1]
    assert by_day[-1] > by_day[0], "the platforms grow"
    types = week["type"].to_pylist()
    assert types.count("Subscription Cancelled") > 0
    assert types.count("Payment Succeeded") > 0
    failed = [us for us, type_ in zip(day, types, strict=True) if type_ == "Api Request Failed"]
    assert max(failed.count(d) for d in set(failed)) > 3 * len(failed) / len(set(failed)), "one day the API was down"


class Door:
    """As much of a client as brings an import; it goes away after ``most`` parts."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.most = 1_000_000
        self.parts = 0
        self.finished = False

    def import_progress(self, name: str) -> Any:
        return {"name": name, "rows": len(self.rows), "accepted": len(self.rows), "finished": self.finished}

    def import_table(self, name: str, table: pa.Table, *, first: int) -> Any:
        assert first == len(self.rows)
        self.parts += 1
        if self.parts > self.most:
            raise Rejected("gone", "away")
        self.rows += table["id"].to_pylist()

    def finish_import(self, name: str, rows: int, file: str) -> Any:
        assert rows == len(self.rows)
        self.finished = True


def test_what_was_broken_off_goes_on_and_a_second_time_adds_nothing(week: pa.Table) -> None:
    door = Door()
    door.most = 1
    with pytest.raises(Rejected):
        bring(SMALL, cast(Client, door), lambda: False)
    door.rows = door.rows[:12_345]  # a part may be split on its way
    door.most = 1_000_000
    assert bring(SMALL, cast(Client, door), lambda: False) == week.num_rows
    assert door.rows == week["id"].to_pylist()
    parts = door.parts
    assert bring(SMALL, cast(Client, door), lambda: False) == 0
    assert door.parts == parts


def test_it_stops_when_told_to(week: pa.Table) -> None:
    door, asked = Door(), iter([False, True])
    assert bring(SMALL, cast(Client, door), lambda: next(asked, True)) == 0
    assert not door.finished
    assert len(door.rows) < week.num_rows


def test_only_an_empty_directory_gets_a_past_and_keeps_the_one_it_has(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert past_of(data, 7, wanted=False) is None
    assert not data.exists()
    first = past_of(data, 7, wanted=True)
    assert first is not None
    assert (data.stat().st_mode & 0o777, first.weeks) == (0o700, 8)
    assert past_of(data, 9, wanted=True) == first, "a repeated start goes on with what was begun"
    (data / RECORD).write_bytes(b"{")
    with pytest.raises(Rejected, match="remove it"):
        past_of(data, 7, wanted=True)
    (data / RECORD).unlink()
    (data / "generation").write_text("x")
    assert past_of(data, 7, wanted=True) is None, "there is a log already"
