"""What the settings of every channel share, and how they name a secret without having it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self, cast

from pydantic import (
    SecretStr,
    StringConstraints,
    model_validator,
)

from actors.definitions.schema import Section, Word

IN_CONFIGURATION = "configuration"
"""Stands for a secret that a configuration file has in clear: it is never shown, and never on ``control``."""
REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
"""Where a secret is: a variable of the environment of ``hindcast up``, or a file in ``secrets/`` of the data directory."""
Reference = Annotated[str, StringConstraints(pattern=f"^(?:{REFERENCE.pattern})$")]
"""A field that never has the secret itself."""


class ChannelSection(Section):
    """What the settings of every channel have. Those of a kind are a subclass, with its own fields.

    A secret is a field of the type ``SecretStr``: the secret itself (in a configuration file only), or where it is, as
    ``env:NAME`` or ``file:NAME``.
    """

    name: Word
    kind: str

    @property
    def references(self) -> dict[str, str]:
        """By field: what may be shown of each secret, which is where it is."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        secrets = {name: v.get_secret_value() for name, v in said.items() if isinstance(v, SecretStr)}
        return {name: text if REFERENCE.fullmatch(text) else IN_CONFIGURATION for name, text in secrets.items()}

    @model_validator(mode="after")
    def _hides_no_secret(self) -> Self:
        for place in _secrets_in(self.model_dump(exclude={*self.references})):
            raise ValueError(
                f"{place}: a secret is a field of the channel itself, where it is looked up; not within another"
            )
        return self


def _secrets_in(said: Any, at: str = "") -> Iterator[str]:
    """Where secrets are within what a section says."""
    if isinstance(said, SecretStr):
        yield at
    elif isinstance(said, Mapping):
        for name, value in cast("Mapping[str, Any]", said).items():
            yield from _secrets_in(value, f"{at}.{name}".lstrip("."))
    elif isinstance(said, list | tuple):
        for value in cast("Sequence[Any]", said):
            yield from _secrets_in(value, at)
