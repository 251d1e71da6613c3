"""``Client``: every call of the API, waiting for its answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
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


class Client:
    """The whole API, synchronous. ``tries``: how often a call is sent before ``Unreachable`` is raised."""

    def __init__(self, address: str, key: str | None = None, *, tries: int = TRIES, timeout_s: float = 30.0) -> None:
        self._http = httpx.Client(**settings(address, key, timeout_s))
        self.address = str(self._http.base_url)
        self._tries = tries

    @classmethod
    def local(cls, data_dir: str | Path = "data", **options: Any) -> Self:
        """A client with every scope, of the system that runs on ``data_dir``."""
        return cls(*place_of(data_dir), **options)

    def _do(self, call: Call[T], tries: int | None = None) -> T:
        steps = exchange(call, tries or self._tries)
        pause = next(steps)
        try:
            while True:
                time.sleep(pause)
                try:
                    reply = self._http.send(call.request(self._http))
                except httpx.TransportError as error:
                    pause = steps.send(error)
                else:
                    pause = steps.send(reply)
        except StopIteration as done:
            return done.value

    def send(self, events: Iterable[Event], *, source: str = calls.SOURCE) -> Receipt:
        """Send CloudEvents, or objects with ``type`` and any of id, source, subject, time, data; or Segment messages.

        Goes out in batches as ``events`` yields them. Returns after the durable commit of the last one.
        """
        total = calls.empty_receipt()
        for call in calls.send(events, source):
            total = calls.added(total, self._do(call), calls.rows_in(total))
        return total

    def send_table(self, table: Any, *, source: str = calls.SOURCE) -> Receipt:
        """Send the rows of an Arrow table (or of a data frame) as events, a multiple of what ``send`` manages a second.

        The columns ``type``, ``subject``, ``time``, ``id``, ``source`` and ``data`` are an event's attributes, and every
        other column is a property. Goes out in requests of up to 20,000 rows; returns after the durable commit of the
        last one. Rows without an ``id`` get one: a table that is sent twice counts twice.
        """
        total = calls.empty_receipt()
        for call in columnar.send_table(table, source):
            total = calls.added(total, self._do(call), calls.rows_in(total))
        return total

    def track(self, event: str, user_id: str | None = None, properties: Event | None = None, **more: Any) -> Receipt:
        """Segment's ``track``; ``more`` are its other fields, such as ``anonymousId`` or ``context``."""
        return self._do(calls.segment("track", {"event": event, "userId": user_id, "properties": properties, **more}))

    def identify(self, user_id: str | None = None, traits: Event | None = None, **more: Any) -> Receipt:
        return self._do(calls.segment("identify", {"userId": user_id, "traits": traits, **more}))

    def page(
        self, name: str | None = None, user_id: str | None = None, properties: Event | None = None, **more: Any
    ) -> Receipt:
        return self._do(calls.segment("page", {"name": name, "userId": user_id, "properties": properties, **more}))

    def screen(
        self, name: str | None = None, user_id: str | None = None, properties: Event | None = None, **more: Any
    ) -> Receipt:
        return self._do(calls.segment("screen", {"name": name, "userId": user_id, "properties": properties, **more}))

    def group(self, group_id: str, user_id: str | None = None, traits: Event | None = None, **more: Any) -> Receipt:
        return self._do(calls.segment("group", {"groupId": group_id, "userId": user_id, "traits": traits, **more}))

    def alias(self, user_id: str, previous_id: str, **more: Any) -> Receipt:
        return self._do(calls.segment("alias", {"userId": user_id, "previousId": previous_id, **more}))

    @overload
    def query(self, sql: str, *, limit: int | None = None, form: Literal["rows"] = "rows") -> list[dict[str, Any]]: ...
    @overload
    def query(self, sql: str, *, limit: int | None = None, form: Literal["arrow"]) -> pa.Table: ...
    @overload
    def query(self, sql: str, *, limit: int | None = None, form: Literal["pandas"]) -> Any: ...
    def query(self, sql: str, *, limit: int | None = None, form: Form = "rows") -> Any:
        """One read-only SQL statement over the streams: a list of objects, an Arrow table or a pandas frame.

        A cut answer warns (``RuntimeWarning``); ``result`` tells it without.
        """
        return SHAPES[form](self.result(sql, limit=limit), warn=True)

    def result(self, sql: str, *, limit: int | None = None) -> Result:
        """Like ``query``, with the columns' types, the time taken, and whether rows were cut off."""
        return self._do(calls.query(sql, limit))

    def streams(self) -> list[StreamStatus]:
        return self._do(calls.streams())

    def rows(self, stream: str, *, last: int = 100) -> Rows:
        """The newest rows of a stream."""
        return self._do(calls.last_rows(stream, last))

    def tail(
        self, stream: str, *, last: int = 10, follow: bool = True, every_s: float = 0.5
    ) -> Iterator[dict[str, Any]]:
        """The ``last`` newest rows, and then each new one as it is committed; ends only if not ``follow``."""
        steps = calls.tail(stream, last, follow, every_s)
        step = next(steps, None)
        while step is not None:
            answer = None
            if isinstance(step, Call):
                answer = self._do(step)
            elif isinstance(step, list):
                yield from step
            else:
                time.sleep(step)
            try:
                step = steps.send(answer)
            except StopIteration:
                return

    def metrics(
        self, metric: str = "", *, key: str = "", since: datetime | float | str = 0.0, limit: int = 1000
    ) -> list[Sample]:
        """Samples of a metric, newest window first, each in its latest revision.

        ``since``: a moment, seconds since 1970, or text: ISO 8601, or how long ago (``1h``).
        """
        return self._do(calls.metrics(metric, key, since, limit))

    def alerts(self) -> list[dict[str, Any]]:
        return self._do(calls.alerts())

    def acknowledge(self, alert: str) -> None:
        self._do(calls.acknowledge(alert))

    def definitions(self, kind: str = "") -> list[Definition]:
        """The definitions that hold, of all kinds or of one (``rule``, ``dashboard``, …)."""
        return self._do(calls.definitions(kind))

    def definition(self, kind: str, name: str) -> Definition:
        return self._do(calls.definition(kind, name))

    def definition_versions(self, kind: str, name: str) -> list[DefinitionVersion]:
        """What the definition said over time, oldest first, each with what changed."""
        return self._do(calls.definition_versions(kind, name))

    def define(self, kind: str, name: str, spec: Event, *, dry_run: bool = False) -> DefinitionChange:
        """Define, or define anew; holds when this returns. ``dry_run``: only say what would change.

        Raises ``ApiError`` for what cannot be (the field and the remedy), and for what a configuration file declares.
        """
        return self._do(calls.define(kind, name, spec, dry_run))

    def apply(self, definitions: Sequence[Event], *, dry_run: bool = False) -> list[DefinitionChange]:
        """Define several (``kind``, ``spec``, and ``name`` where the spec does not say it) together, all or nothing."""
        return self._do(calls.apply(definitions, dry_run))

    def remove_definition(self, kind: str, name: str, *, dry_run: bool = False) -> DefinitionChange:
        """Remove a definition that no other one needs."""
        return self._do(calls.remove_definition(kind, name, dry_run))

    def rules(self) -> list[Rule]:
        return self._do(calls.rules())

    def rule(self, name: str) -> Rule:
        """The rule of that name, whatever characters it has."""
        return self._do(calls.rule(name))

    def set_rule(self, rule: Event) -> MadeRule:
        """Create an alert rule, or replace the one of the same name. What may be a mistake is in its ``warnings``.

        A rule that can never fire is refused (``ApiError``).
        """
        return self._do(calls.set_rule(rule))

    def delete_rule(self, name: str) -> None:
        self._do(calls.delete_rule(name))

    def failed_notifications(self) -> list[FailedNotification]:
        """Messages that were given up and not sent again since, newest first."""
        return self._do(calls.failed_notifications())

    def resend_notification(self, key: str) -> None:
        """Send a message that was given up again, under the same key."""
        self._do(calls.resend_notification(key))

    def dashboards(self) -> list[Topic]:
        return self._do(calls.dashboards())

    def dashboard(self, topic: str) -> TopicData:
        return self._do(calls.dashboard(topic))

    def keys(self) -> list[Key]:
        return self._do(calls.keys())

    def create_key(self, name: str, scopes: Sequence[str], source: str | None = None) -> MadeKey:
        """Make a key of ``scopes`` (ingest, query, control, admin) for the product ``source``; only here is it shown.

        Without a ``source`` it is for a product of its own: the name, or the key's id where that name is taken.
        """
        return self._do(calls.create_key(name, scopes, source))

    def rotate_key(self, id: str) -> MadeKey:
        """Make another key of the same name, scopes and source; the old one works until it is revoked."""
        return self._do(calls.rotate_key(id))

    def revoke_key(self, id: str) -> None:
        self._do(calls.revoke_key(id))

    def create_link(self) -> str:
        """An address that opens the page once, without a key, within a day. Needs a key with the scope admin."""
        return self._do(calls.create_link(self.address))

    def placement(self) -> Placement:
        """Which host runs which cell."""
        return self._do(calls.placement())

    def move(self, cell: str, host: str = "own") -> Placement:
        """Let a cell go on on another host: ``own``, or one of that name, which may be new; returns once it is there."""
        return self._do(calls.move(cell, host))

    def arrange(self, placement: Literal["packed", "spread"]) -> Placement:
        """Give each kind of cell a host, or each cell its own; returns once it is done."""
        return self._do(calls.arrange(placement))

    def status(self) -> Status:
        return self._do(calls.status())

    def ready(self, wait_s: float = 0.0) -> bool:
        """Whether every cell runs; waits up to ``wait_s`` for it."""
        deadline = time.monotonic() + wait_s
        while not self._is_ready():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.2)
        return True

    def _is_ready(self) -> bool:
        try:
            return self._do(calls.readiness(), tries=1)["ready"]
        except Unreachable:
            return False

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
