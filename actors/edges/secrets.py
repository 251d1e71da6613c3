"""Where secrets are: a definition has a reference, and only the edge that needs the secret reads it."""

from __future__ import annotations

import os
from pathlib import Path

from events.errors import Rejected

SECRETS = "secrets"
"""The folder of the data directory that has a file for each secret which a definition names."""


def secret_at(reference: str, folder: Path, field: str) -> str:
    """The secret that ``env:NAME`` (a variable of this process) or ``file:NAME`` (a file of ``folder``) stands for.

    The last line break of a file does not count. Raises ``Rejected`` about ``field`` where there is none.
    """
    place, _, name = reference.partition(":")
    if place == "env":
        said, where = os.environ.get(name), f"the environment variable {name}"
        remedy = "set it, then start again"
    else:
        path = folder / name
        said, where = _read(path), f"the file {path}"
        remedy = "write the secret into it"
    if said is None:
        raise Rejected(field, f"is in {where}, which is not there; {remedy}")
    return said


def _read(path: Path) -> str | None:
    try:
        return path.read_text().rstrip("\r\n")
    except OSError:
        return None
