"""The figures of one period from exact counts, and their merge over partitions.

Counts add up exactly where the partitions' subjects are different ones (events are partitioned by subject, so they are).
Everything derived is computed from the merged counts and never from partitions' rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from analytics.kpis.amounts import LARGEST, Average, Money, Rate
from analytics.kpis.definitions import ENGAGEMENT_WEIGHTS


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in UTC microseconds."""

    start_us: int
    end_us: int

    def __post_init__(self) -> None:
        if self.end_us <= self.start_us:
            raise ValueError(f"a period ends after it starts, got {self.start_us} to {self.end_us}")

    @property
    def previous(self) -> Period:
        """The one before, of equal length."""
        return Period(2 * self.start_us - self.end_us, self.start_us)


@dataclass(frozen=True, slots=True)
class Counts:
    """What one partition counted in one period; money in minor units by currency."""

    revenue: Mapping[str, int] = field(default_factory=dict[str, int])
    margin: Mapping[str, int] = field(default_factory=dict[str, int])
    """Revenue less the cost of serving it."""
    spend: Mapping[str, int] = field(default_factory=dict[str, int])
    """For acquiring customers."""
    active_users: int = 0
    eligible: int = 0
    converted: int = 0
    at_start: int = 0
    churned: int = 0
    new_customers: int = 0
    good_requests: int = 0
    valid_requests: int = 0
    active_days: int = 0
    possible_days: int = 0
    kinds_used: int = 0
    kinds_offered: int = 0
    previously_active: int = 0
    returned: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Both partitions as one. Raises ``ValueError`` for a sum beyond int64."""
        mine, others = asdict(self), asdict(other)
        return Counts(**{name: added(name, mine[name], others[name]) for name in mine})


def added(name: str, one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return {
            currency: (Money(one.get(currency, 0), currency) + Money(other.get(currency, 0), currency)).minor
            for currency in sorted({*one, *other})
        }
    if one + other > LARGEST:
        raise ValueError(f"{name} of two partitions is beyond 64 bits")
    return one + other


@dataclass(frozen=True, slots=True)
class LifetimeValue:
    """Margin x expected lifetime, with the interval at ``level`` that the churn rate's leaves; None where there is none."""

    value: Money | None
    lower: Money | None
    upper: Money | None
    level: float
    lifetime_periods: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one period; each as ``definitions`` says. Money by currency."""

    revenue: dict[str, Money]
    active_users: int
    conversion: Rate
    churn: Rate
    acquisition_cost: dict[str, Average]
    lifetime_value: dict[str, LifetimeValue]
    revenue_per_user: dict[str, Average]
    availability: Rate
    engagement: float | None
    version: int = 1


def figures(counts: Counts, level: float = 0.95) -> Figures:
    """All figures of ``counts``. Raises ``ValueError`` where a count of some exceeds the count of all."""
    churn = Rate(counts.churned, counts.at_start)
    parts = {
        "frequency": Rate(counts.active_days, counts.possible_days),
        "breadth": Rate(counts.kinds_used, counts.kinds_offered),
        "return": Rate(counts.returned, counts.previously_active),
    }
    return Figures(
        revenue={currency: Money(minor, currency) for currency, minor in counts.revenue.items()},
        active_users=counts.active_users,
        conversion=Rate(counts.converted, counts.eligible),
        churn=churn,
        acquisition_cost={c: Average(Money(minor, c), counts.new_customers) for c, minor in counts.spend.items()},
        lifetime_value={
            c: lifetime_value(Average(Money(m, c), counts.at_start), churn, level) for c, m in counts.margin.items()
        },
        revenue_per_user={c: Average(Money(minor, c), counts.active_users) for c, minor in counts.revenue.items()},
        availability=Rate(counts.good_requests, counts.valid_requests),
        engagement=engagement_score({name: part.value for name, part in parts.items()}),
    )


def lifetime_value(margin: Average, churn: Rate, level: float = 0.95) -> LifetimeValue:
    """Margin a customer and period over the churn rate, at the rate and at both ends of its Wilson interval.

    Where nobody churned there is a lower bound only; where nobody could, nothing. The margin is taken as known. With a
    margin below zero the bounds change sides.
    """
    spread, rate = churn.interval(level), churn.value
    if spread is None or rate is None or not margin.count:
        return LifetimeValue(None, None, None, level, None)
    ends = at_rate(margin, spread[1]), at_rate(margin, spread[0])
    lower, upper = ends if margin.total.minor >= 0 else ends[::-1]
    return LifetimeValue(at_rate(margin, rate), lower, upper, level, 1 / rate if rate > 0 else None)


def at_rate(margin: Average, rate: float) -> Money | None:
    """None at a rate of zero: a lifetime without end; and beyond int64."""
    worth = margin.total.minor / margin.count / rate if rate > 0 else float(LARGEST)
    return Money(round(worth), margin.total.currency) if abs(worth) < LARGEST else None


def engagement_score(parts: Mapping[str, float | None]) -> float | None:
    """The weighted mix, version 1, of fractions named as in ``ENGAGEMENT_WEIGHTS``; None where one is unknown."""
    mixed = 0.0
    for name, weight in ENGAGEMENT_WEIGHTS.items():
        part = parts.get(name)
        if part is None:
            return None
        if not 0 <= part <= 1:
            raise ValueError(f"engagement's {name} must be a fraction, got {part}")
        mixed += weight * part
    return min(mixed, 1.0)
