"""What the tests of a running system share: ids that no other test uses, and events made of few words."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from typing import Any

import pytest

only_packed = pytest.mark.parametrize("running", ["packed"], indirect=True)
"""For what the placement cannot change."""

BATCH = {"content-type": "application/cloudevents-batch+json"}
_numbers = itertools.count()
_run = time.time_ns()


def fresh(what: str) -> str:
    """A name that is used once, also across runs on one log."""
    return f"{what}-{_run}-{next(_numbers)}"


def now() -> str:
    return datetime.now(UTC).isoformat()


def event(**said: Any) -> dict[str, Any]:
    """A CloudEvent that is well formed but for what is ``said``; None takes an attribute away."""
    whole = {"specversion": "1.0", "id": fresh("e"), "source": "test", "type": "thing.done", "time": now(), **said}
    return {name: value for name, value in whole.items() if value is not None}


def order(amount: float, **said: Any) -> dict[str, Any]:
    return event(type="order.placed", data={"revenue": amount, "currency": "EUR"}, **said)
