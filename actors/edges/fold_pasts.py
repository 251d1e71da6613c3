"""What drives the backfill; apart from its worker, whose kernels take 20 MB that few processes need."""

from __future__ import annotations

from dataclasses import dataclass

from actors.cell import AnyCell
from actors.topology import Surroundings
from actors.workers import Worker


@dataclass(frozen=True, slots=True)
class FoldPasts:
    """Drive the cell by the pasts of definitions that are wanted."""

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        from actors.edges.backfill import BackfillWorker

        return BackfillWorker(cell, host.log)
