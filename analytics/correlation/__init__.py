"""Which series go together, and at what lag? From the series (``correlate``) or from sums of windows (``Moments``)."""

from analytics.correlation.moments import Moments, MomentSpec, correlations
from analytics.correlation.report import Correlations, Pair
from analytics.correlation.search import correlate

__all__ = ["Correlations", "MomentSpec", "Moments", "Pair", "correlate", "correlations"]
