"""What is said of a source ``kafka``: the brokers, the topics, and what a message is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from actors.definitions.channel_section import Reference
from serve.sources.messages import MessageSection

Broker = Annotated[str, StringConstraints(pattern=r"^[^\s:/,]+:\d{1,5}$")]
Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]


class KafkaSection(MessageSection):
    """Topics of one cluster."""

    kind: str = "kafka"
    brokers: list[Broker] = Field(min_length=1)
    """``host:port`` each; the others are found through them."""
    topics: list[Topic] = Field(min_length=1)
    partitions: list[Annotated[int, Field(ge=0)]] | None = None
    """Of each topic; None: all, those that are added later included. Several sources share a topic by this."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a partition is begun that was never read."""
    gap: Literal["stop", "skip"] = "stop"
    """What to do where messages that were not read yet are gone from a partition: say so and wait for a hand, or say so and
    go on with the first that is there."""
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: Reference | None = None
    ca: Path | None = None
    """The certificates of the authorities that brokers are checked against; None: those of the system."""

    @model_validator(mode="after")
    def _says_who_asks(self) -> Self:
        if self.security.startswith("sasl") != (self.username is not None and self.password is not None):
            raise ValueError(
                "`username` and `password` go with `security: sasl_ssl` (or sasl_plaintext), and it with them"
            )
        return self
