"""Predictive models as the product serves them: six kinds with their labels, intervals, reasons and scenarios."""

from analytics.predictive.model import Evidence, Input, Label, PredictiveModel
from analytics.predictive.table import TablePredictor

__all__ = ["Evidence", "Input", "Label", "PredictiveModel", "TablePredictor"]
