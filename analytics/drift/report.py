"""What a comparison of two samples found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analytics.drift.contingency import Kind

Status = Literal["compared", "constant", "no values", "too rare"]


@dataclass(frozen=True, slots=True)
class Measure:
    """How far apart the samples are by one measure, and how far that is by chance."""

    name: str
    value: float
    threshold: float | None
    """From about where on the column alarms, at these sample sizes and this alarm rate; none where nothing is that far.

    A threshold is a fit to 512 draws; the verdict rests on the p-value.
    """
    p_value: float
    """Share of random re-divisions of the rows that are as far apart; of this measure alone, not corrected."""


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column: ``drifted`` where ``p_value`` is at most the alarm rate."""

    name: str
    kind: Kind
    status: Status
    drifted: bool
    p_value: float | None
    """Corrected for all measures of all columns; none where there is nothing to compare."""
    measures: tuple[Measure, ...]
    values_reference: int
    values_current: int
    missing_reference: float
    missing_current: float
    """Shares of rows without a value."""
    unseen: tuple[str, ...] = ()
    """Categories that the reference does not have, at most 127, the most frequent first."""
    unseen_share: float = 0.0
    """Share of the current rows that have them."""
    rare: int = 0
    """Categories too rare to be compared one by one, pooled into one."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """All columns in the order of the reference. ``drifted`` where at least one column is."""

    drifted: bool
    p_value: float | None
    """That of the column that is farthest out; none where no column could be compared."""
    alarm_rate: float
    rows_reference: int
    rows_current: int
    tested_reference: int
    tested_current: int
    """Rows whose permutations make the null: all, but for blocks' left-overs and for the excess of a far larger sample."""
    block: int
    """Rows that were permuted together."""
    draws: int
    """Random re-divisions that the p-values rest on."""
    can_alarm: bool
    """False where the samples are so small that no difference could be significant at this rate."""
    columns: tuple[ColumnDrift, ...]

    @property
    def drifted_columns(self) -> tuple[str, ...]:
        """The columns that alarm, the farthest out first."""
        return tuple(c.name for c in sorted(self.columns, key=_distance) if c.drifted)


def _distance(column: ColumnDrift) -> tuple[float, float]:
    by_name = {m.name: m.value for m in column.measures}
    return column.p_value or 0.0, -by_name.get("jensen_shannon", by_name.get("missing", 0.0))
