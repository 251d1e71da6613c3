"""Short private folders for Unix sockets.

The path of a Unix socket may have 107 bytes on Linux, HAProxy takes 97 of them, and a data directory may lie at any depth,
or on a file system that has no sockets. So no socket is ever made in a data directory: all of them are in one folder of the
user's, which nobody else may enter.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from events.errors import Rejected

MOST_BYTES = 38
"""Longest path of a data directory's folder: HAProxy's own below it are ``/<56 digits of Ray's node id>/a``."""
KEY_DIGITS = 12


def of_data(data: Path) -> Path:
    """The folder for the sockets of one data directory, which must exist; made where it is not there.

    Two names of one directory (symbolic links, mounts) have one folder, and it follows the directory where that is moved.
    Raises ``Rejected`` where this user can have no such folder.
    """
    found = data.stat()
    identity = f"{found.st_dev}:{found.st_ino}".encode()
    return _made(of_user() / hashlib.sha256(identity).hexdigest()[:KEY_DIGITS])


def of_bells() -> Path:
    """The folder for the sockets of waiting processes, whatever they wait for; made where it is not there."""
    return _made(of_user() / "bells")


def of_user() -> Path:
    """The folder that belongs to this user and can be entered by nobody else; made where it is not there.

    In /tmp before all: what lies below ``XDG_RUNTIME_DIR`` is deleted when the user logs out, under a system that goes on.
    Where somebody else took the name in /tmp first, the next place is taken. Raises ``Rejected``, with each place's fault.
    """
    faults: list[str] = []
    for place in _places():
        fault = _fault(place)
        if not fault:
            return place
        faults.append(f"{place} {fault}")
    raise Rejected("runtime folder", f"no place for private sockets: {'; '.join(faults)}; mend one of them")


def _places() -> Iterator[Path]:
    """Where the folder may be, the best place first."""
    user = os.geteuid()
    yield Path(f"/tmp/hindcast-{user}")
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    if session.startswith("/"):
        yield Path(session) / "hindcast"
    yield Path(f"/run/user/{user}/hindcast")
    yield Path(f"/var/tmp/hindcast-{user}")


def _fault(place: Path) -> str:
    """Makes ``place``; says what speaks against it, or nothing."""
    if len(os.fsencode(place)) + 1 + KEY_DIGITS > MOST_BYTES:
        return "has too long a path"
    if set(str(place)) & set(" \t\\'\"#"):
        return "has signs in its path that HAProxy reads as its own"
    try:
        around = place.parent.stat()
        if around.st_mode & 0o022 and not around.st_mode & stat.S_ISVTX:
            return "can be replaced by others, who may write to the folder around it"
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError as error:
        return f"cannot be made ({error.strerror})"
    if not stat.S_ISDIR(found.st_mode):
        return "is no folder"
    if found.st_uid != os.geteuid():
        return f"belongs to another user ({found.st_uid})"
    if found.st_mode & 0o077:
        return "is open to others (`chmod 700` closes it)"
    return "" if os.access(place, os.W_OK | os.X_OK) else "is not writable"


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
