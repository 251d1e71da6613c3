"""The archive on an object store: an S3-compatible server keeps every file of it, and the local disk is what is read first.

What an archive's store is stands in ``store.json`` of its folder, so whoever reads the archive finds it. Files go up after
they were written here; a file that is not here any more comes back when somebody needs it, and is compared with its checksum
as ever. In the store each stream is a Delta table, as in the folder.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from events.archive.segments import Segment
from events.errors import Corrupt, Rejected, Transient

if TYPE_CHECKING:
    from pyarrow import fs

FILE = "store.json"
_AGAIN_S = 30.0
_CHUNK = 8 << 20
_LOG = "_delta_log"
_LAST = "_last_checkpoint"
_YOUNG_S = 600.0
"""A file that was written or fetched so lately is not taken from the disk: somebody may be about to open it."""


class Store(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the files are. Keys are in files, named as seen from the archive's folder; without them the usual places of
    AWS are looked at (variables, instance roles)."""

    url: str
    """``s3://BUCKET`` or ``s3://BUCKET/FOLDER``."""
    endpoint: str = ""
    """``http(s)://HOST:PORT`` of a server that is not Amazon's."""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = ""
    keep_bytes: int | None = None
    """So much of the archive's files stays on the disk; None: all of it."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/[^/\s]+)*", self.url):
            raise Rejected("url", f"must be s3://BUCKET or s3://BUCKET/FOLDER, got {self.url!r}")

    @property
    def place(self) -> str:
        return self.url.removeprefix("s3://")


def describe(root: Path, store: Store) -> None:
    """Say in ``root`` what its store is."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = root / f"{FILE}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(store)))
    part.rename(root / FILE)


def store_of(root: Path) -> Bucket | None:
    """The store of the archive in ``root``; None where it has none."""
    try:
        found = (root / FILE).stat()
    except OSError:
        return None
    return _opened(root, found.st_mtime_ns)


@lru_cache(maxsize=8)
def _opened(root: Path, _: int) -> Bucket:
    return Bucket(root, msgspec.json.decode((root / FILE).read_bytes(), type=Store))


class Bucket:
    """The files of one archive in its store. Raises ``Transient`` where the store does not answer, or refuses.

    The library is loaded when it is needed: whoever reads what is on the disk does without.
    """

    def __init__(self, root: Path, store: Store) -> None:
        self._root = root
        self.store = store
        self._lock = threading.Lock()
        self._system: fs.FileSystem | None = None

    def has(self) -> Mapping[str, int]:
        """The size of every file that is there, by name."""
        from pyarrow import fs

        with self._asked():
            wanted = fs.FileSelector(self.store.place, recursive=True, allow_not_found=True)
            found: Any = self._files().get_file_info(wanted)
        return {
            info.path.removeprefix(self.store.place).lstrip("/"): info.size
            for info in found
            if info.type == fs.FileType.File
        }

    def put(self, name: str) -> None:
        """Copy a file of the folder there; one of that name is written over."""
        with self._asked(), (self._root / name).open("rb") as file, self._writing(name) as there:
            while chunk := file.read(_CHUNK):
                there.write(chunk)

    def _writing(self, name: str) -> Any:
        return self._files().open_output_stream(f"{self.store.place}/{name}")

    def fetch(self, name: str) -> bool:
        """Copy a file from there into the folder; False where there is none."""
        path = self._root / name
        part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.fetched")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with self._asked():
                try:
                    there = self._files().open_input_stream(f"{self.store.place}/{name}")
                except FileNotFoundError:
                    return False
                with there, part.open("wb") as file:
                    while chunk := there.read(_CHUNK):
                        file.write(chunk)
            part.chmod(0o600)
            part.rename(path)
            return True
        finally:
            part.unlink(missing_ok=True)

    def remove(self, names: Collection[str]) -> None:
        """Delete files there; those that are gone already are no error."""
        for name in names:
            with self._asked(), suppress(FileNotFoundError):
                self._files().delete_file(f"{self.store.place}/{name}")

    def _files(self) -> fs.FileSystem:
        with self._lock:
            if self._system is None:
                from pyarrow import fs

                said = self.store
                scheme, _, address = said.endpoint.partition("://")
                places = {"access_key": said.access_key, "secret_key": said.secret_key}
                keys: dict[str, Any] = {name: self._secret(place) for name, place in places.items() if place}
                self._system = fs.S3FileSystem(
                    region=said.region,
                    endpoint_override=address or None,
                    scheme=scheme or "https",
                    connect_timeout=5.0,
                    request_timeout=60.0,
                    **keys,
                )
            return self._system

    def _secret(self, place: str) -> str:
        path = self._root / place
        try:
            return path.read_text().rstrip("\r\n")
        except OSError as error:
            why = f"{path.resolve()}, which is to have a key of the archive's store, cannot be read ({error.strerror})"
            raise Transient(why, _AGAIN_S) from error

    def _asked(self) -> _Asked:
        return _Asked(self.store)


class _Asked:
    """Tells the store's errors as ours."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            said = str(error).partition("\n")[0][:300]
            raise Transient(
                f"the archive's store {self._store.url} refuses or does not answer: {said}", _AGAIN_S
            ) from error


def mirrored(root: Path, segments: Collection[Segment]) -> Iterator[str]:
    """Bring every file of ``segments`` that the store lacks there, and their tables after them; names of what went up.

    Then the oldest files go from the disk, as far as it keeps less than there is.
    """
    bucket = store_of(root)
    if bucket is None:
        return
    there = dict(bucket.has())
    streams = sorted({segment.stream for segment in segments})
    data = [(s.stream, name) for s in segments for name in (s.file, s.entries_file) if (root / name).exists()]
    logs = [path.relative_to(root) for stream in streams for path in sorted((root / stream / _LOG).glob("*"))]
    tables = [str(path) for path in logs if (root / path).is_file() and path.name != _LAST]
    _of_one_system(bucket, there, [*(name for _, name in data), *tables], streams, root)
    for name in (*(name for _, name in sorted(data)), *tables):
        if name not in there:
            bucket.put(name)
            there[name] = (root / name).stat().st_size
            yield name
            if name.partition("/")[2].startswith(_LOG) and (root / name).with_name(_LAST).exists():
                bucket.put(str(Path(name).with_name(_LAST)))
    _make_room(root, bucket.store.keep_bytes, segments, there)


def _of_one_system(
    bucket: Bucket, there: Mapping[str, int], names: Collection[str], streams: Collection[str], root: Path
) -> None:
    """Raises ``Corrupt`` where the store has what this archive did not write: another system's files, or those of this one
    before it was restored."""
    other = [name for name in names if name in there and there[name] != (root / name).stat().st_size]
    known, logs = {*names}, tuple(f"{stream}/{_LOG}/" for stream in streams)
    other += [name for name in there if name.startswith(logs) and not name.endswith(_LAST) and name not in known]
    if other:
        raise Corrupt(
            f"the archive's store {bucket.store.url} has {min(other)} of another system, or of this one before it was "
            "restored; name a folder of its own in archive.store.url, and copy the files that are only in the old one there"
        )


def _make_room(root: Path, keep: int | None, segments: Collection[Segment], there: Mapping[str, int]) -> None:
    if keep is None:
        return
    here = [(root / s.file, s) for s in sorted(segments, key=lambda one: one.latest_received or 0, reverse=True)]
    kept = 0
    for path, segment in here:
        try:
            found = path.stat()
        except OSError:
            continue
        kept += found.st_size
        old = found.st_mtime < time.time() - _YOUNG_S
        if kept > keep and old and there.get(segment.file) == found.st_size:
            path.unlink(missing_ok=True)
            kept -= found.st_size
