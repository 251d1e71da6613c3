"""The anomaly analyzer: each metric sample beside what its own past leads to expect."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from actors.columns import floats, labels, text, times
from actors.fold import Batch, Outputs
from analytics import anomaly
from events.catalog import ANOMALIES, METRICS, rows
from events.entry import NO_WATERMARK

STATUS = np.array(["warming", "ready"], dtype=object)


@dataclass(frozen=True, slots=True)
class AnomalySpec:
    """Watch one aggregate of one metric, every key by itself."""

    metric: str
    aggregate: str = "count"
    false_alarms_per_week: float = 1.0


State = dict[tuple[int, int], anomaly.AnomalyDetector]
"""By (place of the spec, window width in us)."""


class Saved(msgspec.Struct):
    spec: int
    width_us: int
    detector: bytes


@dataclass(frozen=True)
class AnomalyAnalyzer:
    """The fold. Only the first revision of a window is scored: what was said of it stays said."""

    specs: tuple[AnomalySpec, ...]
    name: str = "anomaly"
    version: int = 5
    reads: tuple[str, ...] = (METRICS.name,)
    writes: tuple[str, ...] = (ANOMALIES.name,)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        if batch.watermark != NO_WATERMARK:
            outputs.emit(ANOMALIES.name, watermark=batch.watermark)
        if batch.rows and (found := self._found(state, batch)):
            outputs.emit(ANOMALIES.name, _in_order(found))
        return state, outputs

    def _found(self, state: State, batch: Batch) -> list[tuple[np.ndarray, pa.RecordBatch]]:
        """(rows of the batch, what each spec says of them)."""
        codes, metrics = labels(batch.table, "metric")
        first = batch.table.column("revision").to_numpy(zero_copy_only=False) == 0
        found: list[tuple[np.ndarray, pa.RecordBatch]] = []
        for place, spec in enumerate(self.specs):
            if spec.metric in metrics:
                chosen = np.flatnonzero(first & (codes == metrics.index(spec.metric)))
                if len(chosen):
                    found.append((chosen, self._scored(state, place, batch.table.take(pa.array(chosen)))))
        return found

    def _scored(self, state: State, place: int, table: pa.RecordBatch) -> pa.RecordBatch:
        spec = self.specs[place]
        width = int(table.column("width_us")[0].as_py())
        detector = state.get((place, width))
        if detector is None:
            detector = state[place, width] = anomaly.AnomalyDetector(spec.false_alarms_per_week)
        value = floats(table, spec.aggregate)
        scores = detector.update_text(times(table, "time"), value, *text(table.column("key").dictionary_decode()))
        columns = {name: table.column(name) for name in ("time", "metric", "key", "start", "partition_key")}
        columns |= {
            "type": "anomaly.scored",
            "aggregate": spec.aggregate,
            "value": pa.array(value, from_pandas=True),
            "score": scores.score,
            "expected": pa.array(scores.expected, from_pandas=True),
            "lower": pa.array(scores.lower, from_pandas=True),
            "upper": pa.array(scores.upper, from_pandas=True),
            "direction": scores.direction,
            "is_anomaly": scores.is_anomaly,
            "status": STATUS[scores.status].tolist(),
        }
        return rows(ANOMALIES, columns, table.num_rows)

    def dump(self, state: State) -> bytes:
        saved = [
            Saved(place, width, detector.to_bytes())
            for (place, width), detector in sorted(state.items(), key=lambda item: item[0])
        ]
        return msgspec.msgpack.encode(saved)

    def load(self, data: bytes) -> State:
        return {
            (s.spec, s.width_us): anomaly.AnomalyDetector.from_bytes(
                s.detector, self.specs[s.spec].false_alarms_per_week
            )
            for s in msgspec.msgpack.decode(data, type=list[Saved])
        }


def _in_order(found: list[tuple[np.ndarray, pa.RecordBatch]]) -> pa.RecordBatch:
    """One batch, in the order of the samples; of one sample, in the order of the specs."""
    if len(found) == 1:
        return found[0][1]
    order = np.argsort(np.concatenate([chosen for chosen, _ in found]), kind="stable")
    return pa.concat_batches([scored for _, scored in found]).take(pa.array(order))
