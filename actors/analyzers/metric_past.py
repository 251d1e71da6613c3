"""A metric's past: its rows below a cut, folded apart from the metrics that count what comes; then those that were held.

It takes all that the metrics analyzer took, in the same order: rows of its stream, who idles, and the clock where that
closes windows. So its windows are to the last bit what they would be had the metric been there from the first row on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from actors.analyzers.arrays import decoded, encoded
from actors.analyzers.held import HeldRows
from actors.analyzers.metric_rows import Late, Sampled, told
from actors.analyzers.metric_series import (
    BOUND_S,
    GRACE_US,
    TELL_SILENCE,
    Columns,
    MetricSpec,
    SavedSeries,
    Series,
    advance,
)
from actors.analyzers.producers import Producers, idle_in
from actors.fold import Batch
from analytics import windows
from events.catalog import CLOCK, IDLE_PRODUCERS


class SavedPast(msgspec.Struct):
    """What the backfill tells the metrics analyzer."""

    series: SavedSeries | None = None
    producers: Producers = msgspec.field(default_factory=Producers)


class MetricPast:
    """One metric and the producers of its stream. ``said`` is what the metric's event says, and whom to expect."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.spec = MetricSpec.of(said["spec"], said.get("bound_s", BOUND_S))
        self.series = Series.new(self.spec)
        self.producers = Producers()
        self.producers.expect(said.get("expected", ()))
        self._cause = said.get("cause")

    @classmethod
    def load(cls, said: Mapping[str, Any], data: bytes) -> MetricPast:
        """The past that ``dump`` turned into ``data``."""
        past, saved = cls(said), decoded(data, SavedPast)
        past.producers = saved.producers
        if saved.series is not None:
            past.series = Series.load(past.spec, saved.series)
        return past

    @property
    def beside(self) -> tuple[str, ...]:
        """The streams that matter besides the metric's own."""
        silent = self.spec.stream not in TELL_SILENCE
        return (IDLE_PRODUCERS.name, CLOCK.name) if silent else (IDLE_PRODUCERS.name,)

    @property
    def watermark(self) -> int:
        return self.producers.watermark(self.spec.bound_us)

    def take(self, batch: Batch, columns: Columns) -> Iterator[pa.RecordBatch]:
        """The samples (rows of ``metrics``) of the windows that closed, as the metrics analyzer would have told them.

        Rows that came too late for their window are not listed again: ``late_rows`` is about what comes.
        """
        found: list[windows.Samples] = []
        if batch.stream == self.spec.stream:
            end = batch.header.end if batch.last else batch.first + batch.rows
            found += self._rows(batch.producer, end, batch.watermark, columns)[0]
        if batch.stream == CLOCK.name and CLOCK.name in self.beside:
            for tick in columns.time("time").tolist():
                found.append(self._heard(tick - GRACE_US, {}))
        if batch.stream == IDLE_PRODUCERS.name:
            for said in idle_in(batch.table):
                if said.stream == self.spec.stream:
                    found.append(self._heard(windows.NO_WATERMARK, {said.producer: (said.offset, said.until)}))
        for samples in found:
            if samples.rows:
                yield told([Sampled(self.spec, self.series.keys, samples, self._cause)], past=True)

    def take_held(self, held: HeldRows) -> tuple[list[windows.Samples], Late | None]:
        """Fold rows that were held: the windows that they closed, and which rows came too late."""
        columns = Columns(held.table)
        found, late = self._rows(held.producer, held.end, held.watermark, columns) if held.producer else ([], None)
        if held.heard:
            found.append(self._heard(held.heard.ticked, held.heard.idle))
        return [samples for samples in found if samples.rows], late

    def _rows(
        self, producer: str, end: int, watermark: int, columns: Columns
    ) -> tuple[list[windows.Samples], Late | None]:
        bound = self.spec.bound_us
        time, received = columns.time("time"), columns.time("received")
        step = self.producers.take(producer, end, watermark, time, received, (bound,))[bound]
        found = advance(self.spec, self.series, columns, step)
        for samples in found:
            if len(samples.refused):
                metrics = columns.metrics(self.spec, samples.refused)
                return found, Late(samples.refused, metrics, step.marks)
        return found, None

    def _heard(self, ticked: int, idle: Mapping[str, tuple[int, int]]) -> windows.Samples:
        bounds = (self.spec.bound_us,)
        if ticked > windows.NO_WATERMARK:
            self.producers.tick(ticked, bounds)
        for producer, (offset, until) in idle.items():
            self.producers.idle(producer, offset, until, bounds)
        return windows.advance_watermark(self.series.windows, self.watermark)

    def dump(self) -> bytes:
        """The state of the past as bytes, from which ``MetricsAnalyzer`` goes on."""
        return encoded(SavedPast(self.series.dump(), self.producers))
