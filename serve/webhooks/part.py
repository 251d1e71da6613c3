"""The part ``webhooks``: the endpoints that a configuration declares, and the collector behind them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from actors.definitions.channel import Reference
from actors.definitions.schema import Word
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.collected import BUSINESS_EVENTS
from serve.sources.mapping import Mapped

LEAST = 1 << 16
"""So many ids are remembered at least, and all of the last hour."""


class Endpoint(Mapped):
    """One address, ``POST /v1/webhooks/<name>``, and how who sends there proves that it may."""

    scheme: Literal["stripe", "standard", "github", "hmac"]
    """``standard`` is Standard Webhooks 1.0; ``hmac`` is any other signature of the body."""
    secret: Reference
    tolerance_s: float = Field(default=300.0, ge=1, le=86_400)
    """How old a signature may be that says its time."""
    header: str = "X-Signature"
    """Of ``hmac``: the header with the signature."""
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    """What stands before the signature, as in ``sha256=``."""
    timestamp_header: str | None = None
    """The header with the time in seconds, where ``<time>.<body>`` is what is signed."""
    type: str = Field(default="webhook.received", min_length=1, max_length=200)
    source: Word | None = None
    """The source that the events name; None: the name of this endpoint."""

    @model_validator(mode="after")
    def _only_of_its_scheme(self) -> Self:
        asked = {"header", "algorithm", "encoding", "prefix", "timestamp_header"} & self.model_fields_set
        if asked and self.scheme != "hmac":
            raise ValueError(f"`{min(asked)}` is of the scheme hmac alone; {self.scheme} fixes it")
        return self


class WebhooksSection(PartSection):
    """The endpoints, by name."""

    endpoints: dict[Word, Endpoint] = Field(default_factory=dict[str, Endpoint])


def _cells(section: WebhooksSection, within: Within) -> Iterable[CellSpec]:
    if section.endpoints:
        from actors.collectors.push import (
            PushCollector,
        )  # here: it needs kernels, and most installations have no endpoint
        from actors.edges.intake import Push

        content = ("type", "subject", "amount", "currency", "value", "properties")
        collector = PushCollector(BUSINESS_EVENTS.name, BUSINESS_EVENTS, content, LEAST, within.bound_us)
        yield CellSpec("collectors", collector, within.tenant, Push())


PART = Part("webhooks", section=WebhooksSection, cells=_cells)
