"""Who follows a host's topics: the gateway's access lists and the live hubs, each in a process of its own.

A follower tells with each question how it fared, so that the host can show those that fail: the process that answers for
the system's status is another one.
"""

from __future__ import annotations

import time
from typing import NamedTuple

FORGOTTEN_S = 120.0
"""A follower that has not asked for so long is gone: its replica was replaced."""


class Follower(NamedTuple):
    """One follower as it knows itself."""

    name: str
    failing: int = 0
    """Failures in a row; 0 where it follows well."""
    errors: int = 0
    """Failures since it began that were no mere waiting for a host."""
    last_error: str = ""


class Followed(NamedTuple):
    """One follower as its operator sees it."""

    follower: str
    host: str
    state: str
    """``following | retrying``"""
    errors: int
    last_error: str
    asked_s_ago: float


class Followers:
    """Those that asked one host lately."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._asked: dict[str, tuple[Follower, float]] = {}

    def heard(self, follower: Follower) -> None:
        now = time.monotonic()
        self._asked = {name: told for name, told in self._asked.items() if now - told[1] < FORGOTTEN_S}
        self._asked[follower.name] = (follower, now)

    def listed(self) -> list[Followed]:
        now = time.monotonic()
        return [
            Followed(
                f.name,
                self._host,
                "retrying" if f.failing else "following",
                f.errors,
                f.last_error,
                round(now - at, 1),
            )
            for f, at in self._asked.values()
            if now - at < FORGOTTEN_S
        ]
