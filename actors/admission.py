"""Back-pressure: refuse new work early and clearly, before the disk makes it impossible.

What was accepted is in the log, and a reader that lags loses nothing of it: it holds nothing back, and its views say that
they are stale. Only a full disk would cost rows.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from events.errors import Overloaded


class Admission:
    """Call it before taking work in: raises ``Overloaded`` while the disk is nearly full.

    Looks at the disk at most once a second.
    """

    def __init__(self, folder: Path, *, min_free_bytes: int) -> None:
        self._folder = folder
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
        free = shutil.disk_usage(self._folder).free
        if free < self._min_free_bytes:
            return Overloaded(f"disk nearly full: {free >> 20} MiB free, {self._min_free_bytes >> 20} needed", 30.0)
        return None
