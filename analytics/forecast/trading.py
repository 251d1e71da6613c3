"""Trading days: a month with five Saturdays is not a month with four.

The one regressor of X-13ARIMA-SEATS (``tdnolpyear``, US Census Bureau): weekdays less 5/2 of the weekend days, after season
and trend are differenced out. Used only where it is plain to see, so a series without the effect stays as it is.
"""

from __future__ import annotations

import numpy as np

from analytics.forecast.calendar import Frequency
from analytics.kernels import F64, I64

_PLAIN = 3.5
"""Of the t statistic: chance passed it in 1 of 200 simulated series without the effect."""
_SHORTEST = 48
_SEASON = 12


def regressor(frequency: Frequency, times: I64, steps: int, horizon: int) -> F64 | None:
    """float64[steps + horizon]: weekdays less 5/2 of the weekend days in the months up to the last of ``times`` and after.

    None if the steps are not single months.
    """
    if frequency.unit != "month" or frequency.size != 1:
        return None
    last = int(times[-1:].view("datetime64[us]").astype("datetime64[M]").astype(np.int64)[0])
    months = np.arange(last - steps + 1, last + horizon + 1).astype("datetime64[M]")
    begin, end = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
    weekdays = np.busday_count(begin, end).astype(np.float64)
    return weekdays - 2.5 * ((end - begin).astype(np.float64) - weekdays)


def effect(y: F64, days: F64) -> F64 | None:
    """float64 like ``days``: the factor by which trading days move each month; None where no effect is plain.

    ``y`` is positive months, ``days`` the regressor of the same months and of those ahead.
    """
    n = y.shape[0]
    if n < _SHORTEST or y.min() <= 0:
        return None
    z = _differenced(np.log(y))
    x = _differenced(days[:n])
    z, x = z - z.mean(), x - x.mean()
    spread = float(x @ x)
    slope = float(x @ z) / spread
    rest = z - slope * x
    error = float(np.sqrt((rest @ rest) / (z.shape[0] - 2) / spread))
    return np.exp(slope * days) if abs(slope) > _PLAIN * error else None


def _differenced(x: F64) -> F64:
    step = np.diff(x)
    return step[_SEASON:] - step[:-_SEASON]
