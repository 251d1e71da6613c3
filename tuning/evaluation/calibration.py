"""Does 70 % mean 70 %? A reliability table and the expected calibration error, with its interval.

Bins hold equally many rows (Roelofs et al., AISTATS 2022: less biased than equal widths). The plain error is never zero on
a finite sample, so two numbers go with it: a reversed bootstrap interval, which takes that bias out, and what a
perfectly calibrated model would show on so many rows (consistency resampling; Bröcker and Smith, Weather and
Forecasting 2007).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from tuning.evaluation.metrics import F64, I64, probabilities
from tuning.report import Calibration, CalibrationBin

BINS = 10
ROWS_A_BIN = 30
RESAMPLES = 200


def calibration_table(
    truth: I64, prediction: F64, *, level: float = 0.95, method: str = "", seed: int = 0
) -> Calibration:
    """The table for two classes, or of the predicted class's probability for more. Needs a row at least.

    Shares have Wilson intervals.
    """
    table = probabilities(truth, prediction)
    if not len(table):
        raise ValueError("calibration needs rows, got none")
    if table.shape[1] == 2:
        chance, hit = table[:, 1], (truth == 1).astype(np.float64)
    else:
        chosen = table.argmax(axis=1)
        chance, hit = table[np.arange(len(table)), chosen], (truth == chosen).astype(np.float64)
    code = _bins(chance)
    error = _error(code, chance, hit)
    generator = np.random.default_rng(seed)
    n = len(chance)
    draws = [generator.integers(0, n, n) for _ in range(RESAMPLES)]
    again = np.array([_error(code[rows], chance[rows], hit[rows]) for rows in draws])
    ideal = np.array([_error(code, chance, (generator.random(n) < chance).astype(float)) for _ in range(RESAMPLES)])
    below, above = np.quantile(again, [(1 - level) / 2, (1 + level) / 2])
    return Calibration(
        bins=tuple(_bin(chance[code == b], hit[code == b], level) for b in np.unique(code)),
        ece=error,
        ece_low=max(0.0, 2 * error - float(above)),
        ece_high=max(0.0, 2 * error - float(below)),
        ece_ideal=float(ideal.mean()),
        ece_ideal_high=float(np.quantile(ideal, level)),
        level=level,
        method=method,
    )


def _bins(chance: F64) -> I64:
    """int64[n]: bins of equally many rows; equal probabilities share a bin."""
    many = int(np.clip(len(chance) // ROWS_A_BIN, 1, BINS))
    edges = np.unique(np.quantile(chance, np.arange(1, many) / many)) if many > 1 else np.empty(0)
    return np.searchsorted(edges, chance, side="left").astype(np.int64)


def _error(code: I64, chance: F64, hit: F64) -> float:
    return float(np.abs(np.bincount(code, hit - chance)).sum() / len(code))


def _bin(chance: F64, hit: F64, level: float) -> CalibrationBin:
    low, high = wilson(float(hit.sum()), len(hit), level)
    return CalibrationBin(
        predicted=float(np.clip(chance.mean(), 0, 1)), observed=float(hit.mean()), low=low, high=high, rows=len(hit)
    )


def wilson(hits: float, n: int, level: float) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927)."""
    z = float(norm.ppf((1 + level) / 2))
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return max(0.0, middle - half), min(1.0, middle + half)
