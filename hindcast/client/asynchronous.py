"""``AsyncClient``: every call of the API, for asyncio. What each does is said at ``Client``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

import httpx

from hindcast.client import calls, columnar
from hindcast.client.address import place_of, settings
from hindcast.client.answers import (
    Definition,
    DefinitionChange,
    DefinitionVersion,
    FailedNotification,
    Key,
    MadeKey,
    MadeRule,
    Placement,
    Receipt,
    Result,
    Rows,
    Rule,
    Sample,
    Status,
    StreamStatus,
    Topic,
    TopicData,
)
from hindcast.client.calls import Event
from hindcast.client.exchange import TRIES, Call, Unreachable, exchange
from hindcast.client.tables import SHAPES, Form

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


class AsyncClient:
    """The whole API, for asyncio. ``tries``: how often a call is sent before ``Unreachable`` is raised."""

    def __init__(self, address: str, key: str | None = None, *, tries: int = TRIES, timeout_s: float = 30.0) -> None:
        self._http = httpx.AsyncClient(**settings(address, key, timeout_s))
        self.address = str(self._http.base_url)
        self._tries = tries

    @classmethod
    def local(cls, data_dir: str | Path = "data", **options: Any) -> Self:
        """A client with every scope, of the system that runs on ``data_dir``."""
        return cls(*place_of(data_dir), **options)

    async def _do(self, call: Call[T], tries: int | None = None) -> T:
        steps = exchange(call, tries or self._tries)
        pause = next(steps)
        try:
            while True:
                await asyncio.sleep(pause)
                try:
                    reply = await self._http.send(call.request(self._http))
                except httpx.TransportError as error:
                    pause = steps.send(error)
                else:
                    pause = steps.send(reply)
        except StopIteration as done:
            return done.value

    async def send(self, events: Iterable[Event], *, source: str = calls.SOURCE) -> Receipt:
        """Send CloudEvents, or objects with ``type`` and any of id, source, subject, time, data; or Segment messages.

        Goes out in batches as ``events`` yields them. Returns after the durable commit of the last one.
        """
        total = calls.empty_receipt()
        for call in calls.send(events, source):
            total = calls.added(total, await self._do(call), calls.rows_in(total))
        return total

    async def send_table(self, table: Any, *, source: str = calls.SOURCE) -> Receipt:
        """Send the rows of an Arrow table (or of a data frame) as events, a multiple of what ``send`` manages a second.

        The columns ``type``, ``subject``, ``time``, ``id``, ``source`` and ``data`` are an event's attributes, and every
        other column is a property. Goes out in requests of up to 20,000 rows; returns after the durable commit of the
        last one. Rows without an ``id`` get one: a table that is sent twice counts twice.
        """
        total = calls.empty_receipt()
        for call in columnar.send_table(table, source):
            total = calls.added(total, await self._do(call), calls.rows_in(total))
        return total

    async def track(
        self, event: str, user_id: str | None = None, properties: Event | None = None, **more: Any
    ) -> Receipt:
        """Segment's ``track``; ``more`` are its other fields, such as ``anonymousId`` or ``context``."""
        return await self._do(
            calls.segment("track", {"event": event, "userId": user_id, "properties": properties, **more})
        )

    async def identify(self, user_id: str | None = None, traits: Event | None = None, **more: Any) -> Receipt:
        return await self._do(calls.segment("identify", {"userId": user_id, "traits": traits, **more}))

    async def page(
        self, name: str | None = None, user_id: str | None = None, properties: Event | None = None, **more: Any
    ) -> Receipt:
        return await self._do(
            calls.segment("page", {"name": name, "userId": user_id, "properties": properties, **more})
        )

    async def screen(
        self, name: str | None = None, user_id: str | None = None, properties: Event | None = None, **more: Any
    ) -> Receipt:
        return await self._do(
            calls.segment("screen", {"name": name, "userId": user_id, "properties": properties, **more})
        )

    async def group(
        self, group_id: str, user_id: str | None = None, traits: Event | None = None, **more: Any
    ) -> Receipt:
        return await self._do(
            calls.segment("group", {"groupId": group_id, "userId": user_id, "traits": traits, **more})
        )

    async def alias(self, user_id: str, previous_id: str, **more: Any) -> Receipt:
        return await self._do(calls.segment("alias", {"userId": user_id, "previousId": previous_id, **more}))

    @overload
    async def query(
        self, sql: str, *, limit: int | None = None, form: Literal["rows"] = "rows"
    ) -> list[dict[str, Any]]: ...
    @overload
    async def query(self, sql: str, *, limit: int | None = None, form: Literal["arrow"]) -> pa.Table: ...
    @overload
    async def query(self, sql: str, *, limit: int | None = None, form: Literal["pandas"]) -> Any: ...
    async def query(self, sql: str, *, limit: int | None = None, form: Form = "rows") -> Any:
        """One read-only SQL statement over the streams: a list of objects, an Arrow table or a pandas frame.

        A cut answer warns (``RuntimeWarning``); ``result`` tells it without.
        """
        return SHAPES[form](await self.result(sql, limit=limit), warn=True)

    async def result(self, sql: str, *, limit: int | None = None) -> Result:
        """Like ``query``, with the columns' types, the time taken, and whether rows were cut off."""
        return await self._do(calls.query(sql, limit))

    async def streams(self) -> list[StreamStatus]:
        return await self._do(calls.streams())

    async def rows(self, stream: str, *, last: int = 100) -> Rows:
        """The newest rows of a stream."""
        return await self._do(calls.last_rows(stream, last))

    async def tail(
        self, stream: str, *, last: int = 10, follow: bool = True, every_s: float = 0.5
    ) -> AsyncIterator[dict[str, Any]]:
        """The ``last`` newest rows, and then each new one as it is committed; ends only if not ``follow``."""
        steps = calls.tail(stream, last, follow, every_s)
        step = next(steps, None)
        while step is not None:
            answer = None
            if isinstance(step, Call):
                answer = await self._do(step)
            elif isinstance(step, list):
                for row in step:
                    yield row
            else:
                await asyncio.sleep(step)
            try:
                step = steps.send(answer)
            except StopIteration:
                return

    async def metrics(
        self, metric: str = "", *, key: str = "", since: datetime | float | str = 0.0, limit: int = 1000
    ) -> list[Sample]:
        """Samples of a metric, newest window first, each in its latest revision.

        ``since``: a moment, seconds since 1970, or text: ISO 8601, or how long ago (``1h``).
        """
        return await self._do(calls.metrics(metric, key, since, limit))

    async def alerts(self) -> list[dict[str, Any]]:
        return await self._do(calls.alerts())

    async def acknowledge(self, alert: str) -> None:
        await self._do(calls.acknowledge(alert))

    async def definitions(self, kind: str = "") -> list[Definition]:
        """The definitions that hold, of all kinds or of one (``rule``, ``dashboard``, …)."""
        return await self._do(calls.definitions(kind))

    async def definition(self, kind: str, name: str) -> Definition:
        return await self._do(calls.definition(kind, name))

    async def definition_versions(self, kind: str, name: str) -> list[DefinitionVersion]:
        """What the definition said over time, oldest first, each with what changed."""
        return await self._do(calls.definition_versions(kind, name))

    async def define(self, kind: str, name: str, spec: Event, *, dry_run: bool = False) -> DefinitionChange:
        """Define, or define anew; holds when this returns. ``dry_run``: only say what would change.

        Raises ``ApiError`` for what cannot be (the field and the remedy), and for what a configuration file declares.
        """
        return await self._do(calls.define(kind, name, spec, dry_run))

    async def apply(self, definitions: Sequence[Event], *, dry_run: bool = False) -> list[DefinitionChange]:
        """Define several (``kind``, ``spec``, and ``name`` where the spec does not say it) together, all or nothing."""
        return await self._do(calls.apply(definitions, dry_run))

    async def remove_definition(self, kind: str, name: str, *, dry_run: bool = False) -> DefinitionChange:
        """Remove a definition that no other one needs."""
        return await self._do(calls.remove_definition(kind, name, dry_run))

    async def rules(self) -> list[Rule]:
        return await self._do(calls.rules())

    async def rule(self, name: str) -> Rule:
        """The rule of that name, whatever characters it has."""
        return await self._do(calls.rule(name))

    async def set_rule(self, rule: Event) -> MadeRule:
        """Create an alert rule, or replace the one of the same name. What may be a mistake is in its ``warnings``.

        A rule that can never fire is refused (``ApiError``).
        """
        return await self._do(calls.set_rule(rule))

    async def delete_rule(self, name: str) -> None:
        await self._do(calls.delete_rule(name))

    async def failed_notifications(self) -> list[FailedNotification]:
        """Messages that were given up and not sent again since, newest first."""
        return await self._do(calls.failed_notifications())

    async def resend_notification(self, key: str) -> None:
        """Send a message that was given up again, under the same key."""
        await self._do(calls.resend_notification(key))

    async def dashboards(self) -> list[Topic]:
        return await self._do(calls.dashboards())

    async def dashboard(self, topic: str) -> TopicData:
        return await self._do(calls.dashboard(topic))

    async def keys(self) -> list[Key]:
        return await self._do(calls.keys())

    async def create_key(self, name: str, scopes: Sequence[str], source: str | None = None) -> MadeKey:
        """Make a key of ``scopes`` (ingest, query, control, admin) for the product ``source``; only here is it shown.

        Without a ``source`` it is for a product of its own: the name, or the key's id where that name is taken.
        """
        return await self._do(calls.create_key(name, scopes, source))

    async def rotate_key(self, id: str) -> MadeKey:
        """Make another key of the same name, scopes and source; the old one works until it is revoked."""
        return await self._do(calls.rotate_key(id))

    async def revoke_key(self, id: str) -> None:
        await self._do(calls.revoke_key(id))

    async def create_link(self) -> str:
        """An address that opens the page once, without a key, within a day. Needs a key with the scope admin."""
        return await self._do(calls.create_link(self.address))

    async def placement(self) -> Placement:
        """Which host runs which cell."""
        return await self._do(calls.placement())

    async def move(self, cell: str, host: str = "own") -> Placement:
        """Let a cell go on on another host: ``own``, or one of that name, which may be new; returns once it is there."""
        return await self._do(calls.move(cell, host))

    async def arrange(self, placement: Literal["packed", "spread"]) -> Placement:
        """Give each kind of cell a host, or each cell its own; returns once it is done."""
        return await self._do(calls.arrange(placement))

    async def status(self) -> Status:
        return await self._do(calls.status())

    async def ready(self, wait_s: float = 0.0) -> bool:
        """Whether every cell runs; waits up to ``wait_s`` for it."""
        deadline = time.monotonic() + wait_s
        while not await self._is_ready():
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(0.2)
        return True

    async def _is_ready(self) -> bool:
        try:
            return (await self._do(calls.readiness(), tries=1))["ready"]
        except Unreachable:
            return False

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
