"""Are rows distributed as a profile says? A chi-squared test a column, with the false-discovery rate of all held.

Two samples are compared (the profile is one, not the truth), by Pearson's statistic of the 2 x k table; bins of which fewer
than 5 rows are expected on either side are taken together. Benjamini and Hochberg (1995) say which columns differ: among
those named, the share that does not is at most the rate, in expectation. Rows must be independent of each other: where the
same person is asked about again and again, more is named than should be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log
from typing import Any

FEW = 5.0
_STEPS = 500
_SMALL = 1e-300


@dataclass(frozen=True, slots=True)
class Shift:
    """One column: ``p_value`` alone, ``distance`` the total variation in [0, 1], and whether it is named as ``drifted``."""

    name: str
    p_value: float | None
    distance: float
    drifted: bool


def shifts(
    profile: Mapping[str, Mapping[str, Any]], counts: Mapping[str, Sequence[int]], rate: float
) -> tuple[Shift, ...]:
    """The columns of ``counts`` (bins as in ``profile``), the most surely shifted first. ``rate``: of false discoveries."""
    found = [(name, *_compared(profile[name]["counts"], seen)) for name, seen in counts.items() if name in profile]
    tested = sorted(
        ((name, p, distance) for name, p, distance in found if p is not None), key=lambda one: (one[1], one[0])
    )
    limit = -1
    for rank, (_, p, _) in enumerate(tested):
        if p <= rate * (rank + 1) / len(tested):
            limit = rank
    judged = [Shift(name, p, distance, rank <= limit) for rank, (name, p, distance) in enumerate(tested)]
    return (*judged, *(Shift(name, None, distance, False) for name, p, distance in found if p is None))


def _compared(reference: Sequence[int], current: Sequence[int]) -> tuple[float | None, float]:
    n, m = sum(reference), sum(current)
    if not n or not m:
        return None, 0.0
    distance = sum(abs(a / n - b / m) for a, b in zip(reference, current, strict=True)) / 2
    kept: list[tuple[int, int]] = []
    rest = (0, 0)
    for a, b in zip(reference, current, strict=True):
        if min(n, m) * (a + b) / (n + m) < FEW:
            rest = rest[0] + a, rest[1] + b
        else:
            kept.append((a, b))
    if rest != (0, 0):
        kept.append(rest)
    if len(kept) < 2:
        return None, distance
    ratio = (m / n) ** 0.5
    statistic = sum((ratio * a - b / ratio) ** 2 / (a + b) for a, b in kept)
    return chi_squared_above(statistic, len(kept) - 1), distance


def chi_squared_above(statistic: float, degrees: int) -> float:
    """P(X > ``statistic``) of a chi-squared distribution: the upper incomplete gamma function, by its series below the mean
    and Lentz's continued fraction above it (NIST DLMF 8.7.1, 8.9.2)."""
    a, x = degrees / 2.0, statistic / 2.0
    if x <= 0:
        return 1.0
    front = exp(a * log(x) - x - lgamma(a))
    if x < a + 1.0:
        term = total = 1.0 / a
        for k in range(1, _STEPS):
            term *= x / (a + k)
            total += term
            if term < total * 1e-15:
                break
        return max(0.0, 1.0 - front * total)
    b = x + 1.0 - a
    c, d = 1.0 / _SMALL, 1.0 / b
    fraction = d
    for k in range(1, _STEPS):
        an = -k * (k - a)
        b += 2.0
        d = an * d + b
        d = 1.0 / (d if abs(d) > _SMALL else _SMALL)
        c = b + an / c
        c = c if abs(c) > _SMALL else _SMALL
        fraction *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return min(1.0, front * fraction)
