"""What drives the forecasts; apart from its worker, which few processes need."""

from __future__ import annotations

from dataclasses import dataclass

from actors.cell import AnyCell
from actors.topology import Surroundings
from actors.workers import Worker


@dataclass(frozen=True, slots=True)
class Foresee:
    """Drive the cell by the clock: forecasts are made anew as often as their definitions say."""

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        from actors.edges.forecasting import ForecastWorker, in_a_process

        return ForecastWorker(cell, host.log, host.now, in_a_process(host.place))
