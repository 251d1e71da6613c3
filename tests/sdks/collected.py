"""The door before the collectors that a part brings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from actors.collectors.arrivals import Arrivals
from actors.edges.intake import Ack
from actors.parts import Part, PartSection, Within
from tests.sdks.door import Door


class Collected(Door):
    """``told`` is what each stream of the part's collectors committed."""

    def __init__(self, part: Part, section: PartSection, *origins: str) -> None:
        super().__init__(*origins)
        folds: list[Any] = [spec.fold for spec in part.cells(section, Within("t", Path(), 0))]
        self._cells: dict[str, Any] = {f"t/{fold.name}/0": [fold, fold.initial()] for fold in folds}
        self.told: dict[str, list[dict[str, Any]]] = {name: [] for fold in folds for name in fold.writes}

    async def push(
        self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None, part: object = None
    ) -> Ack:
        self.pushes.append(arrivals.num_rows)
        if self.refusals:
            raise self.refusals.pop(0)
        fold, state = self._cells[cell]
        self._cells[cell][1], outputs, verdict = fold.admit(state, Arrivals(arrivals, refused))
        for stream, emission in outputs.items():
            self.told[stream].extend(row for batch in emission.batches for row in batch.to_pylist())
        return Ack(verdict.tobytes(), 0)
