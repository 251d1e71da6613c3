"""What is said of a source ``websocket``: where it connects, what it says first, and how it goes on after a break."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from actors.definitions.schema import Section
from serve.sources.fetching import Auth
from serve.sources.mapping import Expression
from serve.sources.messages import MessageSection

SocketUrl = Annotated[str, StringConstraints(pattern=r"^wss?://[^/?#\s@]+\S*$")]
CURSOR = "{cursor}"


class Resume(Section):
    """How a peer is told where to go on: the cursor of the last message that was recorded."""

    find: Expression
    """The cursor within a message's value; messages without one move nothing."""
    param: str | None = None
    """The parameter of the URL that takes it; None: ``{cursor}`` in ``send`` stands for it."""
    first: str = ""
    """What stands for it before there is one."""


class WebSocketSection(MessageSection):
    """A peer that sends messages over a WebSocket."""

    kind: str = "websocket"
    url: SocketUrl
    send: list[str] = Field(default_factory=list[str], max_length=20)
    """Messages that are sent at once after each connection, as in ``{"op": "subscribe", "topic": "orders"}``."""
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    auth: Auth | None = None
    protocols: list[str] = Field(default_factory=list[str])
    """Subprotocols that are offered."""
    resume: Resume | None = None
    """None: what is sent while nobody listens is gone, so a break or a restart leaves a gap."""
    silence_s: float = Field(default=60.0, ge=1, le=3600)
    """A peer that has not answered a ping for so long is taken for gone."""
    max_mb: float = Field(default=4.0, gt=0, le=64)
    """A message that is larger ends the connection."""

    @model_validator(mode="after")
    def _has_a_place_for_the_cursor(self) -> Self:
        told = any(CURSOR in text for text in self.send)
        if self.resume and self.resume.param is None and not told:
            raise ValueError("`resume` needs a place for the cursor: say `resume.param`, or write {cursor} in `send`")
        if told and not self.resume:
            raise ValueError("`send` has {cursor}, and `resume` does not say where to find one")
        return self
