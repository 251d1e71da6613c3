"""What the operations share: how an address and a moment are written, and how an answer is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    import httpx


def path_of(base: str, *names: str) -> str:
    """``base`` and the names below it, whatever characters they have."""
    return "/".join([base, *(quote(name, safe="") for name in names)])


def moment(at: datetime | str | None) -> str | None:
    return at.isoformat() if isinstance(at, datetime) else at


def then(as_of: datetime | str | None, valid_at: datetime | str | None = None) -> dict[str, str | int | float]:
    said = {"as_of": moment(as_of), "valid_at": moment(valid_at)}
    return {name: value for name, value in said.items() if value}


def json_of(answer: httpx.Response) -> Any:
    import orjson

    return orjson.loads(answer.content)


def part(name: str) -> Callable[[httpx.Response], Any]:
    """Reads one field of the answer."""
    return lambda answer: json_of(answer)[name]


def nothing(answer: httpx.Response) -> None:
    return None
