"""Which series go together, and at what lag?"""

from analytics.correlation.report import Correlations, Pair
from analytics.correlation.search import correlate

__all__ = ["Correlations", "Pair", "correlate"]
