"""How sure a predicted probability is: an interval of the rate among cases like this one, with a coverage that is tested.

What becomes of one case is yes or no, so no interval of a probability can be held against it. It can be held against the
share among many like cases, which is what is done here: rows that the model has not seen are put into groups by a tree that
looks for where the model is wrong (as in Hébert-Johnson et al., Multicalibration, ICML 2018), and each group's share is
compared with its mean prediction. A probability is then as sure as a share that was observed among ``cases`` cases, and
its interval is at least Wilson's (JASA 1927) for so many. How many they are is chosen so that the wanted share of the
groups is held, with the conformal correction for their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from analytics.models.conformal import rows_needed, threshold

F64 = npt.NDArray[np.float64]
LEAST_ROWS, MOST_GROUPS = 50, 60
"""In a group, and groups of one half of the rows."""
SPREAD = 1.5
"""How far the truth is off where members are one apart: about so much on tables simulated with known probabilities, of
which the interval of 90 % then holds 91 % on average."""


@dataclass
class Groups:
    """Groups of like cases: their observed share, mean prediction, mean variance of one case, and number of rows."""

    observed: F64
    predicted: F64
    variance: F64
    rows: F64


def groups_of(features: F64, predicted: F64, happened: F64, *, seed: int = 0) -> Groups:
    """float64[n, k] features (NaN allowed), predictions by models that had not seen the rows, and 0 or 1.

    Each half of the rows is grouped by a tree of the other half's residuals, so that a group is no choice of its own rows.
    """
    n = len(predicted)
    part = np.random.default_rng(seed).permutation(n) % 2
    inputs = np.column_stack([features, predicted])
    least = max(LEAST_ROWS, n // (2 * MOST_GROUPS))
    found: list[tuple[float, float, float, float]] = []
    for half in (0, 1):
        here = np.flatnonzero(part == half)
        leaf = _leaves(inputs[part != half], (happened - predicted)[part != half], inputs[here], least, seed)
        for one in np.unique(leaf):
            rows = here[leaf == one]
            p = predicted[rows]
            found.append((happened[rows].mean(), p.mean(), (p * (1 - p)).mean(), float(len(rows))))
    return Groups(*(np.array(part, np.float64) for part in zip(*found, strict=True)))


def _leaves(x: F64, residual: F64, out: F64, least: int, seed: int) -> npt.NDArray[np.int64]:
    if len(x) < 2 * least:
        return np.zeros(len(out), np.int64)
    from sklearn.tree import DecisionTreeRegressor

    tree = DecisionTreeRegressor(min_samples_leaf=least, max_leaf_nodes=MOST_GROUPS, random_state=seed)
    x, out = (np.clip(part, -1e30, 1e30) for part in (x, out))
    return np.asarray(tree.fit(x, residual).apply(out), np.int64)


@dataclass
class RateIntervals:
    """``deviation``: of each group, the squared distance of share and prediction over the variance of one case; ``noise``:
    what chance alone adds to it, one over its rows; ``resolution``: the typical group's rows, at which it was tested."""

    deviation: F64
    noise: F64
    resolution: float

    @classmethod
    def fit(cls, groups: Groups) -> RateIntervals:
        variance = np.maximum(groups.variance, 1e-6)
        return cls(
            (groups.observed - groups.predicted) ** 2 / variance, 1.0 / groups.rows, float(np.median(groups.rows))
        )

    def cases(self, level: float) -> float:
        """As many observed cases a probability is worth at ``level``."""
        needed = np.maximum(self.deviation / _z(level) ** 2 - self.noise, 0.0)
        enough = len(needed) >= rows_needed(level)
        worst = threshold(needed, level) if enough else float(needed.max(initial=0.0))
        return 1.0 / max(1.0 / self.resolution, worst)

    def interval(self, probability: F64, level: float, spread: F64 | None = None) -> tuple[F64, F64]:
        """float64[n] lower and upper ends, in [0, 1], with the probability between them.

        ``spread``, float64[n], is how far the members of the model are apart on a row: where they disagree, none knows, and
        the interval is wider (Lakshminarayanan et al., NeurIPS 2017).
        """
        p, n, z = np.clip(probability, 0.0, 1.0), self.cases(level), _z(level)
        lower, upper = wilson(p, np.full(len(p), n), level)
        apart = np.zeros(len(p)) if spread is None else z * SPREAD * np.asarray(spread, np.float64)
        return np.maximum(p - np.hypot(p - lower, apart), 0.0), np.minimum(p + np.hypot(upper - p, apart), 1.0)

    def coverage(self, groups: Groups, level: float) -> float:
        """The share of ``groups`` whose observed share lies in the interval of their mean prediction, widened by what chance
        does to a share of so few rows."""
        reach = _z(level) * np.sqrt(groups.variance * (1.0 / self.cases(level) + 1.0 / groups.rows))
        return float(np.mean(np.abs(groups.observed - groups.predicted) <= reach + 1e-12))


def wilson(share: F64, trials: F64, level: float) -> tuple[F64, F64]:
    """Wilson's interval of a share among so many trials, with the share in it (JASA 1927)."""
    z = _z(level)
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return np.clip(np.minimum(middle - half, share), 0.0, 1.0), np.clip(np.maximum(middle + half, share), 0.0, 1.0)


def _z(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    return NormalDist().inv_cdf(0.5 + level / 2) if level < 1 else math.inf
