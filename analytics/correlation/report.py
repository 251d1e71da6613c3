"""What a search for relations among series found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["pearson", "spearman", "distance", "mutual_information"]
Status = Literal["judged", "not enough data", "constant"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two series, at the lag where what is new in one goes together most with what is new in the other."""

    first: str
    second: str
    status: Status
    lag: int | None
    """Rows by which ``second`` follows ``first``; negative where ``first`` follows. None where not judged."""
    coefficient: float | None
    """Of the series as they are, at this lag: -1 to 1 (pearson, spearman), 0 to 1 (distance) or nats."""
    lower: float | None
    upper: float | None
    """95 % interval of a pearson or spearman coefficient at this lag, by the effective sample size."""
    innovations: float | None
    """The same coefficient of the innovations' normal scores, on which the p-value rests."""
    p_value: float | None
    """Corrected for the lags searched, not for the number of pairs."""
    q_value: float | None
    """Corrected for the pairs: the least false-discovery rate at which this pair is found."""
    significant: bool
    n: int
    """Rows where both series have a value."""
    effective: float
    """How many independent rows would tell as much about the coefficient."""


@dataclass(frozen=True, slots=True)
class Correlations:
    """All pairs, in the order of the columns."""

    method: Method
    partial: bool
    max_lag: int
    fdr: float
    pairs: tuple[Pair, ...]

    @property
    def significant(self) -> tuple[Pair, ...]:
        """The pairs found, the surest first."""
        return tuple(sorted((p for p in self.pairs if p.significant), key=_sureness))


def _sureness(pair: Pair) -> tuple[float, float]:
    return pair.p_value or 0.0, -abs(pair.innovations or 0.0)
