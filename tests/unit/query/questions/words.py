"""The words of stories about questions: what users did, and the figures that a question then gives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from events.catalog import IDENTITIES, SESSIONS, USER_INTERACTIONS, Stream, rows
from events.entry import encode
from events.errors import Rejected
from events.log import Commit, Output
from events.sqlite_log import SqliteLog
from query.questions.asking import Questions

WRITER = "shop/user_interactions/0"
HOUR, DAY = 3_600_000_000, 86_400_000_000
NOW = datetime(2026, 6, 1, tzinfo=UTC).timestamp()


def us(text: str) -> int:
    """Microseconds of an ISO time, UTC where it names no zone."""
    at = datetime.fromisoformat(text)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e6)


class Shop:
    """A log of its own, what came into it, and questions about it. Time stands still at ``now``."""

    def __init__(self, folder: Path, now: float = NOW) -> None:
        self.log = SqliteLog(folder, doorbell=False)
        self.now = now
        self.cohorts: dict[str, Any] = {}

    def columns(self, n: int, writer: str = WRITER, **columns: Any) -> None:
        """Rows as columns."""
        self.told(USER_INTERACTIONS, n, writer, **columns)

    def told(self, stream: Stream, n: int, writer: str, **columns: Any) -> None:
        """Rows of any stream as columns."""
        lease = self.log.acquire(writer, [stream.name])
        output = Output(stream.name, encode(stream, rows(stream, columns, n)))
        at = lease.commit + 1
        self.log.commit(lease, Commit(after=lease.commit, nonce=str(at).encode(), at=at, outputs=(output,)))

    def did(self, *events: tuple[Any, ...], writer: str = WRITER) -> None:
        """Events: (user, type, time), and where there are any, properties. Times are ISO text or microseconds."""
        properties = [event[3] if len(event) > 3 else None for event in events]
        self.columns(
            len(events),
            writer,
            subject=[event[0] for event in events],
            type=[event[1] for event in events],
            time=[us(event[2]) if isinstance(event[2], str) else event[2] for event in events],
            properties=[None if p is None else json.dumps(p) for p in properties],
        )

    def linked(self, **people: str) -> None:
        """Ids are of these people from here on."""
        said = {"type": "identity.placed", "subject": list(people), "person": list(people.values()), "time": 0}
        self.told(IDENTITIES, len(people), "shop/identities/0", **said)

    def visited(self, user: str, start: str, id_: str, channel: str = "direct", **more: Any) -> None:
        """A session of half an hour ended, or was told again."""
        said = {"type": "session.ended", "session": "visits", "revision": 0, "id": id_, "channel": channel, **more}
        times = {"start": us(start), "time": us(start) + HOUR // 2}
        self.told(SESSIONS, 1, "shop/sessions/0", subject=user, device=user, **times, **said)

    def ask(self, ask: str, **question: Any) -> dict[str, Any]:
        return Questions(self.log, "shop", self.cohorts).ask({"ask": ask, **question}, self.now)

    def drill(self, cell: Mapping[str, Any], ask: str, show: Any = "users", **question: Any) -> dict[str, Any]:
        return Questions(self.log, "shop", self.cohorts).drill(
            {"ask": ask, **question}, cell, self.now, show=show, limit=10_000
        )

    def users(self, cell: Mapping[str, Any], ask: str, **question: Any) -> list[str]:
        """The users behind a cell."""
        return [user["user"] for user in self.drill(cell, ask, **question)["users"]]

    def refusal(self, ask: str, **question: Any) -> tuple[str, str]:
        """(field, reason) of a question that is refused."""
        with pytest.raises(Rejected) as caught:
            self.ask(ask, **question)
        return caught.value.field, caught.value.reason


def values(line: Mapping[str, Any]) -> list[Any]:
    """The figures of a line of a trend."""
    return [point["value"] for point in line["points"]]


def column(answer: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in answer]


def steps(answer: Mapping[str, Any], name: str = "users") -> Sequence[Any]:
    """A figure of each step of a funnel, of all users together."""
    return column(answer["groups"][0]["steps"], name)
