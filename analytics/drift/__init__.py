"""Has the distribution changed? Two samples of rows (``compare``), or one value after the other (``update``)."""

from analytics.drift.adwin import Changes, DriftSpec, DriftState, update
from analytics.drift.detector import DriftDetector
from analytics.drift.report import ColumnDrift, DriftReport, Measure
from analytics.drift.twosample import compare

__all__ = [
    "Changes",
    "ColumnDrift",
    "DriftDetector",
    "DriftReport",
    "DriftSpec",
    "DriftState",
    "Measure",
    "compare",
    "update",
]
