"""Which season, if any: a period whose harmonics stand out of the spectrum around them.

For each candidate period the values are cut to whole cycles, so that its harmonics fall on Fourier frequencies. Each
harmonic's power over the mean of its neighbours' is F-distributed where there is no season, whatever the smooth spectrum
(trend, level shifts, red noise), as in Thomson's (1982) test of a line; Fisher's method joins the first harmonics.
Candidates are calendar cycles (hour, day, week, year), the tallest peaks of the periodogram, their multiples and the lag
that correlates most. Bonferroni pays for all periods where one was chosen by the values, for four where by the calendar.
Of those that pass, the one whose mean cycle explains most for its length is taken. Strength is Wang, Smith and Hyndman's
(2006): the share of variance without trend that is season.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.kernels import F64, I64, Bools

HOUR, DAY = 3_600_000_000, 86_400_000_000
CALENDAR = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "year": int(365.2425 * DAY)}
MULTIPLES = range(2, 13)
MORE = 1.1
"""How many times as much a multiple of a cycle must explain, where no calendar names it."""
NEARLY = 0.8
"""Of the highest autocorrelation: lags above it are taken for the same cycle, and the first of them for one."""
CYCLES = 3
"""Fewer whole cycles than this are no season yet."""
PEAKS, HARMONICS, NEIGHBOURS = 3, 12, 10
FOUND = 0.01
"""The chance to find a season where there is none: half for the calendar's, half for all other periods."""


@dataclass(frozen=True, slots=True)
class Season:
    """``period`` in steps of the series. ``p_value`` is corrected for the periods looked at."""

    period: int
    period_us: int
    strength: float
    """[0, 1]: share of the variance around the trend."""
    p_value: float
    cycles: float
    name: str
    """``hour``, ``day``, ``week``, ``year``, ``learnt`` or ``given``."""
    length: str | None = None
    """In steps of the calendar, such as ``12 months``; None where steps have a fixed length."""


def evenly(value: F64, place: I64) -> tuple[F64, Bools]:
    """Values on their grid, gaps bridged by straight lines, and where there was one."""
    grid = np.arange(int(place[-1]) + 1)
    known = np.zeros(len(grid), np.bool_)
    known[place] = True
    return np.interp(grid, place, value), known


def candidates(step_us: int, steps: F64) -> dict[int, str]:
    """Periods worth a test, with their names: the calendar's, and those that the values themselves suggest.

    These are the periodogram's tallest peaks and, as a short pulse has equally tall ones at fractions of its period, the
    multiples of these that correlate most; last, the lag that correlates most of all, or a fraction of it.
    """
    n, found = len(steps), dict[int, str]()
    for name, cycle in CALENDAR.items():
        period = round(cycle / step_us) if step_us else 0
        if 2 <= period <= n // CYCLES and abs(cycle / step_us - period) < 0.05 * period:
            found[period] = name
    power = np.abs(np.fft.rfft(steps - steps.mean())) ** 2
    alike = correlation(steps)
    lone = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])) + 1
    lone = lone[lone >= CYCLES]
    peaks = n / lone[np.argsort(power[lone], kind="stable")[::-1][:PEAKS]]
    learnt = [round(period) for period in peaks.tolist()]
    multiples = {
        _nearest(alike, period * times, period * period * times / n) for period in peaks for times in MULTIPLES
    }
    learnt += sorted(multiples - {0}, key=lambda lag: -alike[lag])[:PEAKS]
    learnt += _recurring(alike)
    for period in learnt:
        named = any(abs(period - other) <= max(1, 0.1 * other) for other, name in found.items() if name != "learnt")
        if 2 <= period <= n // CYCLES and not named and period not in found:
            found[period] = "learnt"
    return found


def correlation(steps: F64) -> F64:
    """float64[n // CYCLES + 1]: the autocorrelation at each lag, not less for fewer pairs; zeros if all are equal."""
    n, reach = len(steps), len(steps) // CYCLES
    power = np.abs(np.fft.rfft(steps - steps.mean(), 2 * n)) ** 2
    products = np.fft.irfft(power)[: reach + 1]
    if products[0] <= 0:
        return np.zeros(reach + 1)
    return products / products[0] * n / np.arange(n, n - reach - 1, -1)


def _nearest(alike: F64, lag: float, blur: float) -> int:
    """The lag near ``lag`` that correlates most; 0 where all near it are beyond the reach."""
    low, high = max(2, round(lag - blur)), min(len(alike) - 1, round(lag + blur))
    return low + int(alike[low : high + 1].argmax()) if low <= high else 0


def _recurring(alike: F64) -> list[int]:
    """The first lag that correlates nearly as much as any local peak does."""
    inner = alike[2:-1]
    peaks = (
        np.flatnonzero((inner > alike[1:-2]) & (inner >= alike[3:])) + 2 if len(alike) > 4 else np.empty(0, np.int64)
    )
    if not len(peaks):
        return []
    return peaks[alike[peaks] >= NEARLY * alike[peaks].max()][:1].tolist()


def chance(steps: F64, period: int) -> float:
    """Probability of harmonics of ``period`` this tall over their neighbours in a spectrum without a season."""
    from scipy.special import chdtrc, fdtrc

    cycles = len(steps) // period
    power = np.abs(np.fft.rfft(steps[len(steps) - cycles * period :])) ** 2
    harmonics = np.arange(1, min(period // 2, HARMONICS) + 1) * cycles
    logs, used = 0.0, 0
    half, gap = min((cycles - 1) // 2, NEIGHBOURS), 2 if cycles >= 8 else 1
    for harmonic in harmonics:
        around = np.concatenate(
            [np.arange(harmonic - half, harmonic - gap + 1), np.arange(harmonic + gap, harmonic + half + 1)]
        )
        around = power[around[(around > 0) & (around < len(power))]]
        floor = float(around.mean()) if len(around) else 0.0
        nyquist = 2 * harmonic == cycles * period
        if len(around) == 0:
            continue
        ratio = float(power[harmonic]) / floor if floor > 0 else (np.inf if power[harmonic] > 0 else 0.0)
        logs -= np.log(max(float(fdtrc(1 if nyquist else 2, 2 * len(around), ratio)), 1e-300))
        used += 1
    return float(chdtrc(2 * used, 2 * logs)) if used else 1.0


def find(value: F64, place: I64, step_us: int, period: int | None = None) -> Season | None:
    """The season of values at ``place`` on an even grid, or None.

    With ``period`` only that one is tested, and it is always stated.
    """
    filled, known = evenly(value, place)
    if period is not None and not 2 <= period <= len(filled) // 2:
        raise ValueError(f"period must be between 2 and half the record, {len(filled) // 2} steps, got {period}")
    if period is None and (len(filled) < 2 * CYCLES + 2 or known.mean() < 0.5):
        return None
    steps = np.diff(filled)
    spread = 1.4826 * float(np.median(np.abs(steps - np.median(steps))))
    if spread > 0:
        steps = np.clip(steps, np.median(steps) - 8 * spread, np.median(steps) + 8 * spread)
    tried = {period: "given"} if period is not None else candidates(step_us, steps)
    passed = dict[int, float]()
    for candidate, name in tried.items():
        looked = 1 if name == "given" else 2 * (len(steps) // CYCLES if name == "learnt" else len(CALENDAR))
        p = min(1.0, looked * chance(steps, candidate))
        if period is not None or p < FOUND:
            passed[candidate] = p
    if not passed:
        return None
    left = {candidate: unexplained(steps, candidate) for candidate in passed}
    best = min(passed, key=lambda candidate: cost(left[candidate], len(steps), candidate))
    if tried[best] == "learnt":
        n, whole = len(steps), float(((steps - steps.mean()) ** 2).sum())
        found = {c: whole - left[c] * n / (n - c) for c in passed}  # less what means of noise would seem to explain
        best = next(c for c in sorted(passed) if best % c == 0 and (c == best or found[c] * MORE >= found[best]))
    share = strength(filled, best)
    return Season(best, best * step_us, share, passed[best], len(filled) / best, tried[best])


def unexplained(steps: F64, period: int) -> float:
    """The sum of squares around the mean step of each phase."""
    phase = np.arange(len(steps)) % period
    means = np.bincount(phase, steps) / np.bincount(phase)
    return float(((steps - means[phase]) ** 2).sum())


def cost(left: float, n: int, period: int) -> float:
    """-2 log likelihood of n steps of which ``left`` is not explained, and a price for the mean of each phase.

    That is BIC's, or eight standard deviations above what twice as many means of noise would gain, whichever is less: BIC
    alone prefers any short period to a long one.
    """
    price = min(period * np.log(n), 2 * period + 8 * np.sqrt(2 * period))
    return n * float(np.log(max(left, 1e-300))) + float(price)


def component(filled: F64, period: int) -> F64:
    """The season of evenly spaced values: the median over cycles of what departs from a moving mean of one period."""
    departs = filled - moving(filled, period)
    whole, begun = divmod(len(filled), period)
    shape = np.empty(period)
    # The last cycle may end early: the phases that it has got to have one value more than the others.
    shape[:begun] = (
        np.median(np.lib.stride_tricks.sliding_window_view(departs, begun)[::period], axis=0) if begun else 0
    )
    shape[begun:] = np.median(departs[: whole * period].reshape(whole, period)[:, begun:], axis=0)
    return np.resize(shape - shape.mean(), len(filled))


def moving(filled: F64, period: int) -> F64:
    """Centred moving mean over one period; at both ends the line that the nearest two of them make.

    An even period's window is one longer, its two ends counting half. By running sums, so any period costs the same.
    """
    half, mean = period // 2, float(filled.mean())
    if len(filled) < 2 * half + 2:
        return np.full(len(filled), mean)
    sums = np.concatenate([[0.0], np.cumsum(filled - mean)])
    middle = (sums[period:] - sums[:-period]) / period + mean
    if period % 2 == 0:
        middle = (middle[1:] + middle[:-1]) / 2
    reach = min(period, len(middle)) - 1
    left, right = (middle[reach] - middle[0]) / reach, (middle[-1] - middle[-1 - reach]) / reach
    before, after = np.arange(half, 0, -1), np.arange(1, len(filled) - half - len(middle) + 1)
    return np.concatenate([middle[0] - left * before, middle, middle[-1] + right * after])


def strength(filled: F64, period: int) -> float:
    """max(0, 1 - Var(rest) / Var(rest + season)), after Wang, Smith and Hyndman."""
    around = filled - moving(filled, period)
    whole, rest = float(np.var(around)), float(np.var(around - component(filled, period)))
    return max(0.0, 1 - rest / whole) if whole > 0 else 0.0
