"""A channel: a way by which people are told of alerts."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, SecretStr, field_validator

from actors.definitions.schema import Section, Word
from actors.webhook_signing import secret_bytes

IN_CONFIGURATION = "configuration"
"""Stands for a secret that a configuration file has in clear: it is never shown, and never on ``control``."""
REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
"""Where a secret is: a variable of the environment of ``hindcast up``, or a file in ``secrets/`` of the data directory."""


class DashboardChannel(Section):
    """The page's own list of alerts."""

    name: Word
    kind: Literal["dashboard"]


class WebhookChannel(Section):
    """POSTs to a URL of yours, signed with ``secret`` (Standard Webhooks 1.0: ``whsec_`` and base64)."""

    name: Word
    kind: Literal["webhook"]
    url: HttpUrl
    secret: SecretStr
    """The secret itself (in a configuration file only), or where it is: ``env:NAME`` or ``file:NAME``."""

    @field_validator("secret")
    @classmethod
    def _is_a_secret(cls, secret: SecretStr) -> SecretStr:
        said = secret.get_secret_value()
        if said != IN_CONFIGURATION and not REFERENCE.fullmatch(said):
            secret_bytes(said)
        return secret

    @property
    def reference(self) -> str:
        """What may be shown of the secret: where it is."""
        said = self.secret.get_secret_value()
        return said if REFERENCE.fullmatch(said) else IN_CONFIGURATION


Channel = Annotated[DashboardChannel | WebhookChannel, Field(discriminator="kind")]
