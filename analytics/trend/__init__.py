"""Where a series is going: direction, slope, season, changes of level, growth."""

from analytics.trend.analyzer import Trend, analyze
from analytics.trend.changepoints import ChangePoint, ChangePoints, change_points
from analytics.trend.direction import Direction, Slope, Test
from analytics.trend.growth import Growth
from analytics.trend.kpi_trends import History, KpiTrend, TrendAnalyzer
from analytics.trend.seasonality import Season

__all__ = [
    "ChangePoint",
    "ChangePoints",
    "Direction",
    "Growth",
    "History",
    "KpiTrend",
    "Season",
    "Slope",
    "Test",
    "Trend",
    "TrendAnalyzer",
    "analyze",
    "change_points",
]
