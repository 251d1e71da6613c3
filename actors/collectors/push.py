"""Push collectors: what is sent to us is deduplicated, committed, and answered with a verdict for each row.

Exactly once for clients that retry: an event is a duplicate iff its (source, id) is one that the partition accepted within
the last hour, or among its last ``least`` accepted rows, whichever is longer (``analytics.dedup``). The same id with other
content is refused and kept as a dead letter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from actors.collectors.arrivals import ACCEPTED, CONFLICT, REUSED, Arrivals
from actors.collectors.pull import IDLE_US, Progress
from actors.fold import Batch, Outputs
from actors.hashing import hashes
from analytics import dedup
from events.catalog import ANNOTATIONS, CONTROL, DEAD_LETTERS, USER_INTERACTIONS, Stream, rows
from events.errors import Corrupt

IDENTITY = ("source", "id")


class State(msgspec.Struct):
    seen: dedup.DedupState
    progress: Progress


@dataclass(frozen=True, slots=True)
class PushCollector:
    """Records what is pushed to ``stream``. State: the ids of the last hour's rows (or more), and the watermark."""

    name: str
    stream: Stream
    content: tuple[str, ...]
    """Columns that are equal in a repeated row; not `time` or `received`: a retry arrives anew, and its skew too."""
    least: int
    """So many accepted ids are remembered at any rate; at a high one all of the last hour."""
    bound_us: int = 0
    """How far out of order events may come before they count as late."""
    idle_us: int = IDLE_US
    """Silence after which the producer's watermark follows the clock, so that windows close, and empty ones, too."""
    version: int = 2
    reads: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[str, ...]:
        return (self.stream.name, DEAD_LETTERS.name)

    def initial(self) -> State:
        return State(dedup.DedupState(self.least), Progress())

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        raise Corrupt(f"{self.name} reads no stream, yet its journal names {batch.stream}")

    def admit(self, state: State, arrivals: Arrivals) -> tuple[State, Outputs, np.ndarray]:
        """Deduplicate and record; answers uint8[rows]: ACCEPTED, DUPLICATE or CONFLICT."""
        batch, outputs = arrivals.rows, Outputs()
        verdict = self._judge(state, batch)
        accepted = batch if not verdict.any() else batch.filter(pa.array(verdict == ACCEPTED))
        state.progress.see(accepted, self.bound_us)
        if accepted.num_rows:
            outputs.emit(self.stream.name, accepted, state.progress.watermark)
        if (verdict == CONFLICT).any():
            outputs.emit(DEAD_LETTERS.name, conflicts(self, batch.filter(pa.array(verdict == CONFLICT))))
        if arrivals.refused is not None:
            outputs.emit(DEAD_LETTERS.name, arrivals.refused)
        return state, outputs, verdict

    def idle(self, state: State, now_us: int) -> tuple[State, Outputs, None]:
        """Let the watermark follow the clock (a punctuation) while nothing arrives."""
        outputs = Outputs()
        if state.progress.follow(now_us, self.bound_us, self.idle_us):
            outputs.emit(self.stream.name, watermark=state.progress.watermark)
        return state, outputs, None

    def absorb(self, state: State, batch: Batch) -> State:
        if batch.stream == self.stream.name:
            self._judge(state, batch.table)
            state.progress.see(batch.table, self.bound_us)
            state.progress.watermark = max(state.progress.watermark, batch.watermark)
        return state

    def _judge(self, state: State, batch: pa.RecordBatch) -> np.ndarray:
        received = batch.column("received").cast(pa.int64()).to_numpy()
        return dedup.admit(state.seen, hashes(batch, IDENTITY), hashes(batch, self.content), received)

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(self.dump_apart(state))

    def load(self, data: bytes) -> State:
        apart, pieces = msgspec.msgpack.decode(data, type=tuple[bytes, dict[str, bytes]])
        return self.load_apart(apart, pieces.__getitem__)

    def dump_apart(self, state: State) -> tuple[bytes, dict[str, bytes]]:
        seen, pieces = dedup.dump_apart(state.seen)
        return msgspec.msgpack.encode((seen, state.progress)), pieces

    def load_apart(self, data: bytes, piece: Callable[[str], bytes]) -> State:
        seen, progress = msgspec.msgpack.decode(data, type=tuple[bytes, Progress])
        return State(dedup.load_apart(seen, piece), progress)


def conflicts(collector: PushCollector, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of ``dead_letters`` for rows whose id stands for another content already."""
    body = batch.column(collector.content[-1])
    columns = {name: batch.column(name) for name in ("id", "source", "subject", "time", "received", "partition_key")}
    fixed = {"type": "row.rejected", "stream": collector.stream.name, "field": "id", "reason": f"id {REUSED}"}
    payload = body.fill_null("").cast(pa.binary())
    return rows(DEAD_LETTERS, {**columns, **fixed, "payload": payload}, batch.num_rows)


def user_interactions(bound_us: int = 5_000_000, least: int = 1 << 22) -> PushCollector:
    """The collector of the products' events."""
    content = ("type", "subject", "anonymous_id", "amount", "currency", "value", "properties")
    return PushCollector("user_interactions", USER_INTERACTIONS, content, least, bound_us)


def marks() -> PushCollector:
    """The collector of annotations."""
    content = ("type", "subject", "title", "kind", "link", "until", "dashboard", "about")
    return PushCollector("annotations", ANNOTATIONS, content, least=1024)


def control() -> PushCollector:
    """The collector of commands: rules, keys, acknowledgements."""
    return PushCollector("control", CONTROL, ("type", "subject", "data"), least=4096)
