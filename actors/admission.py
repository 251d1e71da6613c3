"""Back-pressure: refuse new work early and clearly, before the disk or the consumers make it impossible."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from events.errors import Overloaded
from events.log import EventLog


class Admission:
    """Call it before taking work in: raises ``Overloaded`` while the disk is nearly full or a consumer lags too far.

    Looks at the disk and the consumers' places at most once a second.
    """

    def __init__(
        self, log: EventLog, folder: Path, consumers: Sequence[str], *, min_free_bytes: int, max_lag_rows: int
    ) -> None:
        self._log = log
        self._folder = folder
        self._consumers = consumers
        self._min_free_bytes = min_free_bytes
        self._max_lag_rows = max_lag_rows
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
        for cell in self._consumers:
            lag = sum(max(0, self._log.head(*source) - at) for source, at in self._log.cursor(cell).items())
            if lag > self._max_lag_rows:
                return Overloaded(f"{cell} is {lag} rows behind, more than {self._max_lag_rows}", 5.0)
        return None
