"""How good a model is: scores with intervals, calibration, slices, curves. No number without its uncertainty."""

from tuning.evaluation.calibration import calibration_table
from tuning.evaluation.curves import confusion, learning_curve, precision_recall, residuals, roc
from tuning.evaluation.intervals import evaluate, score_with_interval
from tuning.evaluation.metrics import BY_PROBLEM, METRICS, gain, score, skill
from tuning.evaluation.slices import group_labels, slices

__all__ = [
    "BY_PROBLEM",
    "METRICS",
    "calibration_table",
    "confusion",
    "evaluate",
    "gain",
    "group_labels",
    "learning_curve",
    "precision_recall",
    "residuals",
    "roc",
    "score",
    "score_with_interval",
    "skill",
    "slices",
]
