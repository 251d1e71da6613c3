"""What explanations ask the log: SQL as of one moment, and how far a cell had read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.slices import journal_above
from events.log import LogReader
from query import as_of
from query.as_of import Moment
from query.bounds import Limits
from query.engine import Engine

Object = dict[str, Any]


class Asking:
    """Answers for one tenant at one moment of the log."""

    def __init__(
        self,
        log: LogReader,
        tenant: str,
        moment: Moment | None = None,
        limits: Limits | None = None,
        valid_at: int | None = None,
    ) -> None:
        """``valid_at``: only what had happened by then is looked at (us UTC), whenever it became known."""
        self._valid_at = valid_at
        self.log = log
        self.tenant = tenant
        self.moment = moment or as_of.now(log, tenant)
        self.engine = Engine(log, limits)

    def ask(self, sql: str) -> list[Object]:
        return self.engine.run(sql, tenant=self.tenant, moment=self.moment, valid_at=self._valid_at).objects()

    def read(self, cell: str, stream: str, commit: int) -> dict[str, int]:
        """By producer of ``stream``: up to which offset the cell had read it at a commit."""
        now = {p: end for (s, p), end in self.log.cursor(cell).items() if s == stream}
        then: dict[str, int] = {}
        for row in journal_above(self.log, cell, commit):
            if row.stream == stream:
                then.setdefault(row.producer, row.start)  # what came after the moment began there
            if then.keys() == now.keys():
                break
        return {**now, **then}

    def known(self, stream: str, row: Mapping[str, Any]) -> str:
        """When a row was committed."""
        return as_of.iso(self.log.read(stream, row["producer"], row["offset"], 1)[0].header.committed)


def or_null(text: str | None) -> str:
    return "NULL" if text is None else literal(text)


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''").replace("\0", "") + "'"
