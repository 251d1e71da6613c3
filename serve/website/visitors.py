"""Who visits, without a cookie and without keeping who it is: a name that holds for a day and leads back to nobody.

The name is a hash of the address, the browser and the site with a secret of the day. That is forgotten a day later; from
then on nobody can say, for any address, whether it was there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from pathlib import Path

_NAME = "visitors-"


class Visitors:
    """Names visitors; the day's secret is a file of ``folder``, so that every gateway gives the same name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._day = ""
        self._secret = b""

    def name(self, now_s: float, *known: str) -> str:
        """The visitor of whom ``known`` is known (UTC days)."""
        day = datetime.fromtimestamp(now_s, UTC).date().isoformat()
        if day != self._day:
            self._secret, self._day = self._of(day), day
        return hmac.new(self._secret, "\0".join(known).encode(), hashlib.sha256).hexdigest()[:32]

    def _of(self, day: str) -> bytes:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{_NAME}{day}"
        made = self._folder / f".{_NAME}{secrets.token_hex(8)}"
        made.touch(mode=0o600)
        made.write_bytes(secrets.token_bytes(32))
        try:
            path.hardlink_to(made)  # whole, and only where there is none yet
        except FileExistsError:
            pass
        finally:
            made.unlink()
        for other in self._folder.glob(f"{_NAME}*"):
            if other != path:
                other.unlink(missing_ok=True)
        return path.read_bytes()
