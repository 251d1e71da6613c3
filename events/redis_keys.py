"""The names of a log's keys in Redis. All keys of a cell share a hash tag, so that one script may change them together."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from events.envelope import CellName


class CellKeys(NamedTuple):
    """Of one cell. ``main/metrics/0`` in the name space ``shop`` has ``shop:{main/metrics/0}:…``."""

    base: str

    @property
    def position(self) -> str:
        """Hash: ``epoch, number, at, streams, cursor, sizes, saved``."""
        return f"{self.base}:cell"

    @property
    def commits(self) -> str:
        """Stream: an entry ``<number>-0`` a commit, with ``t`` (time), ``n`` (nonce) and ``j`` (journal, may be empty)."""
        return f"{self.base}:commits"

    @property
    def blobs(self) -> str:
        """Hash: the bytes of saved states and their pieces; ``saved`` of the position says what is whose."""
        return f"{self.base}:blobs"

    @property
    def lasting(self) -> str:
        """Hash: ``<number> <time> <size> <fold version> <architecture>`` a snapshot for looks back, compressed."""
        return f"{self.base}:lasting"

    @property
    def trimmed(self) -> str:
        """Hash: ``e:<stream>`` where what is left of it begins, ``v:<stream>`` that, the chain hash and the bytes before."""
        return f"{self.base}:trimmed"

    def stream(self, stream: str) -> str:
        """Stream: an entry ``<end offset>-<bytes so far>`` an entry, with ``h`` (header) and ``p`` (payload)."""
        return f"{self.base}:in:{stream}"


class Keys:
    """Of one name space. Everything begins with its name and a colon, which is what an ACL has to allow."""

    def __init__(self, name: str) -> None:
        self.system = f"{name}:system"
        """Hash: ``format`` of all this, and ``state``."""
        self.owner = f"{name}:owner"
        """Hash: the system that works on this log; see ``events.redis_claim``."""
        self.alive = f"{name}:alive"
        """There as long as that system runs."""
        self.writers = f"{name}:writers"
        """Set of ``<cell> <stream>``: what each cell declared to write. It only ever grows."""
        self.bell = f"{name}:bell"
        """Channel: a message a commit."""
        self._name = name
        self._cells: dict[str, CellKeys] = {}

    def of(self, cell: str) -> CellKeys:
        """Raises ``Rejected``: no cell's name."""
        known = self._cells.get(cell)
        if known is None:
            CellName.parse(cell)
            known = self._cells[cell] = CellKeys(f"{self._name}:{{{quote(cell, safe='/')}}}")
        return known
