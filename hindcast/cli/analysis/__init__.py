"""The mathematics on plain files: no running system, and nothing imported before it is needed."""

from hindcast.cli.analysis.correlate import correlate
from hindcast.cli.analysis.detect import detect
from hindcast.cli.analysis.drift import drift
from hindcast.cli.analysis.forecast import forecast
from hindcast.cli.analysis.trend import trend

__all__ = ["correlate", "detect", "drift", "forecast", "trend"]
