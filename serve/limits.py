"""A bound on what one request may make us hold in memory, whatever its route."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.ingest.verdicts import TooLarge
from serve.problems import answer

DRAINED = 50
"""Times the bound that is read of a refused body before its sender is cut off."""


class BodyLimit:
    """Answers 413 to a body of more than ``most`` bytes, of which no route sees or keeps the rest.

    Ray Serve and HAProxy have no such bound; without it one request of any size would be read whole before it is refused.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        told = dict(scope["headers"]).get(b"content-length", b"")
        if told.isdigit() and int(told) > self._most:
            return await self._refuse(scope, receive, send)
        held, begun = 0, False

        async def counted() -> Message:
            nonlocal held
            message = await receive()
            held += len(message.get("body", b""))
            if held > self._most:
                raise TooLarge("body", self._reason)
            return message

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except TooLarge:
            if begun:
                raise
            await self._refuse(scope, receive, send)
        return None

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer once the body is through, holding nothing of it: a sender that is cut off would not read the answer."""
        drained, headers = 0, None
        message = await receive()
        while message["type"] == "http.request" and message.get("more_body"):
            drained += len(message["body"])
            if drained > DRAINED * self._most:
                headers = {"connection": "close"}
                break
            message = await receive()
        await answer(413, "body", self._reason, headers)(scope, receive, send)

    @property
    def _reason(self) -> str:
        return f"is larger than {self._most:,} bytes; send fewer rows in one request"
