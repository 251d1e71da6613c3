"""Old payload versions become new ones here, vectorised, in the one reader that everybody uses.

Register each step once: ``upcast.step("orders", 1, old_schema, to_v2)`` turns version 1 into version 2; a reader of
version 1 then runs every step up to the newest. Wire names and old schemas are never edited.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from events.errors import Corrupt

Step = Callable[[pa.RecordBatch], pa.RecordBatch]


class Upcasters:
    """Steps by (stream, version)."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, int], tuple[pa.Schema, Step]] = {}

    def step(self, stream: str, version: int, schema: pa.Schema, to_next: Step) -> None:
        """Declare how rows of ``version`` (with ``schema``) become rows of ``version + 1``."""
        if (stream, version) in self._steps:
            raise ValueError(f"{stream} version {version} has an upcaster already")
        self._steps[stream, version] = (schema, to_next)

    def schema(self, stream: str, version: int) -> pa.Schema:
        """The schema that ``version`` was written with. Raises ``Corrupt`` where there is no upcaster for it."""
        return self._find(stream, version)[0]

    def __call__(self, stream: str, batch: pa.RecordBatch, version: int, newest: int) -> pa.RecordBatch:
        """``batch`` of ``version`` in the schema of ``newest``."""
        for v in range(version, newest):
            batch = self._find(stream, v)[1](batch)
        return batch

    def _find(self, stream: str, version: int) -> tuple[pa.Schema, Step]:
        try:
            return self._steps[stream, version]
        except KeyError:
            raise Corrupt(f"no upcaster for {stream} version {version}; install the Hindcast that wrote it") from None


upcast = Upcasters()
