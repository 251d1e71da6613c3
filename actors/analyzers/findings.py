"""What trend and correlation watches say: rows of ``insights``, told when they change, and again after a whole span."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import pyarrow as pa

from events.catalog import INSIGHTS, rows

Status = Literal["rising", "falling", "steady", "together", "opposed", "apart", "learning", "withdrawn"]
FOUND = ("rising", "falling", "together", "opposed")
"""What is worth a reader's time; the others say that there is nothing, or nothing yet."""


class Said(msgspec.Struct):
    """What was said last, and when, in us of event time."""

    status: Status
    at: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of ``insights``. Times in us UTC; ``value`` is a slope an hour, or a coefficient, with its interval."""

    watch: str
    status: Status
    metric: str
    aggregate: str
    key: str
    time: int
    message: str
    with_metric: str | None = None
    with_aggregate: str | None = None
    with_key: str | None = None
    start: int | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    change: float | None = None
    lag_us: int | None = None
    p_value: float | None = None
    n: int | None = None

    def as_steady(self) -> Finding:
        """The same series, of which no trend can be said."""
        series = f"{self.metric}.{self.aggregate}" + (f" of {self.key}" if self.key else "")
        return replace(self, status="steady", message=f"{series} neither rises nor falls beyond chance")

    def worth_repeating(self, before: Said, span_us: int) -> bool:
        """Whether it holds for so long that its figures are of another time altogether."""
        return self.status in FOUND and self.time - before.at >= span_us


def withdrawn(watch: str, metric: str, aggregate: str, said: Mapping[str, Said], at: int) -> Iterator[Finding]:
    """What was said by key holds no more: nobody watches it, or it is silent."""
    for key in sorted(said):
        yield Finding(watch, "withdrawn", metric, aggregate, key, at, "it is no longer watched, or silent")


def finding_rows(type_: str, found: Sequence[Finding]) -> pa.RecordBatch:
    """Rows of ``insights``."""
    names = [name for name in INSIGHTS.schema.names if name in Finding.__slots__]
    columns = {name: [getattr(each, name) for each in found] for name in names}
    return rows(INSIGHTS, {"type": type_, **columns}, len(found))


def percent(share: float) -> str:
    """``12 %``, ``0.4 %``, ``250 %``: two digits at least."""
    of_hundred = 100 * share
    return f"{of_hundred:.2g} %" if abs(of_hundred) < 100 else f"{of_hundred:.0f} %"


def parts_of_time(us: int) -> str:
    """``90 s``, ``20 min``, ``36 h``, ``14 days``."""
    for size, unit in ((86_400_000_000, "days"), (3_600_000_000, "h"), (60_000_000, "min")):
        if us >= 2 * size:
            return f"{us / size:.3g} {unit}"
    return f"{us / 1e6:.3g} s"
