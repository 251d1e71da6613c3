"""Backups: a system's data directory as it was at one moment, in a folder, with a checksum for every file.

The system may run meanwhile. Log and archive belong together: nothing is archived between the moment of the cut and the
end of the copy, so that the archive never has more than the log knows of.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import msgspec

from events.archive.files import checksum_of
from events.archive.job import alone
from events.errors import Corrupt, Rejected, Transient
from hindcast.log_place import copy_log, log_in

MANIFEST = "backup.json"
ARCHIVER_S = 120.0
"""How long a backup waits for a run of the archiver to end."""
LOOK_S = 0.1
_NOT_KEPT = frozenset({"lock", "runtime.json", "generation", "ray", "ray.token", "proxy", "log", "archive"})
"""Of a data directory: what a process leaves while it runs, what is copied in its own way, and the log's identity, for a
restored log goes on otherwise than the one before."""
_COPIES = frozenset({"blocks", "lock"})
"""Of the archive: blocks are made again."""


class Manifest(msgspec.Struct, frozen=True):
    """What a backup has. It is written last: a folder without one is no whole backup."""

    version: str
    """Of the Hindcast that made it."""
    at: int
    """When, microseconds UTC."""
    commits: dict[str, int]
    """The cut: the last commit of each cell."""
    files: dict[str, str]
    """xxh3-128 of each file, hexadecimal, by its place."""
    bytes: int


def back_up(data_dir: Path, folder: Path) -> Manifest:
    """Copy the system on ``data_dir``, which may run, to ``folder``.

    Raises ``Rejected`` where there is no log, or ``folder`` has something in it or cannot be written; ``Transient`` for a
    full disk or an archiver that is at work for long. Nothing is left in ``folder`` then.
    """
    log_in(data_dir)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Rejected("folder", f"{folder} is not empty; each backup has a folder of its own")
    if folder.resolve().is_relative_to(data_dir.resolve()):
        raise Rejected(
            "folder", f"{folder} lies in the data directory; a backup belongs elsewhere, best on another disk"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _backed_up(data_dir, folder)
    except BaseException as error:
        with suppress(OSError):
            shutil.rmtree(folder)
        if isinstance(error, OSError):
            raise _unwritten("folder", folder, error) from error
        raise


def _backed_up(data_dir: Path, folder: Path) -> Manifest:
    with _archiver_waits(data_dir / "archive"):
        at = time.time_ns() // 1000
        commits = copy_log(data_dir, folder)
        for file in _files(data_dir / "archive", _COPIES):
            _copy(data_dir / "archive" / file, folder / "archive" / file)
    for file in _files(data_dir, _NOT_KEPT):
        _copy(data_dir / file, folder / file)
    files = list(_files(folder, frozenset()))
    sizes = sum((folder / file).stat().st_size for file in files)
    found = Manifest(
        version("hindcast"), at, commits, {str(file): checksum_of(folder / file) for file in sorted(files)}, sizes
    )
    part = folder / f"{MANIFEST}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    part.rename(folder / MANIFEST)
    os.sync()
    return found


@contextmanager
def _archiver_waits(root: Path) -> Generator[None, None, None]:
    with ExitStack() as held:
        deadline = time.monotonic() + ARCHIVER_S
        while True:
            try:
                held.enter_context(alone(root))
                break
            except Transient:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_S)
        yield


def restore(folder: Path, data_dir: Path) -> Manifest:
    """Make the backup in ``folder`` the data directory ``data_dir``, which must not be there yet, or be empty.

    Raises ``Rejected`` for what is no whole backup, and ``Corrupt`` where one of its files is not what was written; nothing
    is left in ``data_dir`` then.
    """
    try:
        found = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise Rejected("folder", f"{folder} is no whole backup: it has no {MANIFEST}") from None
    except (msgspec.MsgspecError, OSError) as error:
        raise Corrupt(f"{folder / MANIFEST} cannot be read ({error}); use another backup") from error
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise Rejected(
            "data_dir", f"{data_dir} is not empty; restore into a new directory, then move that to its place"
        )
    draft = data_dir.with_name(f"{data_dir.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for file, checksum in found.files.items():
            if not (draft / file).resolve().is_relative_to(draft.resolve()):
                raise Corrupt(f"{folder / MANIFEST} names {file!r}, which is no file of a backup; use another backup")
            _restored(folder / file, draft / file, checksum)
        with suppress(FileNotFoundError):
            data_dir.rmdir()
        draft.chmod(0o700)
        draft.rename(data_dir)
        os.sync()
    except OSError as error:
        raise _unwritten("data_dir", data_dir, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return found


def _unwritten(field: str, folder: Path, error: OSError) -> Rejected | Transient:
    """The error for a folder that cannot be written; only where it is full does room help."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Transient(f"{folder}: {error}; make room for it", 30.0)
    return Rejected(field, f"{folder} cannot be written ({error}); name a folder that can be")


def _restored(source: Path, to: Path, checksum: str) -> None:
    try:
        _copy(source, to)
    except FileNotFoundError:
        raise Corrupt(f"{source} is missing; use another backup") from None
    if checksum_of(to) != checksum:
        raise Corrupt(f"{source} is not what was written; use another backup")


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy2(source, to)
    to.chmod(0o600)


def _files(folder: Path, without: frozenset[str]) -> Iterator[Path]:
    """The files below ``folder``, by their place in it; none of what is named ``without``, or half written."""
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if place.parts[0] not in without and path.suffix != ".part" and path.is_file() and not path.is_symlink():
            yield place
