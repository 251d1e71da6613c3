"""Where secrets are: a definition has a reference, and only the edge that needs the secret reads it."""

from __future__ import annotations

import os
from pathlib import Path

from actors.webhook_signing import secret_bytes
from events.errors import Rejected

SECRETS = "secrets"
"""The folder of the data directory that has a file for each secret which a definition names."""


def secret_at(reference: str, folder: Path) -> str:
    """The webhook secret that ``reference`` stands for, as ``text_at`` has it. Raises ``Rejected`` also where it is none."""
    said = text_at(reference, folder)
    try:
        secret_bytes(said)
    except ValueError as error:
        raise Rejected("secret", f"is in {_where(reference, folder)}, which {error}") from None
    return said


def text_at(reference: str, folder: Path) -> str:
    """What ``env:NAME`` (a variable of this process) or ``file:NAME`` (a file of ``folder``, whose last line break does not
    count) holds. Raises ``Rejected``, which says what to do and shows nothing of the secret."""
    place, _, name = reference.partition(":")
    said = os.environ.get(name) if place == "env" else _read(folder / name)
    if said is None:
        remedy = "set it, then start again" if place == "env" else "write the secret into it"
        raise Rejected("secret", f"is in {_where(reference, folder)}, which is not there; {remedy}")
    return said


def _where(reference: str, folder: Path) -> str:
    place, _, name = reference.partition(":")
    return f"the environment variable {name}" if place == "env" else f"the file {folder / name}"


def _read(path: Path) -> str | None:
    try:
        return path.read_text().rstrip("\r\n")
    except OSError:
        return None
