"""Databases that are polled: each row once, late commits included, over restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from actors.parts import Within
from actors.source import Source
from events.collected import BUSINESS_EVENTS
from events.errors import Rejected, Transient
from hindcast.testing import keeps_the_source_rules
from serve.sources import polling
from serve.sources.sql import KIND
from serve.sources.sql_settings import SqlSection
from tests.postgres import MISSING, postgres

NOW = 1_795_495_200_000_000  # 2026-11-24T04:40:00Z


class Polled:
    """A table that is polled; every read is committed."""

    def __init__(self, folder: Path, url: str, allowed: tuple[str, ...] = (), **said: Any) -> None:
        options = {"url": url, "table": "orders", "cursor": "changed", "id": "id", "type": "order.changed", **said}
        self.section = SqlSection.model_validate(options)
        self.now = NOW
        within = Within("t", folder, 0, folder, allowed)
        self.make: Callable[[], Source] = lambda: KIND.source(self.section, "shop", within)(lambda: self.now)
        self.reader = self.make().open(None)
        self.position: bytes | None = None
        self.notes: list[str] = []
        self.refused: list[tuple[str, str]] = []

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            read = self.reader.read()
            self.position = read.position or self.position
            self.notes += [read.note] if read.note else []
            self.refused += [(r["field"], r["reason"]) for r in read.refused.to_pylist()] if read.refused else []
            found += read.rows.to_pylist()
            if read.wake_at_us is not None:
                return found

    def ids(self) -> list[str]:
        return [row["id"].partition("@")[0] for row in self.rows()]

    def restart(self) -> None:
        self.reader.close()
        self.reader = self.make().open(self.position)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    with engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE orders (id INTEGER, changed TEXT, revenue NUMERIC, currency TEXT, who TEXT)")
        )
    yield engine
    engine.dispose()


def put(engine: sa.Engine, *orders: tuple[int, str], **more: Any) -> None:
    values = {"revenue": 12.5, "currency": "EUR", "who": "ada", **more}
    with engine.begin() as connection:
        for id, changed in orders:
            said = sa.text("INSERT INTO orders VALUES (:id, :changed, :revenue, :currency, :who)")
            connection.execute(said, {"id": id, "changed": changed, **values})


def at(second: int) -> str:
    return f"2026-11-23 10:{second // 60:02}:{second % 60:02}"


def of(tmp_path: Path, **said: Any) -> Polled:
    return Polled(tmp_path, f"sqlite:///{tmp_path}/shop.db", **said)


def test_rows_are_mapped_and_their_money_is_read(shop: sa.Engine, tmp_path: Path) -> None:
    put(shop, (1, at(0)))
    (row,) = of(tmp_path, time="changed", zone="Europe/Berlin", subject="who").rows()
    assert (row["type"], row["subject"], row["amount"], row["currency"]) == ("order.changed", "ada", 1250, "EUR")
    assert row["time"] == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert row["id"] == f"1@{at(0)}"


def test_a_row_that_is_committed_late_is_not_skipped(shop: sa.Engine, tmp_path: Path) -> None:
    put(shop, (1, at(0)), (2, at(50)), (3, at(100)))
    polled = of(tmp_path)
    assert polled.ids() == ["1", "2", "3"]
    put(shop, (4, at(60)), (5, at(101)))
    polled.restart()
    assert polled.ids() == ["4", "5"]
    put(shop, (6, at(99)))
    assert polled.ids() == ["6"]
    put(shop, (7, "2026-11-23 09:59:00"))
    assert polled.ids() == [], "it is older than the overlap, and than all that was settled"


def test_numbers_overlap_too(shop: sa.Engine, tmp_path: Path) -> None:
    put(shop, *((n, "") for n in (1, 2, 5, 9)))
    polled = of(tmp_path, cursor="id", overlap_ids=5)
    assert polled.ids() == ["1", "2", "5", "9"]
    put(shop, (7, ""), (0, ""), (10, ""))
    polled.restart()
    assert polled.ids() == ["7", "10"]


def test_a_row_that_changed_comes_again(shop: sa.Engine, tmp_path: Path) -> None:
    put(shop, (1, at(0)))
    polled = of(tmp_path)
    assert polled.ids() == ["1"]
    with shop.begin() as connection:
        connection.execute(sa.text("UPDATE orders SET revenue = 9, changed = :at"), {"at": at(5)})
    assert [(row["id"], row["amount"]) for row in polled.rows()] == [(f"1@{at(5)}", 900)]


def test_every_place_can_be_gone_on_from(shop: sa.Engine, tmp_path: Path) -> None:
    put(shop, *((n, at(n // 3)) for n in range(40)))
    found = keeps_the_source_rules(of(tmp_path, batch=7, overlap_s=3).make, BUSINESS_EVENTS)
    assert len(found) == 40


def test_rows_of_one_time_without_end_are_all_read(
    shop: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "KEPT", 20)
    put(shop, *((n, at(7)) for n in range(100)))
    polled = of(tmp_path, batch=9)
    found = polled.ids()
    assert (len(found), len(set(found))) == (100, 100)
    assert "Make the overlap shorter" in polled.notes[0]
    polled.restart()
    put(shop, (100, at(7)))
    assert polled.ids() == ["100"]


def test_a_row_from_the_future_hides_none_that_come_after_it(shop: sa.Engine, tmp_path: Path) -> None:
    polled = of(tmp_path)
    put(shop, (1, "2126-01-01 00:00:00"), (2, "2026-11-23 17:59:00"))
    assert polled.ids() == ["2", "1"]
    put(shop, (3, "2026-11-23 17:59:30"))
    assert polled.ids() == ["3"]


def test_a_query_instead_of_a_table(shop: sa.Engine, tmp_path: Path) -> None:
    put(shop, (1, at(0)), (2, at(1)))
    query = "SELECT id, changed, revenue * 2 AS revenue FROM orders WHERE id > 1;"
    (row,) = of(tmp_path, table=None, query=query, value="revenue").rows()
    assert row["value"] == 25


def test_nothing_is_written_and_no_database_is_made(shop: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="unable to open database file"):
        Polled(tmp_path, f"sqlite:///{tmp_path}/other.db").rows()
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"table": "odrers"}, "no such table: odrers"),
        ({"cursor": "chnaged"}, "no such column: chnaged"),
        ({"cursor": "who"}, "must be a number or a time, got 'ada'"),
    ],
)
def test_what_fails_is_said(shop: sa.Engine, tmp_path: Path, said: dict[str, Any], message: str) -> None:
    put(shop, (1, at(0)))
    with pytest.raises((Transient, Rejected), match=message):
        of(tmp_path, **said).rows()


def test_money_that_cannot_be_read_is_told_of_and_costs_no_row(shop: sa.Engine, tmp_path: Path) -> None:
    put(shop, (1, at(0)), currency="coins")
    polled = of(tmp_path)
    assert [row["amount"] for row in polled.rows()] == [None]
    assert "in 1 rows money is not as it should be, in the first one currency" in polled.notes[0]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"url": "postgresql://a:b@c/d"}, "has a password in it"),
        ({"url": "shop.db"}, "is no URL of a database"),
        ({"table": None}, "say either `table` or `query`"),
        ({"cursor": "a; DROP TABLE x"}, "should match pattern"),
    ],
)
def test_a_mistake_in_the_definition_is_refused(tmp_path: Path, said: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Polled(tmp_path, **{"url": "sqlite:////srv/shop.db", **said})


def test_a_database_at_a_private_address_is_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"name 127\.0\.0\.1 in `fetching\.allow_private`"):
        Polled(tmp_path, "postgresql+psycopg://shop@127.0.0.1:1/x").rows()


@pytest.mark.skipif(bool(MISSING), reason=str(MISSING))
def test_a_real_postgresql_with_commits_that_overtake_each_other(tmp_path: Path) -> None:
    with postgres() as url:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            columns = "id bigserial, changed timestamptz DEFAULT now(), revenue numeric(12,3), currency text"
            connection.execute(sa.text(f"CREATE TABLE orders ({columns})"))
        put_one = sa.text("INSERT INTO orders (revenue, currency) VALUES (0.105, 'KWD')")
        polled = Polled(tmp_path, url, ("localhost",), time="changed")
        polled.now = int(datetime.now(UTC).timestamp() * 1e6)
        slow = engine.connect()
        slow.execute(put_one)  # takes its number and its time now, and commits last
        with engine.begin() as connection:
            connection.execute(put_one)
            connection.execute(put_one)
        assert polled.ids() == ["2", "3"]
        slow.commit()
        slow.close()
        polled.restart()
        (late,) = polled.rows()
        assert (late["id"].partition("@")[0], late["amount"], late["currency"]) == ("1", 105, "KWD")
        assert '"revenue":0.105' in late["properties"]
        by_number = Polled(tmp_path, url, ("localhost",), cursor="id")
        assert sorted(by_number.ids()) == ["1", "2", "3"]
        with pytest.raises(Transient, match="read-only transaction"):
            query = "SELECT id, changed, nextval('orders_id_seq') AS n FROM orders"
            Polled(tmp_path, url, ("localhost",), table=None, query=query).rows()
        engine.dispose()
