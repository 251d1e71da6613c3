"""Signatures of webhooks: whether a body is from who it says it is, and of when. Pure functions."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping

from actors.webhook_signing import secret_bytes
from events.errors import Transient
from serve.access import Denied
from serve.webhooks.mail_signatures import mailgun, password, sendgrid
from serve.webhooks.part import Endpoint
from serve.webhooks.signed import Signed, fresh, one_of, there


def verified(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    """``headers`` by names in small letters; ``now_s`` in seconds since 1970.

    Raises ``Denied``, which names the header, for a signature that is not there, wrong or too old.

    Sources: https://docs.stripe.com/webhooks#verify-manually,
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
    https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    """
    return _CHECKS[endpoint.scheme](endpoint, secret, headers, body, now_s)


def _stripe(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    name = "stripe-signature"
    pairs = [piece.strip().partition("=") for piece in there(headers, name).split(",")]
    time = next((value for key, _, value in pairs if key == "t"), "")
    given = [value for key, _, value in pairs if key == "v1"]
    at_s = fresh(endpoint, name, time, now_s)
    wanted = hmac.new(secret.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest()
    return Signed(None, at_s, one_of(given, wanted, name))


def _standard(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    name = "webhook-signature"
    id, time = there(headers, "webhook-id"), there(headers, "webhook-timestamp")
    given = [piece.partition(",")[2] for piece in there(headers, name).split() if piece.startswith("v1,")]
    at_s = fresh(endpoint, "webhook-timestamp", time, now_s)
    try:
        key = secret_bytes(secret)
    except ValueError as error:
        raise Transient(f"the secret of this endpoint {error}", 60.0) from None
    digest = hmac.new(key, f"{id}.{time}.".encode() + body, hashlib.sha256).digest()
    return Signed(id, at_s, one_of(given, base64.b64encode(digest).decode(), name))


def _github(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    name = "x-hub-signature-256"
    given = there(headers, name).removeprefix("sha256=")
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Signed(headers.get("x-github-delivery"), None, one_of([given], wanted, name))


def _hmac(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    name, signed, at_s = endpoint.header.lower(), body, None
    given = there(headers, name)
    if not given.startswith(endpoint.prefix):
        raise Denied(name, f"must begin with {endpoint.prefix!r}")
    if endpoint.timestamp_header:
        time = there(headers, endpoint.timestamp_header.lower())
        at_s = fresh(endpoint, endpoint.timestamp_header.lower(), time, now_s)
        signed = time.encode() + b"." + body
    digest = hmac.new(secret.encode(), signed, endpoint.algorithm).digest()
    wanted = digest.hex() if endpoint.encoding == "hex" else base64.b64encode(digest).decode()
    return Signed(None, at_s, one_of([given.removeprefix(endpoint.prefix)], wanted, name))


_CHECKS: dict[str, Callable[[Endpoint, str, Mapping[str, str], bytes, float], Signed]] = {
    "stripe": _stripe,
    "standard": _standard,
    "github": _github,
    "hmac": _hmac,
    "sendgrid": sendgrid,
    "mailgun": mailgun,
    "postmark": password,
    "brevo": password,
}
