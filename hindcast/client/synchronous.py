"""``Client``: every call of the API, waiting for its answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

import httpx

from hindcast.client import columnar, sending
from hindcast.client.address import place_of, settings
from hindcast.client.answers import Receipt
from hindcast.client.call import Call
from hindcast.client.exchange import TRIES, Unreachable, exchange
from hindcast.client.operations import Operations
from hindcast.client.operations.following import readiness, tail
from hindcast.client.sending import SOURCE, Event
from hindcast.client.tables import SHAPES, Form

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
Time = datetime | str | None


class Client(Operations):
    """The whole API, synchronous. ``tries``: how often a call is sent before ``Unreachable`` is raised."""

    def __init__(self, address: str, key: str | None = None, *, tries: int = TRIES, timeout_s: float = 30.0) -> None:
        self._http = httpx.Client(**settings(address, key, timeout_s))
        self.address = str(self._http.base_url)
        self._tries = tries

    @classmethod
    def local(cls, data_dir: str | Path = "data", **options: Any) -> Self:
        """A client with every scope, of the system that runs on ``data_dir``."""
        return cls(*place_of(data_dir), **options)

    def perform(self, call: Call[T], tries: int | None = None) -> T:
        """Send one call, as often as it takes, and read its answer. Raises ``ApiError`` or ``Unreachable``."""
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

    def send(self, events: Iterable[Event], *, source: str = SOURCE) -> Receipt:
        """Send CloudEvents, or objects with ``type`` and any of id, source, subject, time, data; or Segment messages.

        Goes out in batches as ``events`` yields them. Returns after the durable commit of the last one.
        """
        return self._sum(sending.send(events, source))

    def send_table(self, table: Any, *, source: str = SOURCE) -> Receipt:
        """Send the rows of an Arrow table (or of a data frame) as events, a multiple of what ``send`` manages a second.

        The columns ``type``, ``subject``, ``time``, ``id``, ``source`` and ``data`` are an event's attributes, and every
        other column is a property. Goes out in requests of up to 20,000 rows; returns after the durable commit of the
        last one. Rows without an ``id`` get one: a table that is sent twice counts twice.
        """
        return self._sum(columnar.send_table(table, source))

    def import_table(self, name: str, table: pa.Table, *, first: int = 0) -> Receipt:
        """Send the next rows of the import ``name``, of which ``first`` came before; each has an ``id``.

        Besides the columns of ``send_table`` there may be ``known`` (when a row became known), ``anonymous_id`` and
        ``context``. Sent again, they add nothing. ``import_progress`` says how far an import is; ``finish_import`` ends it.
        """
        return self._sum(columnar.import_table(name, table, first))

    def _sum(self, calls: Iterable[Call[Receipt]]) -> Receipt:
        total = sending.empty_receipt()
        for call in calls:
            total = sending.added(total, self.perform(call), sending.rows_in(total))
        return total

    @overload
    def query(
        self, sql: str, *, limit: int | None = None, as_of: Time = None, form: Literal["rows"] = "rows"
    ) -> list[dict[str, Any]]: ...
    @overload
    def query(self, sql: str, *, limit: int | None = None, as_of: Time = None, form: Literal["arrow"]) -> pa.Table: ...
    @overload
    def query(self, sql: str, *, limit: int | None = None, as_of: Time = None, form: Literal["pandas"]) -> Any: ...
    def query(self, sql: str, *, limit: int | None = None, as_of: Time = None, form: Form = "rows") -> Any:
        """One read-only SQL statement over the streams: a list of objects, an Arrow table or a pandas frame.

        ``as_of``: what was known then, a time or the token of an earlier answer (``result`` has it). A cut answer warns
        (``RuntimeWarning``); ``result`` tells it without.
        """
        return SHAPES[form](self.result(sql, limit=limit, as_of=as_of), warn=True)

    def tail(
        self, stream: str, *, last: int = 10, follow: bool = True, every_s: float = 0.5
    ) -> Iterator[dict[str, Any]]:
        """The ``last`` newest rows, and then each new one as it is committed; ends only if not ``follow``."""
        steps = tail(stream, last, follow, every_s)
        step = next(steps, None)
        while step is not None:
            answer = None
            if isinstance(step, Call):
                answer = self.perform(step)
            elif isinstance(step, list):
                yield from step
            else:
                time.sleep(step)
            try:
                step = steps.send(answer)
            except StopIteration:
                return

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
            return self.perform(readiness(), tries=1)["ready"]
        except Unreachable:
            return False

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
