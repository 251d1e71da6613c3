"""Whether decoded rows are the same event, and whether they say the same: as the collector judges it."""

from __future__ import annotations

from actors.collectors.push import IDENTITY, user_interactions
from actors.hashing import hashes
from serve.ingest import Decoded


def identities(decoded: Decoded) -> list[int]:
    """One hash a row that was taken; equal ones are of one event."""
    return hashes(decoded.batch, IDENTITY).tolist()


def contents(decoded: Decoded) -> list[int]:
    """One hash a row that was taken; equal ones are of rows that say the same."""
    return hashes(decoded.batch, user_interactions().content).tolist()
