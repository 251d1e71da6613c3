"""How a model fares on rows that it answers: what they look like beside its training rows, and how right it was."""

from analytics.monitoring.accuracy import AccuracyMonitor
from analytics.monitoring.performance import PerformanceTracker
from analytics.monitoring.profile import profile_of
from analytics.monitoring.shift import Shift, shifts

__all__ = ["AccuracyMonitor", "PerformanceTracker", "Shift", "profile_of", "shifts"]
