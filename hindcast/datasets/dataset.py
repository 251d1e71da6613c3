"""A dataset that was made: its table, what is in it, and what was kept out of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

KEY, AT, LABEL = "key", "at", "label"


@dataclass(frozen=True)
class Dataset:
    """``table``: ``key`` (text), ``at`` (UTC), ``label`` (0 or 1, or a number), then a column a feature (float64 or text),
    in the order of ``at``.

    ``report``: the leakage report. ``said``: what it was made of, with all definitions and its moment:
    ``client.dataset(**said)`` makes the same table again, whatever came since. ``digest``: sha256 of its content.
    """

    table: pa.Table
    report: dict[str, Any]
    said: dict[str, Any] = field(repr=False)
    as_of: str = field(repr=False)
    digest: str

    @classmethod
    def of(cls, answer: httpx.Response) -> Dataset:
        """As the API answers it, in Arrow."""
        import pyarrow as pa

        with pa.ipc.open_stream(answer.content) as stream:
            table = stream.read_all()
        said = {name.decode(): json.loads(value) for name, value in (table.schema.metadata or {}).items()}
        told = (said[f"hindcast.{name}"] for name in ("report", "said", "as_of", "digest"))
        return cls(table.replace_schema_metadata(None), *told)

    @property
    def features(self) -> list[str]:
        """The names of the columns to learn from."""
        return [name for name in self.table.column_names if name not in (KEY, AT, LABEL)]

    @property
    def task(self) -> Literal["classification", "regression"]:
        return self.report["label"]["task"]

    @property
    def warnings(self) -> list[str]:
        """What may be wrong with it, in sentences."""
        return self.report["warnings"]

    def to_pandas(self) -> Any:
        """As a pandas frame."""
        return self.table.to_pandas()

    def parted(self, share: float = 0.2) -> tuple[pa.Table, pa.Table]:
        """The earlier rows, and the later ones: about ``share`` of them, cut between two moments where there are several.

        So whoever learns from the first part is tried on what came after. With one moment alone every n-th row is later.
        """
        import numpy as np

        at = self.table[AT].to_numpy()
        moments, counts = np.unique(at, return_counts=True)
        if len(moments) == 1:
            later = np.arange(len(at)) % max(2, round(1 / share)) == 0
        else:
            behind = np.cumsum(counts[::-1])[::-1]
            first = max(1, int(np.argmin(np.abs(behind - share * len(at)))))
            later = at >= moments[first]
        return self.table.filter(~later), self.table.filter(later)

    def __len__(self) -> int:
        return self.table.num_rows
