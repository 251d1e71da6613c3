"""Forecasts of many series at once: an ensemble weighted by backtests, with conformal intervals at any levels.

Importing this costs nothing; statsforecast (seconds) is loaded by the first forecast.
"""

from analytics.forecast.engine import Evidence, Forecasts, forecast
from analytics.forecast.evaluation import Backtest, Score, backtest
from analytics.forecast.hierarchy import reconcile
from analytics.forecast.series import Skipped

__all__ = ["Backtest", "Evidence", "Forecasts", "Score", "Skipped", "backtest", "forecast", "reconcile"]
