"""An ASGI middleware that measures the requests of your own application, and tells a Hindcast of them.

    from hindcast.asgi import RequestMetrics

    app = FastAPI()
    app.add_middleware(RequestMetrics, address="https://events.example", key="hc_…", service="shop")

Each request becomes a row of ``api_metrics``: `type` is its method and its route's template (``GET /items/{item_id}``),
`value` how long it took in `ms`, and `labels` has its status. Requests wait in memory and are sent by a thread of their
own, a batch a second: while the system is away, or slow, your application notices nothing, and the oldest are dropped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

from events.errors import Rejected, Transient

if TYPE_CHECKING:
    from hindcast.client.call import Call

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)
BATCH = 500
EVERY_S = 1.0
CLOSE_S = 3.0
"""So long the end of an application waits for its last requests to be told."""
NO_ROUTE = "(no route)"
"""Stands for every path that no route answers: else whoever tries paths would make a name of each."""
_CLOSED = 499
"""As the status of a request whose sender went away before there was an answer."""


class _Request(NamedTuple):
    name: str
    method: str
    route: str
    status: int
    began_ns: int
    took_ns: int


class RequestMetrics:
    """Measures the HTTP requests of ``app``, and changes nothing about them.

    ``address`` and ``key`` (scope ``ingest``) are of the Hindcast, where ``parts.otlp`` is on; ``service`` is the `subject`
    of the rows. At most ``most_waiting`` requests wait in memory. It never raises: what goes wrong is logged once.
    """

    def __init__(
        self, app: Application, address: str, key: str, service: str = "app", *, most_waiting: int = 10_000
    ) -> None:
        self._app = app
        self._sender = Sender(address, key, service, most_waiting)

    @property
    def dropped(self) -> int:
        """Requests that could not be told."""
        return self._sender.dropped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._live(scope, receive, send)
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status, began_ns, start = 0, time.time_ns(), time.perf_counter_ns()
        root: str = scope.get("root_path", "")

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            status = status or _CLOSED
            raise
        except BaseException:
            status = status or 500
            raise
        finally:
            took_ns = time.perf_counter_ns() - start
            try:
                route, method = route_of(scope, root), str(scope["method"])
                self._sender.add(_Request(f"{method} {route}", method, route, status, began_ns, took_ns))
            except Exception:  # noqa: BLE001 - the application must not notice; it is logged
                self._sender.fails("a request could not be measured")
        return None

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell the last requests when the application ends."""

        async def noted(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await asyncio.to_thread(self._sender.close, CLOSE_S)
            await send(message)

        await self._app(scope, receive, noted)


def route_of(scope: Scope, root: str = "") -> str:
    """The template of the route that answered, as Starlette and FastAPI say it in ``scope``; ``root`` is the path that the
    application was at before it looked for one."""
    if "endpoint" not in scope:
        return NO_ROUTE
    mounted = str(scope.get("root_path", "")).removeprefix(root)
    template = getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return mounted + template
    path: str = scope["path"].removeprefix(root)
    for name, value in scope.get(
        "path_params", {}
    ).items():  # Starlette says no template, but what it found in the path
        path = path.replace(f"/{value}", f"/{{{name}}}", 1)
    return path


class Sender:
    """Keeps requests until its thread has told them; every method returns at once but ``close``."""

    def __init__(self, address: str, key: str, service: str, most_waiting: int) -> None:
        self._place = address, key
        self._service = service
        self._waiting: deque[_Request] = deque(maxlen=most_waiting)
        self._full = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._said = ""
        self.dropped = 0

    def add(self, request: _Request) -> None:
        """The oldest one goes where too many wait."""
        if len(self._waiting) == self._waiting.maxlen:
            self.dropped += 1
        self._waiting.append(request)
        if self._process != os.getpid():  # at the first request, and after a fork, which no thread survives
            if self._process:  # what waited is the other process's to tell
                self._waiting = deque([request], self._waiting.maxlen)
            self._process = os.getpid()
            self._thread = threading.Thread(target=self._run, name="hindcast-requests", daemon=True)
            self._thread.start()
        if len(self._waiting) >= BATCH:
            self._full.set()

    def close(self, timeout_s: float) -> None:
        """Tell what waits, for at most ``timeout_s``."""
        self._closing.set()
        self._full.set()
        if self._thread is not None and self._process == os.getpid():
            self._thread.join(timeout_s)

    def fails(self, why: str) -> None:
        """Log ``why``, once for as long as it stays the same."""
        if why != self._said:
            self._said = why
            logger.warning("requests are not told to Hindcast: %s", why, exc_info=logger.isEnabledFor(logging.DEBUG))

    def _run(self) -> None:
        from hindcast.client import Client  # here: an application's start does not wait for it

        with Client(*self._place, tries=1, timeout_s=10.0) as client:
            closing, body, n = False, b"", 0
            while not closing:
                self._full.wait(EVERY_S)
                self._full.clear()
                closing = self._closing.is_set()
                while n or self._waiting:
                    if not n:
                        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                        body, n = _spans(batch, self._service), len(batch)
                    try:
                        client.perform(_told(body))
                    except Transient as error:  # the same body again: where it was taken in already, it adds nothing
                        self.fails(str(error))
                        break
                    except Exception as error:  # noqa: BLE001 - the thread must live on; it is logged
                        self.dropped += n
                        self.fails(str(error) if isinstance(error, Rejected) else f"{type(error).__name__}: {error}")
                    n = 0
            self.dropped += n


def _told(body: bytes) -> Call[None]:
    """The call that brings spans."""
    from hindcast.client.call import Call

    return Call("POST", "/v1/traces", lambda _: None, content=body)


def _spans(requests: list[_Request], service: str) -> bytes:
    """As OTLP has them, in JSON."""
    spans = [
        {
            "traceId": secrets.token_hex(16),
            "spanId": secrets.token_hex(8),
            "name": request.name,
            "kind": 2,
            "startTimeUnixNano": str(request.began_ns),
            "endTimeUnixNano": str(request.began_ns + request.took_ns),
            "status": {"code": 2 if request.status >= 500 else 0},
            "attributes": [
                {"key": "http.request.method", "value": {"stringValue": request.method}},
                {"key": "http.route", "value": {"stringValue": request.route}},
                {"key": "http.response.status_code", "value": {"intValue": request.status}},
            ],
        }
        for request in requests
    ]
    named = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return json.dumps({"resourceSpans": [{"resource": named, "scopeSpans": [{"spans": spans}]}]}).encode()
