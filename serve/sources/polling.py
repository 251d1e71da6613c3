"""What reads the source ``sql``: rows in the order of the cursor, those of late commits included.

A transaction may commit a row after others that have a larger cursor: a number is given out, and a time taken, before the
commit. So the last stretch below the newest row, the overlap, is asked for again each time, and the rows of it that were
recorded are known by their ids. A position is the row up to which nothing more is expected, and the ids above it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
import sqlalchemy as sa
import xxhash
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from actors.edges.guard import Guard
from actors.edges.secrets import secret_at
from actors.parts import Within
from actors.source import Read
from events.collected import BUSINESS_EVENTS
from events.errors import Rejected, Transient
from serve.sources.gathered import Gathered
from serve.sources.mapping import Mapper
from serve.sources.sql_settings import SqlSection

KEPT = 7_000
"""So many ids fit into a position."""
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}
_TEXT_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d", re.ASCII)


class Place(msgspec.Struct, omit_defaults=True):
    """A position."""

    cursor: tuple[str, str] | None = None
    id: tuple[str, str] | None = None
    """The last row below which all is recorded, each value as its kind and text; None: there is none yet."""
    seen: bytes = b""
    """uint64 each: the rows above it that are recorded."""


class Database:
    """A source of ``business_events``. ``now`` gives microseconds UTC."""

    def __init__(self, said: SqlSection, within: Within, source: str, now: Callable[[], int]) -> None:
        self.said, self.within, self.source, self.now = said, within, source, now

    def open(self, position: bytes | None) -> Poll:
        return Poll(self, msgspec.msgpack.decode(position, type=Place) if position else Place())


class Poll:
    """Asks a database for what is new."""

    def __init__(self, database: Database, place: Place) -> None:
        self._database, self._said, self._place = database, database.said, place
        self._seen: set[int] = set(np.frombuffer(place.seen, np.uint64).tolist())
        self._mapper = Mapper(database.said)
        self._engine: Engine | None = None

    def read(self) -> Read:
        said, now = self._said, self._database.now()
        with self._connected() as connection:
            most = said.batch + len(self._seen)
            found = [dict(row) for row in connection.execute(self._question(most)).mappings()]
        gathered = Gathered(BUSINESS_EVENTS, self._database.source, now)
        keys = [_key(row[said.cursor], row[said.id]) for row in found]
        for row, key in zip(found, keys, strict=True):
            if key not in self._seen:
                name = (
                    str(row[said.id]) if said.id == said.cursor else f"{row[said.id]}@{_written(row[said.cursor])[1]}"
                )
                self._mapper.take(row, gathered, name)
        fresh = len(set(keys) - self._seen)
        self._seen |= set(keys)
        notes = [note for note in (self._settle(found, keys, now), gathered.read_money()) if note]
        wake_at = None if fresh >= said.batch else now + int(said.every_s * 1_000_000)
        return Read(gathered.batch(), self._position(), wake_at, gathered.refused(), note="; ".join(notes))

    def _question(self, most: int) -> sa.Select[Any]:
        said, place = self._said, self._place
        cursor, id = sa.column(said.cursor), sa.column(said.id)
        inner = f"({(said.query or '').rstrip().rstrip(';')})" if said.query else str(self._quoted(said.table or ""))
        asked = sa.select(sa.text("*")).select_from(sa.text(f"{inner} AS hindcast_source"))
        asked = asked.where(cursor.is_not(None), id.is_not(None))
        if place.cursor is not None and place.id is not None:
            at, last = _value(place.cursor), _value(place.id)
            asked = asked.where(sa.or_(cursor > at, sa.and_(cursor == at, id > last)))
        return asked.order_by(cursor, id).limit(most)

    def _quoted(self, table: str) -> str:
        quote_name = self._opened().dialect.identifier_preparer.quote
        return ".".join(quote_name(part) for part in table.split("."))

    def _settle(self, found: list[dict[str, Any]], keys: list[int], now: int) -> str:
        """Move the place up to the last row that is older than the overlap, and forget the ids up to there.

        Where more rows than a position holds are younger than that, it moves further; answers what to say of it.
        """
        if not found:
            return ""
        bound = self._bound(found[-1][self._said.cursor], now)
        settled = 0
        while settled < len(found) and found[settled][self._said.cursor] < bound:
            settled += 1
        beyond = len(self._seen) - settled - KEPT
        note = ""
        if beyond > 0:
            settled = min(settled + beyond, len(found))
            note = (
                f"more than {KEPT:,} rows are younger than the overlap; one that is committed late among the oldest of them "
                "is not seen. Make the overlap shorter"
            )
        if settled:
            last = found[settled - 1]
            self._place.cursor, self._place.id = _written(last[self._said.cursor]), _written(last[self._said.id])
            self._seen -= set(keys[:settled])
        return note

    def _bound(self, newest: Any, now: int) -> Any:
        """The cursor below which no row is expected any more. A time in the future pushes it no further than the present."""
        said = self._said
        length = timedelta(seconds=said.overlap_s)
        present = datetime.fromtimestamp(now / 1e6, UTC)
        if isinstance(newest, datetime):
            limit = present if newest.tzinfo else present.replace(tzinfo=None)
            return min(newest, limit) - length
        if isinstance(newest, date):
            return min(newest, present.date()) - max(length, timedelta(days=1))
        if isinstance(newest, int | float | Decimal):
            return newest - said.overlap_ids
        written = _TEXT_TIME.match(str(newest))
        if written is None:
            raise Rejected(
                "cursor", f"{said.cursor} must be a number or a time, got {str(newest)[:40]!r}; choose another column"
            )
        at = min(datetime.fromisoformat(written.group()), present.replace(tzinfo=None)) - length
        return at.isoformat(written.group(1), "seconds")

    def _position(self) -> bytes | None:
        place = self._place
        place.seen = np.array(sorted(self._seen), np.uint64).tobytes()
        return msgspec.msgpack.encode(place) if self._seen or place.cursor else None

    # -- connections -----------------------------------------------------------------------------------------------

    @contextmanager
    def _connected(self) -> Generator[Connection]:
        """A connection that cannot write, as far as the database knows of such."""
        try:
            with self._opened().connect() as connection:
                if connection.dialect.name == "postgresql":
                    connection = connection.execution_options(postgresql_readonly=True)
                yield connection
        except SQLAlchemyError as error:
            said = str(getattr(error, "orig", None) or error).strip().splitlines()
            raise Transient(f"the database {self._shown()}: {said[0] if said else type(error).__name__}") from error

    def _opened(self) -> Engine:
        if self._engine is None:
            url = self._url()
            try:
                self._engine = sa.create_engine(
                    url, connect_args=self._connect_args(url), pool_size=1, pool_pre_ping=True
                )
            except ModuleNotFoundError as error:
                remedy = " (`pip install hindcast[postgresql]`)" if error.name == "psycopg" else ""
                raise Rejected("url", f"needs the package {error.name}, which is not installed{remedy}") from None
        return self._engine

    def _url(self) -> URL:
        url = make_url(self._said.url)
        if self._said.password:
            url = url.set(password=secret_at(self._said.password, self._database.within.secrets, "password"))
        if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith("file:"):
            # Else SQLite would make a database where there is none.
            url = url.set(database=f"file:{quote(url.database)}", query={"mode": "ro", "uri": "true"})
        return url

    def _connect_args(self, url: URL) -> dict[str, Any]:
        name, arguments = url.get_backend_name(), dict[str, Any]()
        timeout_s = self._said.timeout_s
        if name == "postgresql":
            arguments["connect_timeout"] = max(2, round(timeout_s))
            arguments["options"] = f"-c statement_timeout={round(timeout_s * 1000)}"
        if url.host:
            guard = Guard(self._database.within.allow_private)
            addresses = guard.addresses(url.host, url.port or _PORTS.get(name, 0))
            if url.drivername in ("postgresql+psycopg", "postgresql+psycopg2", "postgresql"):
                arguments |= {"host": ",".join([url.host] * len(addresses)), "hostaddr": ",".join(addresses)}
        return arguments

    def _shown(self) -> str:
        return make_url(self._said.url).set(username=None, query={}).render_as_string(hide_password=True)

    def close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()


def _key(cursor: object, id: object) -> int:
    """A row that changed has another cursor, and is another one."""
    return xxhash.xxh3_64_intdigest(f"{_written(cursor)}{_written(id)}".encode())


def _written(value: Any) -> tuple[str, str]:
    for kind, type_ in (("datetime", datetime), ("date", date), ("int", int), ("float", float), ("decimal", Decimal)):
        if isinstance(value, type_):
            return kind, value.isoformat() if isinstance(value, date) else str(value)
    return "text", str(value)


def _value(written: tuple[str, str]) -> Any:
    kind, text = written
    readers: dict[str, Callable[[str], Any]] = {
        "datetime": datetime.fromisoformat, "date": date.fromisoformat, "int": int, "float": float, "decimal": Decimal
    }  # fmt: skip
    return readers.get(kind, str)(text)
