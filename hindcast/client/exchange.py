"""One call of the API, free of I/O: when to send it again, and what the answer means.

``exchange`` is a generator: it yields how long to wait before the next try and is sent what came of that try, so the
synchronous and the asynchronous client run the same code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Generator
from time import time
from typing import Any, TypeVar

import httpx

from actors.edges.retry_after import seconds_of
from events.errors import Rejected, Transient
from hindcast.client.call import Call

T = TypeVar("T")
TRIES = 8
AGAIN = frozenset({429, 502, 503, 504})
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0


class ApiError(Rejected):
    """The server refused the call; ``status`` is HTTP's, ``ref`` finds the details in the server's log."""

    def __init__(self, status: int, field: str, reason: str, ref: str = "") -> None:
        super().__init__(field, reason)
        self.status = status
        self.ref = ref

    def __reduce__(self) -> Any:
        return (type(self), (self.status, self.field, self.reason, self.ref))


class Unreachable(Transient):
    """No answer, or only “not now”, after every try."""


Reply = httpx.Response | httpx.TransportError


def exchange(call: Call[T], tries: int) -> Generator[float, Reply, T]:
    """Yields seconds to wait before each try. Raises ``ApiError``, or ``Unreachable`` after ``tries`` of them."""
    pause = 0.0
    said = ""
    for attempt in range(tries):
        reply = yield pause
        pause = min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S) * random.uniform(0.75, 1.25)
        if isinstance(reply, httpx.TransportError):
            said = f"{type(reply).__name__}: {reply}"
            if not call.repeatable and not isinstance(reply, httpx.ConnectError):
                break
        elif reply.status_code in AGAIN and reply.status_code not in call.judged:
            said = f"{reply.status_code}: {_problem(reply).get('reason') or reply.text[:200]}"
            pause = _retry_after(reply.headers.get("retry-after", ""), pause)
        elif reply.is_success or reply.status_code in call.judged:
            return call.read(reply)
        else:
            raise refused(reply)
    raise Unreachable(f"{call.method} {call.path}: no success after {tries} tries ({said})", pause)


def _retry_after(header: str, otherwise: float) -> float:
    """Seconds to wait, within reason."""
    asked = seconds_of(header, time())
    return otherwise if asked is None else min(asked, LONGEST_PAUSE_S)


def refused(reply: httpx.Response) -> ApiError:
    """The server's error answer as an exception."""
    problem = _problem(reply)
    reason = problem.get("reason") or f"answered {reply.status_code} {reply.reason_phrase}: {reply.text[:200]}"
    if reply.status_code == 401 and not problem.get("field"):
        problem["field"] = "key"
    return ApiError(reply.status_code, problem.get("field", ""), reason, problem.get("ref", ""))


def _problem(reply: httpx.Response) -> dict[str, str]:
    try:
        found = reply.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    problem = found.get("error") if isinstance(found, dict) else None
    return {str(k): str(v) for k, v in problem.items()} if isinstance(problem, dict) else {}
