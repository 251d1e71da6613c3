"""Signatures of webhooks: whether a body is from who it says it is, and of when. Pure functions."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from actors.webhook_signing import secret_bytes
from events.errors import Transient
from serve.access import Denied
from serve.webhooks.part import Endpoint


class Signed(NamedTuple):
    """What a good signature says: the id of the message and its time, where the scheme has them."""

    id: str | None
    at_s: float | None
    signature: str


def verified(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    """``headers`` by names in small letters; ``now_s`` in seconds since 1970.

    Raises ``Denied``, which names the header, for a signature that is not there, wrong or too old.

    Sources: https://docs.stripe.com/webhooks#verify-manually,
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
    https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    """
    return {"stripe": _stripe, "standard": _standard, "github": _github, "hmac": _hmac}[endpoint.scheme](
        endpoint, secret, headers, body, now_s
    )


def _stripe(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    name = "stripe-signature"
    pairs = [piece.strip().partition("=") for piece in _there(headers, name).split(",")]
    time = next((value for key, _, value in pairs if key == "t"), "")
    given = [value for key, _, value in pairs if key == "v1"]
    at_s = _fresh(endpoint, name, time, now_s)
    wanted = hmac.new(secret.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest()
    return Signed(None, at_s, _one_of(given, wanted, name))


def _standard(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    name = "webhook-signature"
    id, time = _there(headers, "webhook-id"), _there(headers, "webhook-timestamp")
    given = [piece.partition(",")[2] for piece in _there(headers, name).split() if piece.startswith("v1,")]
    at_s = _fresh(endpoint, "webhook-timestamp", time, now_s)
    try:
        key = secret_bytes(secret)
    except ValueError as error:
        raise Transient(f"the secret of this endpoint {error}", 60.0) from None
    digest = hmac.new(key, f"{id}.{time}.".encode() + body, hashlib.sha256).digest()
    return Signed(id, at_s, _one_of(given, base64.b64encode(digest).decode(), name))


def _github(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    name = "x-hub-signature-256"
    given = _there(headers, name).removeprefix("sha256=")
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Signed(headers.get("x-github-delivery"), None, _one_of([given], wanted, name))


def _hmac(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    name, signed, at_s = endpoint.header.lower(), body, None
    given = _there(headers, name)
    if not given.startswith(endpoint.prefix):
        raise Denied(name, f"must begin with {endpoint.prefix!r}")
    if endpoint.timestamp_header:
        time = _there(headers, endpoint.timestamp_header.lower())
        at_s = _fresh(endpoint, endpoint.timestamp_header.lower(), time, now_s)
        signed = time.encode() + b"." + body
    digest = hmac.new(secret.encode(), signed, endpoint.algorithm).digest()
    wanted = digest.hex() if endpoint.encoding == "hex" else base64.b64encode(digest).decode()
    return Signed(None, at_s, _one_of([given.removeprefix(endpoint.prefix)], wanted, name))


def _there(headers: Mapping[str, str], name: str) -> str:
    found = headers.get(name, "")
    if not found:
        raise Denied(name, "is not there; this endpoint takes only what is signed")
    return found


def _fresh(endpoint: Endpoint, name: str, time: str, now_s: float) -> float:
    if not (time.isascii() and time.isdigit() and len(time) < 12):
        raise Denied(name, "must say the time in seconds since 1970")
    age_s = now_s - int(time)
    if abs(age_s) > endpoint.tolerance_s:
        which = "ago" if age_s > 0 else "ahead"
        raise Denied(name, f"is of {abs(age_s):,.0f} s {which}; {endpoint.tolerance_s:g} s are allowed")
    return float(time)


def _one_of(given: Iterable[str], wanted: str, name: str) -> str:
    for signature in given:
        if hmac.compare_digest(signature.encode(), wanted.encode()):
            return signature
    raise Denied(name, "is not the signature of this body with the secret that both sides know")
