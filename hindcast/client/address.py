"""Where a system is, and how to speak to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from events.errors import Rejected, Transient


def place_of(data_dir: str | Path) -> tuple[str, str]:
    """(address, admin key) of the system that runs on ``data_dir``, which is waited for where it is just starting.

    Raises ``Rejected`` where none does, ``Transient`` where it takes too long to start.
    """
    from hindcast.datadir import DataDir

    directory = Path(data_dir)
    running = DataDir(directory).started()
    if running is None and DataDir(directory).claimed():
        raise Transient(f"the system on {directory} is still starting; ask again in a moment")
    if running is None:
        raise Rejected(
            "data_dir", f"no system runs on {directory}; start one with `hindcast up --data-dir {directory}`"
        )
    try:
        return running.address, (directory / "admin.key").read_text().strip()
    except OSError as error:
        raise Rejected("key", f"cannot read {directory / 'admin.key'} ({error.strerror}); give a key") from None


def settings(address: str, key: str | None, timeout_s: float) -> dict[str, Any]:
    """Arguments for httpx's clients."""
    if not address.startswith(("http://", "https://")):
        address = f"http://{address}"
    headers = {"authorization": f"Bearer {key}"} if key else {}
    # Not by way of the environment's proxies or .netrc: the key goes to the address that was given, and nowhere else.
    return {"base_url": address, "headers": headers, "timeout": timeout_s, "trust_env": False}
