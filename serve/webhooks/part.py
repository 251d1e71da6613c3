"""The part ``webhooks``: the endpoints that a configuration declares, and the collector behind them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from actors.definitions.channel_section import Reference
from actors.definitions.schema import Word
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.collected import BUSINESS_EVENTS, EMAIL_CAMPAIGNS
from serve.sources.mapping import Mapped

LEAST = 1 << 16
"""So many ids are remembered at least, and all of the last hour."""


MAIL = ("sendgrid", "mailgun", "postmark", "ses", "brevo")


class Endpoint(Mapped):
    """One address, ``POST /v1/webhooks/<name>``, and how who sends there proves that it may."""

    scheme: Literal["stripe", "standard", "github", "hmac", "sendgrid", "mailgun", "postmark", "ses", "brevo"]
    """``standard`` is Standard Webhooks 1.0; ``hmac`` is any other signature of the body. The last five send mail."""
    secret: Reference | None = None
    """What both sides know; of ``sendgrid``: the public key that it shows. ``ses`` has none."""
    topic: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:\S+$")
    """Of ``ses``: the ARN of the SNS topic. Nothing of another topic is taken, for anybody may have one."""
    tolerance_s: float = Field(default=300.0, ge=1, le=86_400)
    """How old a signature may be that says its time."""
    header: str = "X-Signature"
    """Of ``hmac``: the header with the signature. Of ``postmark`` and ``brevo``: the header with the secret, where that is
    not sent as basic authentication or a bearer token."""
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
        if self.scheme in ("postmark", "brevo"):
            asked -= {"header"}
        if asked and self.scheme != "hmac":
            raise ValueError(f"`{min(asked)}` is of the scheme hmac alone; {self.scheme} fixes it")
        mapped = set(Mapped.model_fields) & self.model_fields_set
        if mapped and self.tells_of_mail:
            raise ValueError(f"`{min(mapped)}` cannot be mapped: what {self.scheme} tells is known")
        if (self.topic is None) == (self.scheme == "ses"):
            raise ValueError("`topic` (an ARN) is required for the scheme ses, and of no other")
        if (self.secret is None) != (self.scheme == "ses"):
            raise ValueError("`secret` is required (env:NAME or file:NAME); only the scheme ses has none")
        return self

    @property
    def tells_of_mail(self) -> bool:
        """Whether its rows go to ``email_campaigns``; else they go to ``business_events``."""
        return self.scheme in MAIL


class WebhooksSection(PartSection):
    """The endpoints, by name."""

    endpoints: dict[Word, Endpoint] = Field(default_factory=dict[str, Endpoint])


def _cells(section: WebhooksSection, within: Within) -> Iterable[CellSpec]:
    if not section.endpoints:
        return
    from actors.collectors.push import PushCollector  # here: it needs kernels, and most installations have no endpoint
    from actors.edges.intake import Push

    content = {
        BUSINESS_EVENTS: ("type", "subject", "amount", "currency", "value", "properties"),
        EMAIL_CAMPAIGNS: ("type", "subject", "campaign", "properties"),
    }
    of_mail = {endpoint.tells_of_mail for endpoint in section.endpoints.values()}
    for stream in (EMAIL_CAMPAIGNS if mail else BUSINESS_EVENTS for mail in sorted(of_mail)):
        collector = PushCollector(stream.name, stream, content[stream], LEAST, within.bound_us)
        yield CellSpec("collectors", collector, within.tenant, Push())


PART = Part("webhooks", section=WebhooksSection, cells=_cells)
