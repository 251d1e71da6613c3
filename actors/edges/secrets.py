"""Where secrets are: a definition has a reference, and only the edge that needs the secret reads it."""

from __future__ import annotations

import os
from pathlib import Path

from actors.webhook_signing import secret_bytes
from events.errors import Rejected


def secret_at(reference: str, folder: Path) -> str:
    """The webhook secret that ``env:NAME`` (a variable of this process) or ``file:NAME`` (a file of ``folder``, whose last
    line break does not count) stands for. Raises ``Rejected``, which says what to do and shows nothing of the secret."""
    place, _, name = reference.partition(":")
    if place == "env":
        said, where = os.environ.get(name), f"the environment variable {name}"
        remedy = "set it, then start again"
    else:
        path = folder / name
        said, where = _read(path), f"the file {path}"
        remedy = "write the secret into it"
    if said is None:
        raise Rejected("secret", f"is in {where}, which is not there; {remedy}")
    try:
        secret_bytes(said)
    except ValueError as error:
        raise Rejected("secret", f"is in {where}, which {error}") from None
    return said


def _read(path: Path) -> str | None:
    try:
        return path.read_text().rstrip("\r\n")
    except OSError:
        return None
