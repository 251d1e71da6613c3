"""What this replica answers, measured where every request comes in: how long it took, and whether it failed."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.service_level import ServiceLevel

PROBES = ("/health", "/ready", "/metrics")
"""Asked by machines again and again; they would hide what people get."""
GONE = 499
"""Whoever asked left before the answer."""


class Measuring:
    """Notes every request in ``level``, by the clock ``time.time``."""

    def __init__(self, app: ASGIApp, level: ServiceLevel) -> None:
        self._app = app
        self._level = level

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            return await self._app(scope, receive, send)
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            self._note(scope, began, 500, type(error).__name__, str(error))
            raise
        if status not in (0, GONE):
            self._note(scope, began, status)
        return None

    def _note(self, scope: Scope, began: float, status: int, error: str = "", message: str = "") -> None:
        took_ms = (time.perf_counter() - began) * 1000
        kind = ""
        if status >= 500:
            route: Any = scope.get("route")
            where = getattr(route, "path", scope["path"])
            kind = " ".join(part for part in (scope["method"], where, str(status), error) if part)
        self._level.add(time.time(), took_ms, status, kind, f"{kind}: {message}"[:500] if message else kind)
