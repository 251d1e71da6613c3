"""Links by which somebody who reads a message says that they take care of the alert: signed, for three days, once.

A link has the alert, the message that carried it, the channel, and when it ends, under an HMAC-SHA256 of this system's own
secret (a file that the first start makes). Opening it changes nothing, for programs open links, too; a button there does.
That it works once is kept where everything is: by the acknowledgement in the log.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any, NamedTuple

from events.errors import Rejected

FILE = "acknowledge.key"
LASTS_US = 3 * 86_400 * 1_000_000
ABOUT = ("alert.fired", "alert.escalated")
"""Of the messages that get a link."""


class Acknowledgement(NamedTuple):
    """What a link says."""

    alert: str
    channel: str
    once: str
    """Names the link; an acknowledgement by it has this as its id."""


def make_secret(folder: Path) -> None:
    """Make the secret that links are signed with, where there is none yet."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        made = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(made, "w") as file:
        file.write(secrets.token_hex(32))


def with_link(body: str, key: str, channel: str, now_us: int, folder: Path) -> str:
    """``body`` with the link in ``acknowledge``, where it is about an alert that fires and links lead to our page."""
    said: Any = json.loads(body)
    secret = _secret(folder)
    if (
        not isinstance(said, dict)
        or said.get("type") not in ABOUT
        or "/#/" not in str(said.get("link", ""))
        or not secret
    ):  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        return body
    page = str(said["link"]).partition("/#/")[0]  # pyright: ignore[reportUnknownArgumentType]
    token = signed(secret, str(said["alert"]), key, channel, now_us + LASTS_US)  # pyright: ignore[reportUnknownArgumentType]
    return json.dumps({**said, "acknowledge": f"{page}/acknowledge?token={token}"}, sort_keys=True)


def signed(secret: bytes, alert: str, key: str, channel: str, until_us: int) -> str:
    """The token of a link."""
    said = json.dumps([alert, key, channel, until_us]).encode()
    return f"{_text(said)}.{_text(hmac.digest(secret, said, hashlib.sha256))}"


def verified(token: str, now_us: int, folder: Path) -> Acknowledgement:
    """What a token says. Raises ``Rejected`` for one that is forged, damaged or too old."""
    said, _, signature = token.partition(".")
    secret = _secret(folder)
    try:
        content = _bytes(said)
        right = bool(secret) and hmac.compare_digest(_bytes(signature), hmac.digest(secret, content, hashlib.sha256))
    except (binascii.Error, ValueError):
        right, content = False, b""
    if not right:
        raise Rejected("token", "is none of this system; open the link as it stands in the message")
    alert, key, channel, until_us = json.loads(content)
    if now_us > until_us:
        raise Rejected("token", "is too old: such a link works for three days; acknowledge on the page")
    return Acknowledgement(alert, channel, f"acknowledge {hashlib.sha256(f'{key} {alert}'.encode()).hexdigest()[:32]}")


def _secret(folder: Path) -> bytes:
    try:
        return (folder / FILE).read_bytes()
    except OSError:
        return b""


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
