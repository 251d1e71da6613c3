"""Amazon SNS, by which Amazon SES tells of mail: signed with a certificate of Amazon's, and subscribed to with a request.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from events.errors import Rejected, Transient
from serve.access import Denied
from serve.ingest.times import parse_time
from serve.webhooks.part import Endpoint
from serve.webhooks.signed import Signed

Fetch = Callable[[str], bytes]
"""Answers the body at a URL; raises ``Transient`` or ``Rejected``."""
_HOST = re.compile(r"sns\.[a-z]{2,4}(-[a-z]+)+-\d\.amazonaws\.com(\.cn)?", re.ASCII)
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
MOST_CERTIFICATES = 16


class Notice(NamedTuple):
    """A message of SNS, as it came; it is not known yet whether it is true."""

    type: str
    said: dict[str, Any]

    @property
    def connected(self) -> bool:
        """Whether it only says that SES may publish to the topic, in words."""
        return str(self.said["Message"]).startswith("Successfully validated SNS topic")

    @property
    def message(self) -> object:
        """What SES says. Raises ``Rejected`` where that is no JSON."""
        try:
            return orjson.loads(str(self.said["Message"]))
        except orjson.JSONDecodeError:
            raise Rejected("Message", "is not JSON, so it is no event of Amazon SES") from None


def notice(body: bytes) -> Notice:
    """Raises ``Denied`` for a body that is no message of SNS."""
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    type = str(said.get("Type")) if isinstance(said, dict) else ""
    if type not in _SIGNED:
        raise Denied("Type", "must be one of a message of Amazon SNS; leave raw message delivery off: it is not signed")
    for name in (*_SIGNED[type], "Signature", "SigningCertURL"):
        if name != "Subject" and not isinstance(said.get(name), str):
            raise Denied(name, "is not there; this endpoint takes only what Amazon SNS signs")
    return Notice(type, said)


class Certificates:
    """Verifies messages of SNS; a certificate is fetched once."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[str, Any] = {}

    def verify(self, endpoint: Endpoint, notice: Notice, now_s: float) -> Signed:
        """Raises ``Denied`` for a message that is not of the endpoint's topic, too old, or not signed by Amazon, and
        ``Transient`` where the certificate cannot be had now."""
        from cryptography.exceptions import InvalidSignature  # here: only who gets Amazon's webhooks needs it
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        said = notice.said
        if said["TopicArn"] != endpoint.topic:
            raise Denied(
                "TopicArn", "is not the topic that this endpoint is for: anybody can sign with a topic of their own"
            )
        at_us = parse_time(said["Timestamp"])
        if at_us is None or abs(now_s - at_us / 1e6) > endpoint.tolerance_s:
            raise Denied("Timestamp", f"must be a time, at most {endpoint.tolerance_s:g} s from now")
        digest = {"1": hashes.SHA1(), "2": hashes.SHA256()}.get(str(said.get("SignatureVersion")))
        if digest is None:
            raise Denied("SignatureVersion", "must be 1 or 2")
        text = "".join(f"{name}\n{said[name]}\n" for name in _SIGNED[notice.type] if said.get(name) is not None)
        key = self._key(said["SigningCertURL"], now_s)
        try:
            key.verify(base64.b64decode(said["Signature"], validate=True), text.encode(), PKCS1v15(), digest)
        except (InvalidSignature, ValueError, binascii.Error):
            raise Denied("Signature", "is not the signature of this message with Amazon's certificate") from None
        return Signed(said["MessageId"], at_us / 1e6, said["Signature"])

    def confirm(self, notice: Notice) -> None:
        """Tell Amazon that we want the topic; the message must be verified."""
        of_amazon("SubscribeURL", notice.said["SubscribeURL"])
        self._fetch(notice.said["SubscribeURL"])

    def _key(self, url: str, now_s: float) -> Any:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

        of_amazon("SigningCertURL", url)
        certificate = self._known.get(url)
        if certificate is None:
            try:
                certificate = x509.load_pem_x509_certificate(self._fetch(url))
            except ValueError:
                raise Transient("Amazon answered no certificate where the message says that it is", 5.0) from None
            while len(self._known) >= MOST_CERTIFICATES:
                del self._known[next(iter(self._known))]
            self._known[url] = certificate
        now = datetime.fromtimestamp(now_s, UTC)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            del self._known[url]
            raise Denied("SigningCertURL", "leads to a certificate that is not valid now")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Denied("SigningCertURL", "leads to a certificate of another kind than Amazon's")
        return key


def of_amazon(name: str, url: str) -> None:
    """Raises ``Denied`` for an address that is not Amazon's own: else anybody's certificate would do."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not _HOST.fullmatch(parts.netloc):
        raise Denied(name, "must begin with https://sns.<region>.amazonaws.com/")
