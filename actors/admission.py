"""Back-pressure: refuse new work early and clearly, before a full log makes it impossible.

What was accepted is in the log, and a reader that lags loses nothing of it: it holds nothing back, and its views say that
they are stale. Only a log that has no room left would cost rows.
"""

from __future__ import annotations

import time

from events.errors import Overloaded
from events.log import LogUpkeep


class Admission:
    """Call it before taking work in: raises ``Overloaded`` while the log is nearly full.

    Looks at the log's room at most once a second.
    """

    def __init__(self, log: LogUpkeep, *, min_free_bytes: int) -> None:
        self._log = log
        self._min_free_bytes = min_free_bytes
        self._looked = float("-inf")
        self._refusal: Overloaded | None = None

    def __call__(self) -> None:
        if time.monotonic() - self._looked >= 1.0:
            self._refusal = self._look()
            self._looked = time.monotonic()
        if self._refusal:
            raise self._refusal

    def _look(self) -> Overloaded | None:
        room = self._log.room()
        if room.free_bytes is not None and room.free_bytes < self._min_free_bytes:
            free, needed = room.free_bytes >> 20, self._min_free_bytes >> 20
            return Overloaded(f"{room.of} nearly full: {free} MiB free, {needed} needed", 30.0)
        return None
