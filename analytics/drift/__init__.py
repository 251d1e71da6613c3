"""Has the distribution changed? Two samples of rows (``compare``), or one value after the other (``update``)."""

from analytics.drift.report import ColumnDrift, DriftReport, Measure
from analytics.drift.twosample import compare

__all__ = ["ColumnDrift", "DriftReport", "Measure", "compare"]
