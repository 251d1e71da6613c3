"""Signed links to dashboards: made from a share and a secret of this system, and judged without being kept.

A token is ``hcs_``, its claims as base64url of JSON, a dot, and the HMAC-SHA256 of the claims. Each share has a secret of
its own, derived from the system's; a site that embeds a dashboard may be given it, and then signs tokens for its readers,
each with a narrower filter. A share that is removed opens nothing any more, whatever was signed for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from actors.definitions.share import Share
from events.errors import Rejected
from serve.access import Denied

TOKEN = "hcs_"
NAME = "sharing"
"""The file of the secrets' folder that has the system's own."""
LONGEST = 4_000
GONE = "this link has ended: it was revoked, or its time is over; ask whoever sent it for a new one"
FORGED = "this link is not one of ours, or it was changed on its way; ask whoever sent it for a new one"


class Shared(NamedTuple):
    """What a token opens."""

    id: str
    share: Share
    filter: Mapping[str, str]
    """The share's, and the token's own: both hold."""
    expires: float | None
    """Seconds since 1970, UTC: the sooner of both."""


def is_share_token(key: str) -> bool:
    return key.startswith(TOKEN)


def system_secret(folder: Path) -> bytes:
    """The system's secret for links; made when it is first needed. Several processes that make it agree on one."""
    path = folder / NAME
    try:
        return bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        own = folder / f".{NAME}.{os.getpid()}.{secrets.token_hex(4)}"
        own.write_text(secrets.token_hex(32))
        own.chmod(0o600)
        try:
            os.link(own, path)  # never over one that is there
        except FileExistsError:
            pass
        finally:
            own.unlink()
        return bytes.fromhex(path.read_text().strip())


def secret_of(system: bytes, share: str) -> str:
    """The secret of one share, in hex: the key of the HMAC is these characters."""
    return hmac.new(system, f"share\0{share}".encode(), hashlib.sha256).hexdigest()


def signed(secret: str, claims: Mapping[str, Any]) -> str:
    """A token with these claims: ``share``, and where wanted ``exp`` (seconds UTC) and ``filter`` (values by property)."""
    said = _b64(orjson.dumps(claims, option=orjson.OPT_SORT_KEYS))
    return f"{TOKEN}{said}.{_b64(_mac(secret, said))}"


def opened(
    token: str, system: bytes, definitions: Mapping[str, Mapping[str, Any]], now_s: float | None = None
) -> Shared:
    """What ``token`` opens. Raises ``Denied`` for one that is forged, expired or of a share that is gone."""
    claims = _claims(token)
    id = claims.get("share")
    said, _, mac = token.removeprefix(TOKEN).partition(".")
    if not isinstance(id, str) or not hmac.compare_digest(_unb64(mac), _mac(secret_of(system, id), said)):
        raise Denied("authorization", FORGED)
    entry = definitions.get(f"share/{id}")
    if entry is None:
        raise Denied("authorization", GONE)
    share = Share.model_validate(entry["spec"])
    own, own_filter = claims.get("exp"), claims.get("filter", {})
    if (own is not None and not isinstance(own, int | float)) or not _is_filter(own_filter):
        raise Denied("authorization", "its claims are not understood: `exp` is a number, `filter` texts by property")
    ends = [float(one) for one in (share.expires, own) if one is not None]
    if ends and min(ends) <= (time.time() if now_s is None else now_s):
        raise Denied("authorization", GONE)
    for field, value in own_filter.items():
        if share.filter.get(field, value) != value:
            raise Denied("authorization", f"its filter of {field!r} is wider than, or beside, the share's own")
    return Shared(id, share, {**own_filter, **share.filter}, min(ends) if ends else None)


def _is_filter(said: Any) -> bool:
    return isinstance(said, dict) and all(isinstance(one, str) for pair in said.items() for one in pair)


def _claims(token: str) -> dict[str, Any]:
    said = token.removeprefix(TOKEN).partition(".")[0]
    try:
        found = orjson.loads(_unb64(said)) if len(token) <= LONGEST else None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Denied("authorization", FORGED)
    return found


def _mac(secret: str, said: str) -> bytes:
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).digest()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    """Nothing for what is no base64url."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def refuse_past(expires: float | None) -> None:
    """Raises ``Rejected`` for a share that would be over before it begins."""
    if expires is not None and expires <= time.time():
        raise Rejected("expires", "lies in the past; give a moment to come, or leave it out")
