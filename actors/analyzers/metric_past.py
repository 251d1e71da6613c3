"""A metric's past: its rows below a cut, folded apart from the metrics that count what comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from actors.analyzers.metric_rows import sampled
from actors.analyzers.metric_series import BOUND_S, Columns, MetricSpec, SavedSeries, Series, advance
from actors.fold import Batch


class MetricPast:
    """Takes the rows of each producer in their order. ``said`` is what the metric's event says."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._spec = MetricSpec.of(said["spec"], said.get("bound_s", BOUND_S))
        self._cause = said.get("cause")
        self._series: dict[str, Series] = {}

    def take(self, batch: Batch, columns: Columns) -> Iterator[pa.RecordBatch]:
        """The samples (rows of ``metrics``) of the windows that closed, as the metrics analyzer would have told them.

        Rows that came too late for their window are not listed again: ``late_rows`` is about what comes.
        """
        series = self._series.get(batch.producer)
        if series is None:
            series = self._series[batch.producer] = Series.new(self._spec)
        for samples in advance(self._spec, series, columns, batch.watermark):
            if samples.rows:
                yield sampled(self._spec, series.keys, samples, batch.producer, self._cause, past=True)

    def dump(self) -> bytes:
        """The windows by producer, for ``MetricsAnalyzer``."""
        saved: dict[str, SavedSeries] = {producer: series.dump() for producer, series in self._series.items()}
        return msgspec.msgpack.encode(saved, order="deterministic")
