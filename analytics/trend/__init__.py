"""Where a series is going: direction, slope, season, changes of level, growth."""

from analytics.trend.analyzer import Trend, analyze
from analytics.trend.changepoints import ChangePoint, ChangePoints, change_points
from analytics.trend.direction import Direction, Slope, Test
from analytics.trend.growth import Growth
from analytics.trend.seasonality import Season

__all__ = [
    "ChangePoint",
    "ChangePoints",
    "Direction",
    "Growth",
    "Season",
    "Slope",
    "Test",
    "Trend",
    "analyze",
    "change_points",
]
