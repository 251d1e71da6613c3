"""``as_of`` and ``valid_at``: the moment that a question is about."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, NamedTuple

from fastapi import Query

from events.errors import Rejected
from events.log import LogReader
from query import as_of as moments
from query.as_of import Moment
from serve.gateway import Gateway
from serve.parameters import seconds_since

AsOf = Annotated[
    str,
    Query(
        description="What was known then: ISO 8601, seconds since 1970, how long ago (`1h`), or the `as_of` of an answer",
        examples=["2026-01-31T09:30:00Z"],
    ),
]
ValidAt = Annotated[
    str, Query(description="The same moment with hindsight: all that happened up to then, whenever it became known")
]


TOKEN = 40
"""Characters: what is shorter was meant as a time."""


class Asked(NamedTuple):
    """``moment`` None: now. ``valid_at``: us UTC; None: all times. ``now_s``: what times ago are counted from."""

    moment: Moment | None
    valid_at: int | None
    now_s: float


async def asked(gateway: Gateway, as_of: str | None, valid_at: str | None = None) -> Asked:
    """As ``asked_of``, of the gateway's log."""
    if not as_of and not valid_at:
        return Asked(None, None, time.time())
    return await asyncio.to_thread(asked_of, gateway.log, gateway.spec.tenant, as_of, valid_at)


def asked_of(log: LogReader, tenant: str, as_of: str | None, valid_at: str | None = None) -> Asked:
    """Raises ``Rejected`` for what is no moment, one to come, and ``as_of`` before the first event."""
    now_s = time.time()
    valid_us = None
    if valid_at:
        valid_us = round(seconds_since(valid_at, now_s, "valid_at") * 1e6)
        if valid_us > now_s * 1e6:
            raise Rejected("valid_at", f"is in the future: it is {moments.iso(int(now_s * 1e6))} now")
    if not as_of:
        return Asked(None, valid_us, now_s if valid_us is None else valid_us / 1e6)
    try:
        at_s = seconds_since(as_of, now_s, "as_of")
    except Rejected as no_time:
        try:
            return Asked(moments.of_token(log, tenant, as_of), valid_us, now_s)
        except Rejected as no_token:
            raise (no_time if len(as_of) < TOKEN else no_token) from None
    return Asked(moments.at(log, tenant, round(at_s * 1e6), round(now_s * 1e6)), valid_us, at_s)
