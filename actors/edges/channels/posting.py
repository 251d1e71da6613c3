"""Requests of channels that speak HTTP: guarded, bounded in time, and with what a refusal means for the next attempt."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import httpx

from actors.edges.channels.undelivered import Undelivered
from actors.edges.guard import Guard, GuardedTransport
from actors.edges.retry_after import seconds_of
from events.errors import Rejected, Transient

TIMEOUT_S = 10.0
"""For the connection, and for each wait for bytes."""
MOST_BYTES = 100_000
"""Of an answer that is read."""


def post(
    url: str,
    *,
    guard: Guard | None,
    json: Any = None,
    content: bytes | None = None,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    gone: Collection[int] = (410,),
) -> str:
    """POST and answer the text of the answer. Raises ``Undelivered``; what it says never has the address, which may be a
    secret. ``guard``: None where any address may be asked; ``gone``: statuses that mean that it will never be taken."""
    transport = GuardedTransport(guard) if guard else None
    try:
        with (
            httpx.Client(transport=transport, timeout=timeout_s, follow_redirects=False) as client,
            client.stream("POST", url, json=json, content=content, data=form, headers=headers, auth=auth) as answer,
        ):
            text = _text(answer)
    except httpx.HTTPError as error:
        raise Undelivered(f"{type(error).__name__}: {_without(str(error), url)}") from None
    except (Rejected, Transient) as error:
        raise Undelivered(_without(str(error), url)) from None
    if answer.status_code in gone:
        said = "410 Gone: the receiver wants no more of these" if answer.status_code == 410 else _refusal(answer, text)
        raise Undelivered(said, final=True)
    if not answer.is_success:
        hold_s = seconds_of(answer.headers.get("retry-after", ""), time.time())
        raise Undelivered(_refusal(answer, text), hold_s=hold_s)
    return text


def _text(answer: httpx.Response) -> str:
    read = bytearray()
    for part in answer.iter_bytes():
        read += part
        if len(read) > MOST_BYTES:
            break
    return bytes(read[:MOST_BYTES]).decode("utf-8", "replace")


def _refusal(answer: httpx.Response, text: str) -> str:
    said = " ".join(text.split())[:200]
    return f"HTTP {answer.status_code}: {said}" if said and "<" not in said else f"HTTP {answer.status_code}"


def _without(said: str, url: str) -> str:
    return said.replace(url, "its address") or "no reason was given"
