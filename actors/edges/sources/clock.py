"""The clock: time as events. Folds see no other clock."""

from __future__ import annotations

import pyarrow as pa

from events.catalog import CLOCK, rows


class Clock:
    """The source of ``clock``: one tick a poll."""

    def poll(self, now_us: int) -> pa.RecordBatch:
        return rows(CLOCK, {"type": "clock.ticked", "time": now_us, "received": now_us}, 1)
