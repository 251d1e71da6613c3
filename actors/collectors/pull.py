"""A collector whose source is read, not sent: it keeps the watermark, and the position from which the source is read on.

The position is committed with the rows that lead to it, in one entry. So whoever reads on from the committed position reads
every row once, wherever a crash falls.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from actors.fold import Batch, Outputs
from events.catalog import DEAD_LETTERS, Stream
from events.entry import NO_WATERMARK
from events.errors import Corrupt

IDLE_US = 2_000_000
"""Silence after which a watermark follows the clock."""
SETTLED_US = 900_000_000
PACE_US = 10_000_000
"""Steps in which it follows once the silence has lasted for ``SETTLED_US``."""
HISTORY_IDLE_US = 60_000_000
"""Silence after which it leaps to the clock from events that were ``SETTLED_US`` old when they came: history is sent in
pieces, and what is sent after the leap is late."""


class Progress(msgspec.Struct):
    """How far a producer's event time has come, microseconds UTC."""

    watermark: int = NO_WATERMARK
    latest: int = NO_WATERMARK
    """The newest min(event time, received time) seen."""
    arrived: int = NO_WATERMARK
    """The newest received time seen; a snapshot of before this was kept has none, and ``latest`` stands for it."""

    def see(self, batch: pa.RecordBatch, bound_us: int) -> None:
        """Take in rows: the watermark is the running max of min(time, received), less ``bound_us``."""
        if batch.num_rows == 0:
            return
        time, received = (batch.column(name).cast(pa.int64()).to_numpy() for name in ("time", "received"))
        self.latest = max(self.latest, int(np.minimum(time, received).max()))
        self.arrived = max(self.arrived, int(received.max()))
        self.watermark = max(self.watermark, self.latest - bound_us)

    def follow(self, now_us: int, bound_us: int, idle_us: int) -> bool:
        """Let the watermark follow the clock once nothing came for ``idle_us``; whether it moved.

        It follows for as long as the silence lasts: a window of any width closes, and that it is empty is told, too.
        """
        if self.latest == NO_WATERMARK:
            return False
        arrived = max(self.arrived, self.latest)
        silence, reach = now_us - arrived, now_us - bound_us
        wait = max(idle_us, HISTORY_IDLE_US) if arrived - self.latest > SETTLED_US else idle_us
        pace = PACE_US if silence > SETTLED_US else 1
        if silence < wait or reach - self.watermark < pace:
            return False
        self.watermark = reach
        return True


class Pulled(Progress, omit_defaults=True):
    """The state of a pull collector: its progress, and where its source is to be read on."""

    position: bytes = b""
    """In the source's own words; empty before the first that was committed."""


@dataclass(frozen=True, slots=True)
class PullCollector:
    """Records what a source returned as rows of ``stream``. State: ``Pulled``."""

    name: str
    stream: Stream
    bound_us: int = 0
    idle_us: int = IDLE_US
    refuses: bool = False
    """Whether the source brings rows that cannot be read; they are kept as dead letters."""
    version: int = 1
    reads: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[str, ...]:
        return (self.stream.name, DEAD_LETTERS.name) if self.refuses else (self.stream.name,)

    def initial(self) -> Pulled:
        return Pulled()

    def fold(self, state: Pulled, batch: Batch) -> tuple[Pulled, Outputs]:
        raise Corrupt(f"{self.name} reads no stream, yet its journal names {batch.stream}")

    def admit(
        self,
        state: Pulled,
        batch: pa.RecordBatch,
        position: bytes | None = None,
        refused: pa.RecordBatch | None = None,
    ) -> tuple[Pulled, Outputs, int]:
        """Record ``batch``, rows that were ``refused`` (``dead_letters``), and that the source is to be read on from
        ``position``; answers the rows."""
        state.see(batch, self.bound_us)
        moved = position if position and position != state.position else b""
        state.position = moved or state.position
        outputs = Outputs()
        # A position without rows makes an entry of its own, and carries the watermark that holds there.
        watermark = state.watermark if batch.num_rows or moved else NO_WATERMARK
        outputs.emit(self.stream.name, batch, watermark, moved)
        if refused is not None and refused.num_rows:
            outputs.emit(DEAD_LETTERS.name, refused)
        return state, outputs, batch.num_rows

    def idle(self, state: Pulled, now_us: int) -> tuple[Pulled, Outputs, None]:
        """Let the watermark follow the clock (a punctuation) while the source has nothing."""
        outputs = Outputs()
        if state.follow(now_us, self.bound_us, self.idle_us):
            outputs.emit(self.stream.name, watermark=state.watermark)
        return state, outputs, None

    def absorb(self, state: Pulled, batch: Batch) -> Pulled:
        if batch.stream == self.stream.name:
            state.see(batch.table, self.bound_us)
            state.watermark = max(state.watermark, batch.watermark)
            state.position = batch.header.position or state.position
        return state

    def dump(self, state: Pulled) -> bytes:
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> Pulled:
        return msgspec.msgpack.decode(data, type=Pulled)
