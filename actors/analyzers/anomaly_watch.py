"""One anomaly watch: what it asks for, and the detectors by which it scores samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from actors.columns import floats, labels, text, times
from actors.definitions.fingerprints import fingerprint
from actors.fold import Batch
from analytics import anomaly
from events.catalog import ANOMALIES, rows

STATUS = np.array(["warming", "ready"], dtype=object)
NEEDED = ("time", "metric", "key", "start", "partition_key", "cause", "width_us", "revision")
"""The columns of ``metrics`` that a watch reads, besides its aggregate."""


@dataclass(frozen=True)
class AnomalySpec:
    """Watch one aggregate of one metric, every key by itself."""

    metric: str
    aggregate: str = "count"
    false_alarms_per_week: float = 1.0
    of: tuple[str, ...] = ()
    """Of releases that did not keep the specs in the state: fingerprints of the definitions that made the samples."""

    @classmethod
    def of_said(cls, said: Mapping[str, Any]) -> AnomalySpec:
        """From the spec of a definition, as ``control`` has it."""
        default = cls("")
        rate = said.get("false_alarms_per_week", default.false_alarms_per_week)
        return cls(said["metric"], said.get("aggregate", default.aggregate), float(rate))

    @property
    def name(self) -> str:
        return f"{self.metric}.{self.aggregate}"

    @property
    def columns(self) -> frozenset[str]:
        return frozenset((*NEEDED, self.aggregate))

    @cached_property
    def definition(self) -> str:
        """What the spec says, as a fingerprint."""
        return fingerprint(self)

    @property
    def now(self) -> AnomalySpec:
        """The same watch with the spec that a definition has today."""
        return replace(self, of=())


class SavedDetector(msgspec.Struct):
    cause: str
    width_us: int
    detector: bytes


class Detectors:
    """The detectors of one watch, by window width and by what defined the metric: what was learned of other figures of
    that name does not hold."""

    def __init__(self, spec: AnomalySpec) -> None:
        self.spec = spec
        self._by_width: dict[int, anomaly.AnomalyDetector] = {}
        self._cause = ""

    def scored(self, table: pa.RecordBatch, chosen: np.ndarray) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
        """(rows of ``table``, rows of ``anomalies``) of the samples ``chosen``, which are of the watched metric."""
        widths = table.column("width_us").to_numpy(zero_copy_only=False)[chosen]
        causes = table.column("cause").take(pa.array(chosen)).fill_null("").to_numpy(zero_copy_only=False)
        cuts = np.flatnonzero(causes[1:] != causes[:-1]) + 1
        for part, of, width in zip(np.split(chosen, cuts), np.split(causes, cuts), np.split(widths, cuts), strict=True):
            if not len(part):
                continue
            if of[0] != self._cause:
                self._by_width, self._cause = {}, str(of[0])
            for each in np.unique(width).tolist():
                alike = part[width == each]
                yield alike, self._scored(int(each), table.take(pa.array(alike)))

    def _scored(self, width: int, table: pa.RecordBatch) -> pa.RecordBatch:
        spec = self.spec
        detector = self._by_width.get(width)
        if detector is None:
            detector = self._by_width[width] = anomaly.AnomalyDetector(spec.false_alarms_per_week)
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

    def dump(self) -> list[SavedDetector]:
        return [SavedDetector(self._cause, width, d.to_bytes()) for width, d in sorted(self._by_width.items())]

    @classmethod
    def load(cls, spec: AnomalySpec, saved: list[SavedDetector]) -> Detectors:
        found = cls(spec)
        for one in saved:
            found._cause = one.cause
            found._by_width[one.width_us] = anomaly.AnomalyDetector.from_bytes(one.detector, spec.false_alarms_per_week)
        return found


def first_samples(table: pa.RecordBatch) -> tuple[np.ndarray, list[str], np.ndarray]:
    """(codes, metrics, whether a row is the first revision of its window): only these are scored."""
    codes, metrics = labels(table, "metric")
    return codes, metrics, table.column("revision").to_numpy(zero_copy_only=False) == 0


def in_order(found: list[tuple[np.ndarray, pa.RecordBatch]]) -> pa.RecordBatch:
    """One batch, in the order of the samples; of one sample, in the order of the watches."""
    if len(found) == 1:
        return found[0][1]
    order = np.argsort(np.concatenate([chosen for chosen, _ in found]), kind="stable")
    return pa.concat_batches([scored for _, scored in found]).take(pa.array(order))


class AnomalyPast:
    """A watch's past: the samples below a cut. ``said`` is what the watch's event says."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._detectors = Detectors(AnomalySpec.of_said(said["spec"]))

    @classmethod
    def of(cls, spec: AnomalySpec) -> AnomalyPast:
        """The past of a watch that nobody has defined."""
        rate = spec.false_alarms_per_week
        return cls({"spec": {"metric": spec.metric, "aggregate": spec.aggregate, "false_alarms_per_week": rate}})

    @property
    def beside(self) -> tuple[str, ...]:
        """No further streams: only the samples matter for a watch."""
        return ()

    def take(self, batch: Batch, columns: object) -> Iterator[pa.RecordBatch]:
        """The rows of ``anomalies`` about the samples in ``batch``."""
        if batch.rows:
            codes, metrics, first = first_samples(batch.table)
            if self._detectors.spec.metric in metrics:
                chosen = np.flatnonzero(first & (codes == metrics.index(self._detectors.spec.metric)))
                found = list(self._detectors.scored(batch.table, chosen))
                if found:
                    yield in_order(found)

    def dump(self) -> bytes:
        """The detectors, for ``AnomalyAnalyzer``."""
        return msgspec.msgpack.encode(self._detectors.dump())
