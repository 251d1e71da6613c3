"""How the services that send mail prove that it is they who tell of it. Pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from events.errors import Rejected, Transient
from serve.access import Denied
from serve.webhooks.part import Endpoint
from serve.webhooks.signed import Signed, fresh, one_of, there


def sendgrid(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    """ECDSA over the time and the body; ``secret`` is the public key that SendGrid shows, base64 of DER.

    Source: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
    """
    from cryptography.exceptions import InvalidSignature  # here: only who gets SendGrid's webhooks needs it
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    name, when = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
    given, time = there(headers, name), there(headers, when)
    at_s = fresh(endpoint, when, time, now_s)
    try:
        key = load_der_public_key(base64.b64decode(secret, validate=True))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Transient("the secret of this endpoint must be SendGrid's verification key, as its page shows it", 60.0)
    try:
        key.verify(base64.b64decode(given, validate=True), time.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, binascii.Error):
        raise Denied(name, "is not the signature of this body with SendGrid's key") from None
    return Signed(None, at_s, given)


def mailgun(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    """HMAC of a time and a token, both in the body. It does not cover the event: that a signature is taken once matters.

    Source: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
    """
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected("body", f"is not JSON: {error}") from None
    signature = said.get("signature") if isinstance(said, dict) else None
    if not isinstance(signature, dict):
        raise Denied("signature", "is not there; this endpoint takes only what Mailgun signs")
    time, token, given = (str(signature.get(name) or "") for name in ("timestamp", "token", "signature"))  # type: ignore[reportUnknownArgumentType]
    at_s = fresh(endpoint, "signature.timestamp", time, now_s)
    wanted = hmac.new(secret.encode(), f"{time}{token}".encode(), hashlib.sha256).hexdigest()
    return Signed(None, at_s, one_of([given], wanted, "signature.signature"))


def password(endpoint: Endpoint, secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Signed:
    """A secret that is sent along, for services that sign nothing: ``user:password`` of basic authentication, a bearer
    token, or the value of the header that ``header`` names.

    Sources: https://postmarkapp.com/developer/webhooks/webhooks-overview#protecting-your-webhook,
    https://developers.brevo.com/docs/username-and-password-authentication
    """
    if "header" in endpoint.model_fields_set:
        name, wanted = endpoint.header.lower(), [secret]
    else:
        name = "authorization"
        wanted = [f"Basic {base64.b64encode(secret.encode()).decode()}", f"Bearer {secret}"]
    given = there(headers, name)
    if not any(hmac.compare_digest(given.encode(), one.encode()) for one in wanted):
        raise Denied(name, "is not the secret that both sides know")
    return Signed(None, None, "")
