"""Small folds that show every trait a product fold can have: they prove the core before any product exists.

Each has a ``version`` that changes how its state is stored (not what it emits), and a ``twist`` that changes what it
emits: a twisted fold is the old instance that runs other code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

from actors.fold import Batch, Outputs
from events.catalog import ALERTS, ANOMALIES, METRICS, NOTIFICATIONS, OUTBOX, STREAMS, USER_INTERACTIONS, rows
from events.entry import NO_WATERMARK

BOUND = 40
"""How far out of order the toys' events may come, in microseconds: their whole life lasts a few hundred."""
WIDTH = 50
POISON = 13.0
ALARM_AT = 5


class Toy:
    """What all toys share: a name, a version, and a state of plain values that both versions can store."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    def __init__(self, name: str, version: int = 1) -> None:
        self.name = name
        self.version = version
        self.twist = 0

    def dump(self, state: Any) -> bytes:
        return msgspec.msgpack.encode(state) if self.version % 2 else json.dumps([self.version, state]).encode()

    def load(self, data: bytes) -> Any:
        return msgspec.msgpack.decode(data) if self.version % 2 else json.loads(data)[1]


def int_column(batch: pa.RecordBatch, name: str) -> list[Any]:
    """A column as integers (times as microseconds)."""
    return batch.column(name).cast(pa.int64()).to_pylist()


class Door(Toy):
    """A recorded push collector: a row whose id it has seen is a duplicate. State: [ids, watermark]."""

    def __init__(self, name: str = "door", stream: str = USER_INTERACTIONS.name, version: int = 1) -> None:
        super().__init__(name, version)
        self.stream = STREAMS[stream]
        self.writes = (stream,)

    def initial(self) -> list[Any]:
        return [[], NO_WATERMARK]

    def fold(self, state: list[Any], batch: Batch) -> tuple[list[Any], Outputs]:
        raise AssertionError(f"{self.name} reads nothing, and was given {batch.stream}")

    def admit(self, state: list[Any], request: pa.RecordBatch) -> tuple[list[Any], Outputs, list[str]]:
        """Record the rows that are new; answers ``accepted`` or ``duplicate`` for each."""
        outputs = Outputs()
        seen, verdict = set(state[0]), list[str]()
        for id_ in request.column("id").to_pylist():
            verdict.append("duplicate" if id_ in seen else "accepted")
            seen.add(id_)
        fresh = request.filter(pa.array([v == "accepted" for v in verdict], pa.bool_()))
        if self.twist and fresh.num_rows:
            fresh = fresh.set_column(0, fresh.schema.field(0), pa.array([f"twisted {i}" for i in fresh["id"]]))
        if fresh.num_rows:
            self._see(state, fresh)
            outputs.emit(self.stream.name, fresh, state[1])
        return state, outputs, verdict

    def absorb(self, state: list[Any], batch: Batch) -> list[Any]:
        self._see(state, batch.table)
        return state

    def _see(self, state: list[Any], batch: pa.RecordBatch) -> None:
        state[0] += batch.column("id").to_pylist()
        arrived = zip(int_column(batch, "time"), int_column(batch, "received"), strict=True)
        state[1] = max(state[1], *(min(t, r) - BOUND for t, r in arrived))


class Spring(Toy):
    """A recorded pull collector: rows of a source, and the place behind them. State: [place, watermark]."""

    def __init__(self, version: int = 1) -> None:
        super().__init__("spring", version)
        self.writes = (OUTBOX.name,)

    def initial(self) -> list[Any]:
        return ["", NO_WATERMARK]

    def fold(self, state: list[Any], batch: Batch) -> tuple[list[Any], Outputs]:
        raise AssertionError(f"{self.name} reads nothing, and was given {batch.stream}")

    def admit(self, state: list[Any], water: pa.RecordBatch, place: str) -> tuple[list[Any], Outputs, int]:
        """Record what was drawn, and where to draw next."""
        state[0] = place
        if self.twist and water.num_rows:
            water = water.set_column(0, water.schema.field(0), pa.array([f"twisted {i}" for i in water["id"]]))
        outputs = Outputs()
        outputs.emit(OUTBOX.name, water, position=place.encode())
        return state, outputs, water.num_rows

    def absorb(self, state: list[Any], batch: Batch) -> list[Any]:
        state[0] = batch.header.position.decode() or state[0]
        return state


class Windows(Toy):
    """Tumbling windows over two producers: emits a window when both have passed it, and each late row at once.

    State: {watermarks: {producer: us}, open: {"start key": {producer: [count, sum]}}}. Sums of different producers are
    kept apart and added in producer order, so that no interleaving changes a bit.
    """

    reads = (USER_INTERACTIONS.name,)
    writes = (METRICS.name, ANOMALIES.name)

    def __init__(self, name: str = "windows", version: int = 1, producers: int = 2) -> None:
        super().__init__(name, version)
        self.producers = producers

    def initial(self) -> dict[str, Any]:
        return {"watermarks": {}, "open": {}}

    def fold(self, state: dict[str, Any], batch: Batch) -> tuple[dict[str, Any], Outputs]:
        outputs, closed, late = Outputs(), [], []
        marks, producer = state["watermarks"], batch.producer
        mark = marks.get(producer, NO_WATERMARK)
        table = batch.table
        columns = (int_column(table, "time"), int_column(table, "received"), table["partition_key"], table["value"])
        for place, (time, received, key, value) in enumerate(zip(*columns, strict=True)):
            start = time // WIDTH * WIDTH
            if start + WIDTH <= mark:
                late.append((f"{producer}:{batch.first + place}", time, value.as_py() + self.twist))
            else:
                window = state["open"].setdefault(f"{start} {key}", {}).setdefault(producer, [0, 0.0])
                window[0] += 1
                window[1] += value.as_py()
            mark = marks[producer] = max(mark, min(time, received) - BOUND)
            closed += self._close(state)
        marks[producer] = max(mark, batch.watermark)
        closed += self._close(state)
        if closed:
            outputs.emit(METRICS.name, _metric_rows(closed, self.twist))
        outputs.emit(METRICS.name, watermark=self._low(state))
        if late:
            causes, times, values = zip(*late, strict=True)
            outputs.emit(ANOMALIES.name, rows(ANOMALIES, {"cause": causes, "time": times, "value": values}, len(late)))
        return state, outputs

    def _low(self, state: dict[str, Any]) -> int:
        marks = state["watermarks"]
        return min(marks.values()) if len(marks) == self.producers else NO_WATERMARK

    def _close(self, state: dict[str, Any]) -> list[tuple[int, str, int, float]]:
        low = self._low(state)
        due = sorted((int(w.split()[0]), w.split()[1], w) for w in state["open"] if int(w.split()[0]) + WIDTH <= low)
        closed: list[tuple[int, str, int, float]] = []
        for start, key, name in due:
            parts = state["open"].pop(name)
            total = 0.0
            for producer in sorted(parts):
                total += parts[producer][1]
            closed.append((start, key, sum(count for count, _ in parts.values()), total))
        return closed


def _metric_rows(closed: Sequence[tuple[int, str, int, float]], twist: int) -> pa.RecordBatch:
    starts, keys, counts, sums = zip(*closed, strict=True)
    columns = {"key": keys, "start": starts, "time": [s + WIDTH for s in starts], "count": counts}
    return rows(METRICS, {**columns, "sum": [s + twist for s in sums]}, len(closed))


class Alarm(Toy):
    """Counts downstream of the windows; an alert whenever a key's total crosses a multiple of five."""

    reads = (METRICS.name,)
    writes = (ALERTS.name,)

    def initial(self) -> dict[str, int]:
        return {}

    def fold(self, state: dict[str, int], batch: Batch) -> tuple[dict[str, int], Outputs]:
        outputs, fired = Outputs(), []
        for key, count in zip(batch.table["key"].to_pylist(), batch.table["count"].to_pylist(), strict=True):
            before = state.get(key, 0)
            state[key] = before + count
            if state[key] // ALARM_AT > before // ALARM_AT:
                fired.append((key, float(state[key] + self.twist)))
        if fired:
            keys, values = zip(*fired, strict=True)
            outputs.emit(ALERTS.name, rows(ALERTS, {"key": keys, "value": values}, len(fired)))
        return state, outputs


class Tally(Toy):
    """Says at each tick how much it has seen: its output depends on the order taken, which only the journal knows."""

    reads = (USER_INTERACTIONS.name, "clock")
    writes = (OUTBOX.name,)

    def initial(self) -> list[float]:
        return [0, 0.0]

    def fold(self, state: list[float], batch: Batch) -> tuple[list[float], Outputs]:
        outputs = Outputs()
        if batch.stream == "clock":
            body = f"{state[0]} {state[1] + self.twist}"
            if batch.rows:
                outputs.emit(OUTBOX.name, rows(OUTBOX, {"body": body, "time": batch.table["time"]}, batch.rows))
            return state, outputs
        for value in batch.table["value"].to_pylist():
            state[0] += 1
            state[1] += value
        return state, outputs


class Brittle(Toy):
    """Repeats each row, and crashes on the value 13. It counts, so that a row folded twice shows. State: [rows]."""

    reads = (USER_INTERACTIONS.name,)
    writes = (NOTIFICATIONS.name,)

    def initial(self) -> list[int]:
        return [0]

    def fold(self, state: list[int], batch: Batch) -> tuple[list[int], Outputs]:
        outputs = Outputs()
        numbers = []
        for value in batch.table["value"].to_pylist():
            if value == POISON:
                raise ValueError("thirteen")
            state[0] += 1
            numbers.append(state[0] + self.twist)
        causes = [f"{batch.producer} {batch.first + i}" for i in range(batch.rows)]
        outputs.emit(NOTIFICATIONS.name, rows(NOTIFICATIONS, {"cause": causes, "attempts": numbers}, batch.rows))
        return state, outputs
