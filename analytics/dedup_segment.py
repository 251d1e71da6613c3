"""A sealed segment: ids that were accepted around one minute, in a form that never changes again and is small.

An id is a 64-bit number whose bits are mixed already. Sorted, its leading ``bits`` are told by its place: a directory has
the first place of each group of 8 to 16 ids. So seven bytes of an id are kept and two of its content, with the directory at
most 10 bytes, from some thousand ids on. A look-up reads one entry of the directory and one group.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numba import int32, int64, uint8, uint16, uint32, uint64, void

from analytics.kernels import I32, U8, U16, U32, U64, per_row, reads, writes

_MAGIC = 0x32505544  # "DUP2"
_LEAST_BITS = 8  # of the directory: seven bytes of an id and these make eight
_HEADER = 24


class Segment:
    """``ids`` and the 16 bits kept of each one's content, from the bytes of ``sealed``. Raises ``ValueError`` for others."""

    __slots__ = ("bits", "content", "data", "directory", "high", "low", "mid", "name", "size")

    def __init__(self, data: bytes) -> None:
        magic, size, bits = (int(v) for v in np.frombuffer(data[:_HEADER].ljust(_HEADER, b"\0"), "<i8"))
        if magic != _MAGIC or not _LEAST_BITS <= bits <= 40 or len(data) != _HEADER + 4 * ((1 << bits) + 1) + 9 * size:
            raise ValueError("not a sealed segment of ids: its header does not fit its length")
        self.data = data
        self.name = hashlib.blake2b(data, digest_size=16).hexdigest()
        """Stands for the content."""
        self.size = size
        self.bits = bits
        at = _HEADER
        parts: list[Any] = []
        for dtype, n in (("<u4", (1 << bits) + 1), ("<u4", size), ("<u2", size), ("<u2", size), ("<u1", size)):
            parts.append(np.frombuffer(data, dtype, n, at))
            at += parts[-1].nbytes
        self.directory, self.low, self.mid, self.content, self.high = parts

    def look(self, ids: U64, found: I32) -> None:
        """Set ``found[i]`` to the 16 bits of the content of ``ids[i]`` where that is here; leave it where it is not."""
        if self.size:
            _look(ids, self.directory, self.low, self.mid, self.content, self.high, found)

    def rows(self) -> tuple[U64, U16]:
        """(ids, contents), by id."""
        lead = np.repeat(np.arange(1 << self.bits, dtype=np.uint64), np.diff(self.directory)) << np.uint64(
            64 - self.bits
        )
        ids = self.low.astype(np.uint64) | self.mid.astype(np.uint64) << np.uint64(32)
        return lead | ids | self.high.astype(np.uint64) << np.uint64(48), self.content


def sealed(ids: U64, contents: U16) -> Segment:
    """The segment of ``ids``, each there once, in any order."""
    order = np.argsort(ids)
    ids, n = ids[order], len(ids)
    bits = max(_LEAST_BITS, n.bit_length() - 4)
    lead = (ids >> np.uint64(64 - bits)).astype(np.int64)
    directory = np.searchsorted(lead, np.arange((1 << bits) + 1)).astype("<u4")
    parts = (
        np.array([_MAGIC, n, bits], "<i8"),
        directory,
        ids.astype("<u4"),
        (ids >> np.uint64(32)).astype("<u2"),
        contents[order].astype("<u2"),
        (ids >> np.uint64(48)).astype("<u1"),
    )
    return Segment(b"".join(part.tobytes() for part in parts))


@per_row(void(reads(uint64), reads(uint32), reads(uint32), reads(uint16), reads(uint16), reads(uint8), writes(int32)))
def _look(ids: U64, directory: U32, low: U32, mid: U16, content: U16, high: U8, found: I32) -> None:
    groups = directory.shape[0] - 1
    shift = uint64(64)
    while groups > 1:
        groups >>= 1
        shift -= uint64(1)
    for i in range(ids.shape[0]):
        id_ = ids[i]
        group = int64(id_ >> shift)
        tail = uint32(id_)
        for at in range(directory[group], directory[group + 1]):
            if low[at] == tail and mid[at] == uint16(id_ >> uint64(32)) and high[at] == uint8(id_ >> uint64(48)):
                found[i] = int32(content[at])
                break
