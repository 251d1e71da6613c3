"""The anomaly analyzer: each metric sample beside what its own past leads to expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import numpy as np
import pyarrow as pa

from actors.columns import floats, labels, text, times
from actors.definitions.fingerprints import fingerprint, told_apart
from actors.fold import Batch, Outputs
from analytics import anomaly
from events.catalog import ANOMALIES, METRICS, rows
from events.entry import NO_WATERMARK

STATUS = np.array(["warming", "ready"], dtype=object)


@dataclass(frozen=True)
class AnomalySpec:
    """Watch one aggregate of one metric, every key by itself."""

    metric: str
    aggregate: str = "count"
    false_alarms_per_week: float = 1.0
    of: tuple[str, ...] = ()
    """Fingerprints of the definitions that make the metric's samples: what was learned of others does not hold."""

    @property
    def name(self) -> str:
        return f"{self.metric}.{self.aggregate}"

    @cached_property
    def definition(self) -> str:
        """What the spec says, as a fingerprint."""
        return fingerprint(self)


State = dict[tuple[str, str, int], anomaly.AnomalyDetector]
"""By (what is watched, fingerprint of its spec, window width in us)."""


class Saved(msgspec.Struct):
    watched: str
    definition: str
    width_us: int
    detector: bytes


@dataclass(frozen=True)
class AnomalyAnalyzer:
    """The fold. Only the first revision of a window is scored: what was said of it stays said."""

    specs: tuple[AnomalySpec, ...]
    name: str = "anomaly"
    version: int = 6
    reads: tuple[str, ...] = (METRICS.name,)
    writes: tuple[str, ...] = (ANOMALIES.name,)
    definitions: Mapping[str, str] = field(init=False)
    """By ``metric.aggregate``: fingerprints of the specs."""

    def __post_init__(self) -> None:
        named = ((spec.name, spec.definition) for spec in self.specs)
        object.__setattr__(self, "definitions", told_apart("anomaly watch", named))

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
        widths = batch.table.column("width_us").to_numpy(zero_copy_only=False)
        found: list[tuple[np.ndarray, pa.RecordBatch]] = []
        for spec in self.specs:
            if spec.metric in metrics:
                chosen = np.flatnonzero(first & (codes == metrics.index(spec.metric)))
                for width in np.unique(widths[chosen]).tolist():  # two where the metric has been defined anew
                    alike = chosen[widths[chosen] == width]
                    found.append((alike, self._scored(state, spec, width, batch.table.take(pa.array(alike)))))
        return found

    def _scored(self, state: State, spec: AnomalySpec, width: int, table: pa.RecordBatch) -> pa.RecordBatch:
        place = (spec.name, spec.definition, width)
        detector = state.get(place)
        if detector is None:
            detector = state[place] = anomaly.AnomalyDetector(spec.false_alarms_per_week)
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
            Saved(*place, detector.to_bytes()) for place, detector in sorted(state.items(), key=lambda item: item[0])
        ]
        return msgspec.msgpack.encode(saved)

    def load(self, data: bytes) -> State:
        """States of specs that are no more, or say something else now, are left out."""
        specs = {(spec.name, spec.definition): spec for spec in self.specs}
        return {
            (s.watched, s.definition, s.width_us): anomaly.AnomalyDetector.from_bytes(
                s.detector, spec.false_alarms_per_week
            )
            for s in msgspec.msgpack.decode(data, type=list[Saved])
            if (spec := specs.get((s.watched, s.definition))) is not None
        }


def _in_order(found: list[tuple[np.ndarray, pa.RecordBatch]]) -> pa.RecordBatch:
    """One batch, in the order of the samples; of one sample, in the order of the specs."""
    if len(found) == 1:
        return found[0][1]
    order = np.argsort(np.concatenate([chosen for chosen, _ in found]), kind="stable")
    return pa.concat_batches([scored for _, scored in found]).take(pa.array(order))
