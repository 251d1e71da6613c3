"""What a cell in Redis was at another time: the commit of a time, and the snapshots that are kept for looks back.

The name of such a snapshot says all of it but its bytes, so nobody reads bytes to choose one, to count them or to thin them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from events.append import Position, thinned
from events.log import Snapshot, SnapshotRef
from events.redis_keys import CellKeys
from events.redis_server import Server

MOST_PACKED_BYTES = 1 << 20
"""A larger one is not kept for looks back: it goes with its commit, a script holds up everybody, and memory is dear."""


class Lasting(NamedTuple):
    """One such snapshot: commit number, time of the commit (us UTC), stored bytes, and whose it is."""

    number: int
    at: int
    size: int
    fold_version: int
    arch: str

    @property
    def field(self) -> str:
        """Its name in the hash of the cell."""
        return " ".join(map(str, self))


def listed(server: Server, keys: CellKeys) -> list[Lasting]:
    """All that the cell has, oldest first."""
    names: Sequence[bytes] = server.call(lambda client: client.hkeys(keys.lasting))
    return sorted(_named(name.decode()) for name in names)


def _named(field: str) -> Lasting:
    number, at, size, fold_version, arch = field.split(" ", 4)
    return Lasting(int(number), int(at), int(size), int(fold_version), arch)


def packed(number: int, at: int, snapshot: Snapshot) -> tuple[Lasting, bytes]:
    """Its name, and what is stored under it."""
    data = zlib.compress(snapshot.data, 3)
    return Lasting(number, at, len(data), snapshot.fold_version, snapshot.arch), data


def added(old: Sequence[Lasting], position: Position, snapshot: Snapshot) -> tuple[dict[str, bytes], list[str]]:
    """What to store for a new one, and the fields that are to go."""
    new, data = packed(position.number, position.committed, snapshot)
    if new.size > MOST_PACKED_BYTES:
        return {}, []
    there = {one.number: one for one in (*old, new)}
    gone = thinned([(one.number, one.at) for one in there.values()], position.committed)
    return {new.field: data} if new.number not in gone else {}, [there[n].field for n in gone if n != new.number]


def opened(server: Server, keys: CellKeys, one: Lasting) -> SnapshotRef:
    """Raises ``KeyError`` where it is not kept any more."""
    data = server.call(lambda client: client.hget(keys.lasting, one.field))
    if data is None:
        raise KeyError(one.field)
    return SnapshotRef(one.number, Snapshot(one.fold_version, one.arch, zlib.decompress(data), (), True))


def newest(server: Server, keys: CellKeys, commit: int, fold_version: int, arch: str) -> SnapshotRef | None:
    """See ``LogReader.snapshot_at``. Raises as ``opened``."""
    fitting = [
        one
        for one in listed(server, keys)
        if one.number <= commit and (one.fold_version, one.arch) == (fold_version, arch)
    ]
    return opened(server, keys, fitting[-1]) if fitting else None


def every(server: Server, keys: CellKeys) -> Iterator[tuple[int, SnapshotRef]]:
    """Each with the time of its commit, oldest first."""
    for one in listed(server, keys):
        yield one.at, opened(server, keys, one)


def commit_at(server: Server, keys: CellKeys, last: tuple[int, int], at: int) -> int:
    """See ``LogReader.commit_at``; ``last``: number and time of the last commit. Times of commits never step back."""
    number, committed = last
    if committed <= at:
        return number
    low, high = 0, number - 1
    while low < high:
        middle = (low + high + 1) // 2
        found = server.call(lambda client, n=middle: client.xrange(keys.commits, str(n), "+", 1))
        low, high = (middle, high) if int(found[0][1][b"t"]) <= at else (low, middle - 1)
    return low
