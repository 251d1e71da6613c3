"""The past of definitions that come while the system runs, folded from the log by a cell of its own.

A fold that has read rows already asks for the past of a new definition below a cut, on ``past_requests`` (see
``actors.analyzers.held``). This cell folds the log up to the cut with the same definition and the same code, and tells what
it found on ``pasts``: parts of its rows on the way, its state at the end. It decides nothing: the fold that asked takes them
over, each at one place of its own journal. What was folded so far is not saved. A backfill that was killed begins anew, and
tells the same rows again, which are known by their number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from actors.fold import NONE, Batch, Outputs
from events.catalog import PAST_REQUESTS, PASTS, rows


class Job(msgspec.Struct, frozen=True):
    """A past that is wanted."""

    cell: str
    """Who asked."""
    kind: str
    name: str
    version: int
    said: dict[str, Any]
    """What the definition's event says."""
    stream: str
    cut: dict[str, int]
    """By producer of ``stream``: fold what lies below."""
    folded: dict[str, int] = {}
    """The cut at which the state was told last."""
    error: str = ""
    """Why its past cannot be folded."""

    @property
    def done(self) -> bool:
        """Whether nothing is to be folded, unless another cut is asked for."""
        return bool(self.error) or self.folded == self.cut

    @property
    def key(self) -> str:
        return f"{self.cell} {self.kind}/{self.name}"

    @property
    def rows(self) -> int:
        return sum(self.cut.values())


State = dict[str, Job]
"""By key: what is wanted, until whoever asked has taken it over."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """The fold: which pasts are wanted, and which of them were told."""

    name: str = "backfill"
    version: int = 1
    reads: tuple[str, ...] = (PAST_REQUESTS.name,)
    writes: tuple[str, ...] = (PASTS.name,)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        for row in batch.table.select(["type", "data"]).to_pylist():
            job = msgspec.convert({**json.loads(row["data"]), "cell": batch.producer}, Job)
            before = state.get(job.key)
            if row["type"] == "past.wanted":
                same = before is not None and before.version == job.version
                state[job.key] = (
                    msgspec.structs.replace(job, folded=before.folded, error=before.error) if same and before else job
                )
            elif row["type"] == "past.failed":
                if before is not None and before.version == job.version:
                    state[job.key] = msgspec.structs.replace(before, error=job.error)
            elif job.key in state and state[job.key].version == job.version:
                del state[job.key]
        return state, NONE

    def told(self, state: State, said: Sequence[Mapping[str, Any]]) -> tuple[State, Outputs, None]:
        """Record rows of ``pasts``."""
        table = rows(PASTS, {name: [row.get(name) for row in said] for name in said[0]}, len(said))
        outputs = Outputs()
        outputs.emit(PASTS.name, table)
        return self._taken(state, table), outputs, None

    def absorb(self, state: State, batch: Batch) -> State:
        return self._taken(state, batch.table)

    def _taken(self, state: State, table: pa.RecordBatch) -> State:
        for row in table.select(["type", "partition_key", "subject", "data"]).to_pylist():
            job = state.get(f"{row['partition_key']} {row['subject']}")
            if job is not None and row["type"] in ("past.folded", "past.failed"):
                data = json.loads(row["data"])
                if data["version"] == job.version and row["type"] == "past.failed":
                    state[job.key] = msgspec.structs.replace(job, error=data["error"])
                elif data["version"] == job.version:
                    state[job.key] = msgspec.structs.replace(job, folded=data["cut"])
        return state

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)
