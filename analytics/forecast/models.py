"""The single models: each maps a history, its seasons and a horizon to a point forecast.

All are statsforecast's, run from scratch each time: a fitted model is never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.forecast.season import adjust
from analytics.typed import F64

Run = Callable[[F64, int, tuple[int, ...]], F64]

SEASONAL_NAIVE = "seasonal naive"
_LONGEST_ETS_SEASON = 24


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

        season = {"season_length": seasons[0] if seasons else 1} if seasonal else {}
        return np.asarray(getattr(models, name)(**season, **options).forecast(y, horizon)["mean"], np.float64)

    return run


def _adjusted(run: Run) -> Run:
    """``run`` on the series without its seasons."""

    def adjusted(y: F64, horizon: int, seasons: tuple[int, ...]) -> F64:
        if not seasons:
            return run(y, horizon, ())
        parts = adjust(y, seasons, horizon)
        return parts.restore(run(parts.level, horizon, ()))

    return adjusted


_NAIVE = Model(SEASONAL_NAIVE, seasonal_naive)
_ETS = Model("ETS", _library("AutoETS"))
_DAMPED = Model("damped ETS", _library("AutoETS", damped=True))
_CES = Model("CES", _library("AutoCES"))
_THETA = Model("Theta", _library("Theta"))
_DOTM = Model("dynamic Theta", _library("DynamicOptimizedTheta"))
_SHORT = (_NAIVE, _ETS, _DAMPED, _CES, _THETA, _DOTM)
_LONG = (
    _NAIVE,
    Model("STL + ETS", _adjusted(_library("AutoETS", model="ZZN"))),
    Model("STL + CES", _adjusted(_library("AutoCES"))),
    Model("STL + dynamic Theta", _adjusted(_library("DynamicOptimizedTheta"))),
)
_SPARSE = (
    _NAIVE,
    Model("Croston", _library("CrostonOptimized", seasonal=False)),
    Model("TSB", _library("TSB", seasonal=False, alpha_d=0.1, alpha_p=0.1)),
    Model("ADIDA", _library("ADIDA", seasonal=False)),
)


def pool(y: F64, seasons: Sequence[int]) -> tuple[Model, ...]:
    """The models worth a try: for sparse demand, for no or one short season, for long and several seasons."""
    if y.min() >= 0 and (y == 0).mean() > 0.4:
        return _SPARSE
    if len(seasons) > 1 or (seasons and seasons[0] > _LONGEST_ETS_SEASON):
        return _LONG
    return _SHORT
