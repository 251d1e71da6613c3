"""A file that grows by lines: each is read once, through renames and across restarts.

A position is the file's identity (device, inode, a hash of how it begins) and the byte behind the last whole line. By it the
reader sees what became of the file while it looked away: *renamed* (a log rotation), and its rest is read where it is now,
among its siblings; *cut off*, and it is read from its beginning; *gone*, and that is said, for its rest is lost.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import xxhash

STEP = 4 << 20
"""Bytes that are read at once; a longer line cannot be read."""
BEGINNING = 256
"""Bytes by which a file is known, beside its inode: inodes are used again."""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A position in a file."""

    device: int
    inode: int
    offset: int
    """Behind the last whole line that was read."""
    known: int
    """So many bytes of the beginning are hashed in ``beginning``."""
    beginning: bytes


class Lines:
    """What one step found: whole lines, or none."""

    def __init__(self, text: bytes = b"", too_long: int = 0, note: str = "", behind: int = 0) -> None:
        self.text = text
        """Whole lines, each with its end."""
        self.too_long = too_long
        """Bytes of one line that is longer than ``STEP``; ``text`` is its beginning then."""
        self.note = note
        self.behind = behind
        """Bytes of the file that are still to be read, an unfinished last line included."""


class FollowedFile:
    """The lines of the file that is called ``path``, from ``place`` on; None: from its beginning."""

    def __init__(self, path: Path, place: Place | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._offset = 0
        self._beginning = (0, b"")
        """So many bytes of it, and their hash, as they were read."""
        self._note = ""
        if place is not None:
            self._resume(place)

    def _resume(self, place: Place) -> None:
        """Find the file that ``place`` is of: under its own name, or renamed beside it."""
        for path in (self._path, *_siblings(self._path)):
            file = _opened(path)
            if file is None:
                continue
            if _is_of(file, place):
                self._file, self._offset = file, place.offset
                self._beginning = (place.known, place.beginning)
                return
            if _same_inode(file, place) and path == self._path:
                self._note = f"{path} was cut off or written anew; it is read from its beginning"
            file.close()
        if not self._note and self._path.exists():
            self._note = (
                f"the file that was read before is gone from beside {self._path}; if it had grown, its rest is lost"
            )

    def read(self, most: int) -> Lines:
        """The next whole lines, ``most`` at most. Raises ``FileNotFoundError`` while no file of that name was ever there."""
        if self._file is None:
            self._file = self._path.open("rb")
            self._offset, self._beginning = 0, (0, b"")
        note, self._note = self._note, ""
        if self._was_cut(self._file):
            self._offset, self._beginning = 0, (0, b"")
            note = f"{self._path} was cut off or written anew; it is read from its beginning"
        self._file.seek(self._offset)
        text = self._file.read(STEP)
        lines = text.splitlines(keepends=True) if text.count(b"\n") > most else []
        whole = sum(map(len, lines[:most])) if lines else text.rfind(b"\n") + 1
        if whole:
            return self._went(text[:whole], whole, note)
        if len(text) == STEP:
            return self._skipped(self._file, text, note)
        if self._replaced(self._file):
            # Nobody writes to a renamed file for long: what has no end of a line by now is its last line.
            if text:
                return self._went(text + b"\n", len(text), note)
            self.close()
        return Lines(note=note, behind=len(text))

    def _was_cut(self, file: BinaryIO) -> bool:
        known, beginning = self._beginning
        return os.fstat(file.fileno()).st_size < self._offset or (known > 0 and _beginning(file, known) != beginning)

    def _went(self, text: bytes, size: int, note: str, too_long: int = 0) -> Lines:
        self._offset += size
        return Lines(text, too_long, note, self._left())

    def _skipped(self, file: BinaryIO, beginning: bytes, note: str) -> Lines:
        """Skip a line that is longer than ``STEP``, as soon as its end has been written."""
        size = len(beginning)
        while piece := file.read(STEP):
            end = piece.find(b"\n") + 1
            size += end or len(piece)
            if end:
                return self._went(beginning, size, note, too_long=size)
        return Lines(note=note, behind=size)

    def _left(self) -> int:
        if self._file is None:
            return 0
        return max(0, os.fstat(self._file.fileno()).st_size - self._offset)

    def _replaced(self, file: BinaryIO) -> bool:
        """Whether the name belongs to another file by now."""
        mine = os.fstat(file.fileno())
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False  # between the rename and the new file
        return (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino)

    @property
    def place(self) -> Place | None:
        """The position after the last line that was read; None while no file has been opened yet."""
        if self._file is None:
            return None
        status = os.fstat(self._file.fileno())
        known = min(BEGINNING, self._offset)
        if known > self._beginning[0]:
            self._beginning = (known, _beginning(self._file, known))
        return Place(status.st_dev, status.st_ino, self._offset, *self._beginning)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except OSError:
        return None


def _siblings(path: Path) -> Iterator[Path]:
    """Files beside ``path`` whose names begin as it does (``app.log.1``, ``app-2026.log``), newest first."""
    beside = [other for other in path.parent.glob(f"{glob.escape(path.stem)}*") if other != path and other.is_file()]
    return iter(sorted(beside, key=lambda other: -other.stat().st_mtime_ns))


def _beginning(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    return xxhash.xxh3_64_digest(file.read(size))


def _same_inode(file: BinaryIO, place: Place) -> bool:
    status = os.fstat(file.fileno())
    return (status.st_dev, status.st_ino) == (place.device, place.inode)


def _is_of(file: BinaryIO, place: Place) -> bool:
    """Whether ``file`` is the one of ``place``, and still has all that was read of it."""
    whole = os.fstat(file.fileno()).st_size >= place.offset
    return _same_inode(file, place) and whole and _beginning(file, place.known) == place.beginning
