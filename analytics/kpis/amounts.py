"""Money, rates and averages that keep what they were made of, so that parts merge exactly into the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from analytics.kernels import I32, I64, column

LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in whole minor units (cents) of one currency (ISO 4217), within int64.

    Amounts of two currencies do not add, subtract or compare: ``ValueError``. So does a sum beyond int64.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if abs(self.minor) > LARGEST:
            raise ValueError(f"{self.minor} {self.currency} is beyond 64 bits of minor units")

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self.alike(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self.alike(other).minor, self.currency)

    def alike(self, other: Money) -> Money:
        """``other``, when it is of this currency."""
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix: convert one of them first")
        return other


@dataclass(frozen=True, slots=True)
class Rate:
    """``numerator`` of ``denominator`` cases, as counted."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if not 0 <= self.numerator <= self.denominator:
            raise ValueError(f"a rate counts some of its cases, got {self.numerator} of {self.denominator}")

    @property
    def value(self) -> float | None:
        """A fraction in [0, 1]; None of no cases."""
        return self.numerator / self.denominator if self.denominator else None

    def __add__(self, other: Rate) -> Rate:
        """The rate over both, their cases being different ones."""
        return Rate(self.numerator + other.numerator, self.denominator + other.denominator)

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Wilson's (1927) score interval, which holds its level near 0 and 1 too; None of no cases."""
        from scipy.special import ndtri

        if not 0 < level < 1:
            raise ValueError(f"level must be between 0 and 1, got {level}")
        if not self.denominator:
            return None
        n, p, z = self.denominator, self.numerator / self.denominator, float(ndtri((1 + level) / 2))
        middle, reach = p + z * z / (2 * n), z * float(np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
        low, high = (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)
        return (0.0 if self.numerator == 0 else max(low, 0.0)), (1.0 if self.numerator == n else min(high, 1.0))


@dataclass(frozen=True, slots=True)
class Average:
    """``total`` for each of ``count`` heads."""

    total: Money
    count: int

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"heads are counted from 0, got {self.count}")

    @property
    def value(self) -> Money | None:
        """To the nearest minor unit, halves to the even one; None of no heads."""
        return Money(round(Fraction(self.total.minor, self.count)), self.total.currency) if self.count else None

    def __add__(self, other: Average) -> Average:
        return Average(self.total + other.total, self.count + other.count)


def growth_rate(current: int | float | Money, previous: int | float | Money) -> float | None:
    """``(current - previous) / previous`` as a fraction, of two periods of equal length; exact until the last rounding.

    None on a base of zero or below (nothing grows from nothing, and from a loss the sign would mislead), of what is not
    finite, and where the fraction is beyond a float. Raises ``ValueError`` for two currencies, or money beside a number.
    """
    if isinstance(current, Money) and isinstance(previous, Money):
        current, previous = previous.alike(current).minor, previous.minor
    elif isinstance(current, Money) or isinstance(previous, Money):
        raise ValueError("growth takes two amounts of money or two numbers, got one of each")
    if not (np.isfinite(current) and np.isfinite(previous)) or previous <= 0:
        return None
    base = Fraction(previous)
    try:
        return float((Fraction(current) - base) / base)
    except OverflowError:
        return None


def totals(minor: I64, code: I32, currencies: Sequence[str]) -> dict[str, Money]:
    """Exact sum of ``minor`` for each currency that occurs; ``code`` indexes ``currencies``. Any order gives equal sums."""
    minor, code = column(minor, np.int64), column(code, np.int32)
    if minor.shape != code.shape:
        raise ValueError(f"amounts and currencies must be of one length, got {len(minor)} and {len(code)}")
    if len(code) and not (code.min() >= 0 and code.max() < len(currencies)):
        raise ValueError(f"currency codes must be below {len(currencies)}, got {code.min()} to {code.max()}")
    high, low = np.zeros(len(currencies), np.int64), np.zeros(len(currencies), np.int64)
    np.add.at(high, code, minor >> 32)
    np.add.at(low, code, minor & 0xFFFFFFFF)
    found = [int(at) for at in np.unique(code)]
    return {currencies[at]: Money((int(high[at]) << 32) + int(low[at]), currencies[at]) for at in found}
