"""The single models: each maps a history, its seasons and a horizon to a point forecast.

All are statsforecast's, run from scratch each time: a fitted model is never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.forecast.regression import autoregress, cycle_lags, lags
from analytics.kernels import F64

Run = Callable[[F64, int, tuple[int, ...]], F64]

SEASONAL_NAIVE = "seasonal naive"
_LONGEST_ETS_SEASON = 24
_SPARSE_SHARE = 0.4
"""Zeros among the values from which demand is sparse."""
_SHORT_HISTORY = 300
"""Up to here dynamic Theta and seasonal ETS are quick: above, the first is left out and the second looks back no further."""
_MEMORY = 1000
"""Values that the smoothing models look back on: they forget faster than that."""


@dataclass(frozen=True, slots=True)
class Model:
    """A named way to forecast."""

    name: str
    run: Run
    """(history, horizon, seasons) to float64[horizon]."""


def seasonal_naive(y: F64, horizon: int, seasons: tuple[int, ...]) -> F64:
    """The last cycle of the shortest season again; the last value where there is none."""
    season = seasons[0] if seasons and y.shape[0] >= seasons[0] else 1
    return y[-season:][np.arange(horizon) % season]


def _library(name: str, seasonal: bool = True, **options: object) -> Run:
    def run(y: F64, horizon: int, seasons: tuple[int, ...]) -> F64:
        from statsforecast import models

        memory = _SHORT_HISTORY if name == "AutoETS" and seasons else _MEMORY
        season = {"season_length": seasons[0] if seasons else 1} if seasonal else {}
        try:
            made = getattr(models, name)(**season, **options).forecast(y[-memory:], horizon)["mean"]
        except Exception as error:  # the library raises bare Exception where none of its candidates can be fitted
            raise RuntimeError(f"{name} cannot be fitted: {error}") from error
        return np.asarray(made, np.float64)

    return run


def _difference_regression(y: F64, horizon: int, seasons: tuple[int, ...]) -> F64:
    return autoregress(y, horizon, lags(seasons, y.shape[0]), 1, 1.0)


def _seasonal_regression(y: F64, horizon: int, seasons: tuple[int, ...]) -> F64:
    return autoregress(y, horizon, lags(seasons, y.shape[0]), seasons[0], 10.0)


def _cycle_regression(y: F64, horizon: int, seasons: tuple[int, ...]) -> F64:
    return autoregress(y, horizon, cycle_lags(seasons, y.shape[0]), 0, 1.0)


def _without_season(run: Run) -> Run:
    return lambda y, horizon, seasons: run(y, horizon, ())


def _seasonal_smoothing(y: F64, horizon: int, seasons: tuple[int, ...]) -> F64:
    return _library("SeasonalExponentialSmoothingOptimized")(y, horizon, seasons[-1:])


_ETS = Model("ETS", _library("AutoETS"))
_CES = Model("CES", _library("AutoCES"))
_THETA = Model("Theta", _library("Theta"))
_DOTM = Model("dynamic Theta", _library("DynamicOptimizedTheta"))
_DIFFERENCE = Model("autoregression of differences", _difference_regression)
_SEASONAL = Model("autoregression of seasonal differences", _seasonal_regression)
_CYCLE = Model("regression on past cycles", _cycle_regression)
_SMOOTHING = Model("seasonal smoothing", _seasonal_smoothing)
_SHORT = (_ETS, _CES, _THETA, _DIFFERENCE)
_LONG = (_DIFFERENCE, _SEASONAL, _CYCLE, _CES, _THETA, _SMOOTHING)
_LEVEL = tuple(Model(f"{model.name} without season", _without_season(model.run)) for model in (_DIFFERENCE, _ETS, _CES))
_SPARSE = (
    Model("Croston", _library("CrostonOptimized", seasonal=False)),
    Model("TSB", _library("TSB", seasonal=False, alpha_d=0.1, alpha_p=0.1)),
    Model("ADIDA", _library("ADIDA", seasonal=False)),
)


def pool(y: F64, seasons: Sequence[int], stated: Sequence[int]) -> tuple[Model, ...]:
    """The models worth a try: for sparse demand, for no or one short season, for long and several seasons.

    The naive among them goes by the ``stated`` seasons alone.
    """
    chosen = _models(y, seasons)
    naive = Model(SEASONAL_NAIVE, lambda y, horizon, _: seasonal_naive(y, horizon, tuple(stated)))
    return (naive, *chosen)


def _models(y: F64, seasons: Sequence[int]) -> tuple[Model, ...]:
    if y.min() >= 0 and (y == 0).mean() > _SPARSE_SHARE:
        return _SPARSE
    if seasons and seasons[0] > _LONGEST_ETS_SEASON:
        return _LONG + _LEVEL
    if len(seasons) > 1 or (seasons and seasons[0] == _LONGEST_ETS_SEASON):
        return (*_LONG, _LEVEL[0])
    short = _SHORT if y.shape[0] > _SHORT_HISTORY else (*_SHORT, _DOTM)
    return (*short, _SEASONAL) if seasons and y.shape[0] > _SHORT_HISTORY else short
