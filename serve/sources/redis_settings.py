"""What is said of a source ``redis``: streams, which are read from a position on, or channels, which say what is now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from actors.definitions.channel_section import Reference
from serve.sources.messages import MessageSection

RedisUrl = Annotated[str, StringConstraints(pattern=r"^rediss?://[^/?#\s@]+(/\d{1,5})?$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class RedisSection(MessageSection):
    """Streams or channels of one Redis or Valkey server."""

    kind: str = "redis"
    url: RedisUrl
    """``redis://host:6379/0``, or ``rediss://`` for TLS; neither user nor password stand in it."""
    username: str | None = None
    password: Reference | None = None
    ca: Path | None = None
    """The certificates of the authorities that the server is checked against; None: those of the system."""
    streams: list[Name] | None = None
    """Keys of Redis streams: each entry is recorded once."""
    channels: list[Name] | None = None
    """Channels of publish and subscribe. What is published while nobody listens is gone: a restart leaves a gap."""
    field: str | None = None
    """The field of a stream's entry that has the value; None: the value is all fields, as texts."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a stream is begun that was never read."""
    gap: Literal["stop", "skip"] = "stop"
    """What to do where entries that were not read yet are gone from a stream: say so and wait for a hand, or say so and go
    on with the first that is there."""

    @model_validator(mode="after")
    def _reads_something(self) -> Self:
        if bool(self.streams) == bool(self.channels):
            raise ValueError("say either `streams` or `channels`")
        if self.channels and self.field:
            raise ValueError("`field` is of streams; what is published has no fields")
        if self.streams and self.field is None and self.format != "json":
            raise ValueError(f"`format: {self.format}` needs `field`: the field of an entry that has the value")
        return self
