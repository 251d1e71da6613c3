"""What all checks of signatures share: what a good one says, and the three questions that each of them asks."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from serve.access import Denied
from serve.webhooks.part import Endpoint


class Signed(NamedTuple):
    """What a good signature says: the id of the message and its time, where the scheme has them."""

    id: str | None
    at_s: float | None
    signature: str


def there(headers: Mapping[str, str], name: str) -> str:
    """The header ``name``. Raises ``Denied`` where it is not there."""
    found = headers.get(name, "")
    if not found:
        raise Denied(name, "is not there; this endpoint takes only what is signed")
    return found


def fresh(endpoint: Endpoint, name: str, time: str, now_s: float) -> float:
    """``time`` (seconds since 1970, as text) as a number. Raises ``Denied`` for one that is too long ago or ahead."""
    if not (time.isascii() and time.isdigit() and len(time) < 12):
        raise Denied(name, "must say the time in seconds since 1970")
    age_s = now_s - int(time)
    if abs(age_s) > endpoint.tolerance_s:
        which = "ago" if age_s > 0 else "ahead"
        raise Denied(name, f"is of {abs(age_s):,.0f} s {which}; {endpoint.tolerance_s:g} s are allowed")
    return float(time)


def one_of(given: Iterable[str], wanted: str, name: str) -> str:
    """The one of ``given`` that is as ``wanted``, compared in constant time. Raises ``Denied``."""
    for signature in given:
        if hmac.compare_digest(signature.encode(), wanted.encode()):
            return signature
    raise Denied(name, "is not the signature of this body with the secret that both sides know")
