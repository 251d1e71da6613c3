"""Growth of the newest period over the one before it, of equal length."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.kernels import F64, I64
from analytics.kpis import growth_rate


@dataclass(frozen=True, slots=True)
class Growth:
    """``(current - previous) / previous`` of two means over equal lengths of time."""

    rate: float | None
    """A fraction, 0.05 for 5 %. None where ``previous`` is not positive: there is no growth over nothing or a loss."""
    current: float
    previous: float
    length_us: int
    version: int = 1


def between(time_us: I64, value: F64, step_us: int, season_us: int | None) -> Growth | None:
    """The newest of two equal lengths against the older; whole seasons where there is one. None where a half is empty.

    Each value stands for the ``step_us`` that begin at its time.
    """
    end = int(time_us[-1]) + step_us
    half = (end - int(time_us[0])) // 2
    if season_us and half >= season_us:
        half = half // season_us * season_us
    newer, older = time_us >= end - half, (time_us < end - half) & (time_us >= end - 2 * half)
    if not newer.any() or not older.any():
        return None
    current, previous = float(value[newer].mean()), float(value[older].mean())
    return Growth(growth_rate(current, previous), current, previous, half)
