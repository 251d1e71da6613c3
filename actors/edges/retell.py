"""What drives the retelling; apart from its worker, whose kernels few processes need."""

from __future__ import annotations

from dataclasses import dataclass

from actors.cell import AnyCell
from actors.topology import Surroundings
from actors.workers import Worker


@dataclass(frozen=True, slots=True)
class Retell:
    """Drive the cell by imports that are finished, and metrics that are defined."""

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        from actors.edges.retelling import RetellingWorker

        return RetellingWorker(cell, host.log, host.now)
