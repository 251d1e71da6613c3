"""Calls of models: requests that wait for each other are answered by one call, and a dead replica is not noticed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from analytics.models.blob import Untrusted
from events.errors import Rejected, Transient
from serve.batching import Batching
from serve.predicting.cases import Answer, Item, Wrong

logger = logging.getLogger(__name__)
MOST_ROWS = 2_000
"""Rows of one call; a larger request has one of its own."""
PATIENCE_S = 45.0
"""How long a request waits for a replica that starts, or starts again."""
PAUSE_S = 0.1
MOST_LANES = 512
APP = "models"


class Replicas(Protocol):
    """What holds the models. Its calls raise ``Transient`` where no replica answered: the call may be sent again."""

    async def predict(self, sha256: str, items: list[Item], level: float, shown: bool) -> list[Answer | Wrong]: ...

    async def explain(self, sha256: str, item: Item) -> list[dict[str, float]] | Wrong: ...


class ServeReplicas:
    """The replicas of the Serve deployment ``models``. A model's calls go where it is held, where that is known."""

    def __init__(self) -> None:
        self._handle: Any = None

    async def predict(self, sha256: str, items: list[Item], level: float, shown: bool) -> list[Answer | Wrong]:
        return await self._call(lambda h: h.predict.remote(sha256, items, level, shown))

    async def explain(self, sha256: str, item: Item) -> list[dict[str, float]] | Wrong:
        return await self._call(lambda h: h.explain.remote(sha256, item))

    async def warm(self, sha256: str) -> list[str]:
        return await self._call(lambda h: h.warm.remote(sha256))

    async def _call(self, call: Callable[[Any], Awaitable[Any]]) -> Any:
        from ray import serve
        from ray.exceptions import RayActorError, RayTaskError
        from ray.serve.exceptions import RayServeException

        try:
            if self._handle is None:
                self._handle = await asyncio.to_thread(serve.get_app_handle, APP)
            return await call(self._handle)
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, Untrusted | Rejected):
                raise Rejected("model", str(cause)) from None
            raise
        except (RayActorError, RayServeException, ConnectionError) as error:
            self._handle = None
            raise Transient(f"no replica answers: {type(error).__name__}", PAUSE_S) from error


class ModelCalls:
    """Of each model and kind of question, lanes of calls."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self._lanes: dict[tuple[str, float, bool], list[Batching[Item, Answer | Wrong]]] = {}
        self._most = 1
        self._turn = 0

    def widen(self, lanes: int) -> None:
        """Let as many calls of one model be in flight at once as there may be replicas."""
        self._most = max(self._most, lanes)

    async def predict(self, sha256: str, item: Item, level: float, shown: bool) -> Answer | Wrong:
        """Raises ``Transient`` where no replica answers in time, ``Rejected`` for an artifact that is not what it was."""
        key = (sha256, level, shown)
        if len(self._lanes) > MOST_LANES:
            self._lanes = {}  # calls under way end in the old ones
        lanes = self._lanes.setdefault(key, [])
        while len(lanes) < self._most:
            lanes.append(Batching(self._call(key), _weight, MOST_ROWS))
        self._turn += 1
        return await lanes[self._turn % len(lanes)].push(item)

    async def explain(self, sha256: str, item: Item) -> list[dict[str, float]] | Wrong:
        return await _patiently(lambda: self._replicas.explain(sha256, item))

    def _call(
        self, key: tuple[str, float, bool]
    ) -> Callable[[list[Item]], Awaitable[Sequence[Answer | Wrong | Exception]]]:
        sha256, level, shown = key

        async def call(items: list[Item]) -> Sequence[Answer | Wrong | Exception]:
            return await _patiently(lambda: self._replicas.predict(sha256, items, level, shown))

        return call


async def _patiently(call: Callable[[], Awaitable[Any]]) -> Any:
    """Ask again while replicas come and go: a prediction changes nothing, so it may be asked for twice."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await call()
        except Transient as error:
            if time.monotonic() > deadline:
                raise
            logger.info("%s; asked again", error)
            await asyncio.sleep(PAUSE_S)


def _weight(item: Item) -> int:
    return len(item.rows) if item.rows is not None else MOST_ROWS
