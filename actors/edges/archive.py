"""What drives the archiver's cell."""

from __future__ import annotations

from dataclasses import dataclass

from actors.archiver import ArchiveBounds
from actors.cell import AnyCell
from actors.topology import Surroundings
from actors.workers import Worker
from events.archive.log import ArchivedLog


@dataclass(frozen=True, slots=True)
class Archive:
    """Drive the cell by how far the log has grown."""

    bounds: ArchiveBounds

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        from actors.edges.archiving import ArchiverWorker  # here: no other host needs it

        if not isinstance(host.log, ArchivedLog):
            raise ValueError(f"{cell.name} archives, and its log has no archive; open it by an `ArchivedSpec`")
        return ArchiverWorker(cell, host.log, self.bounds, host.now)
