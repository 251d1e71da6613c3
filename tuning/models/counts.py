"""The recipe for counts (people reached, clicks, orders): a linear and a boosted model of Poisson's loss, mixed.

Both have a log link. What they say of a row is cross-validated by whole groups (a campaign, a customer), so that errors
are those on a group that was never seen. Counts of one group hang together, so anything else would flatter.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.encoding import LinearEncoding, TreeEncoding, fit_linear_encoding, fit_tree_encoding
from analytics.models.ensemble import Ensemble, Member
from analytics.models.freeze import from_lightgbm
from analytics.models.members import Constant, Linear, Model
from analytics.models.schema import F32, Feature
from tuning.data.splits import grouped

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
FOLDS = 5
_ROUNDS = (20, 50, 100, 200)
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Setting:
    """``penalty`` of the linear model; leaves, least rows and L2 of the boosted one."""

    penalty: float = 0.01
    leaves: int = 6
    least: int = 20
    l2: float = 5.0


QUICK = (Setting(), Setting(penalty=0.3, leaves=3, least=30))


@dataclass(frozen=True)
class Counted:
    """``ensemble`` is fitted to all rows; ``crossed``, float64[n], is what the same recipe says of each row's group without
    having seen it; ``skill`` is one less its deviance over that of the mean."""

    ensemble: Ensemble
    crossed: F64
    skill: float


def fit_counts(
    x: F32,
    y: F64,
    features: Sequence[Feature],
    groups: npt.NDArray[Any],
    *,
    rising: Sequence[str] = (),
    budget_s: float | None = None,
    seed: int = 0,
) -> Counted:
    """``rising`` are number features with which the count never falls, by construction. Within ``budget_s`` further settings
    are tried; the best by cross-validated deviance is taken."""
    began = time.monotonic()
    up = [j for j, f in enumerate(features) if f.name in rising]
    part = _parts(groups, seed)
    rng = np.random.default_rng(seed)
    settings = list(QUICK)
    best: tuple[float, Setting, int, float, F64] | None = None
    done = 0
    while done < len(settings):
        took = time.monotonic()
        found = _crossed(x, y, features, part, settings[done], up, seed)
        if best is None or found[0] < best[0]:
            best = found
        done += 1
        took = time.monotonic() - took
        if budget_s is not None and done == len(settings) and time.monotonic() - began + 2 * took < budget_s:
            settings.append(_drawn(rng))
    assert best is not None
    loss, setting, rounds, share, crossed = best
    fitted = _fitted(x, y, features, setting, up, seed)
    members = [(fitted.lines, fitted.linear, share), (fitted.trees, fitted.frozen(rounds), 1.0 - share)]
    kept = [(view, model, weight) for view, model, weight in members if weight > 0]
    ensemble = Ensemble([view for view, _, _ in kept], [Member(i, m, w) for i, (_, m, w) in enumerate(kept)])
    base = deviance(y, np.full(len(y), y.mean()))
    return Counted(ensemble, crossed, 1.0 - loss / base if base > 0 else 0.0)


def deviance(y: F64, p: F64) -> float:
    """Poisson's, on average over rows."""
    p = np.maximum(p, 1e-9)
    return float(2 * np.mean(np.where(y > 0, y * np.log(np.maximum(y, 1e-9) / p), 0.0) - (y - p)))


def _parts(groups: npt.NDArray[Any], seed: int) -> I64:
    number = len(np.unique(groups.astype(str)))
    if number < 2:
        return np.random.default_rng(seed).permutation(len(groups)) % FOLDS
    return grouped(groups, min(FOLDS if number > 10 else number, number), seed)


def _crossed(
    x: F32, y: F64, features: Sequence[Feature], part: I64, setting: Setting, up: Sequence[int], seed: int
) -> tuple[float, Setting, int, float, F64]:
    """(deviance, setting, rounds, share of the linear model, cross-validated predictions) of the best mixture."""
    linear, boosted = np.empty(len(y)), np.empty((len(_ROUNDS), len(y)))
    for k in np.unique(part):
        rows, out = np.flatnonzero(part != k), np.flatnonzero(part == k)
        fitted = _fitted(x[rows], y[rows], features, setting, up, seed)
        linear[out] = fitted.linear.predict(fitted.lines.transform(x[out]))[:, 0]
        boosted[:, out] = fitted.staged(x[out])
    found = [
        (deviance(y, mixed), setting, rounds, share, mixed)
        for r, rounds in enumerate(_ROUNDS)
        for share in _SHARES
        for mixed in [share * linear + (1 - share) * boosted[r]]
    ]
    return min(found, key=lambda one: one[0])


@dataclass(frozen=True)
class _Fitted:
    """Both members and how they see rows. ``booster`` is None where every count is zero."""

    lines: LinearEncoding
    trees: TreeEncoding
    linear: Model
    booster: Any

    def staged(self, x: F32) -> F64:
        """[rounds, rows] what the boosted member says after so many rounds."""
        if self.booster is None:
            return np.zeros((len(_ROUNDS), len(x)))
        shown = self.trees.transform(x)
        return np.stack([self.booster.predict(shown, num_iteration=rounds, num_threads=1) for rounds in _ROUNDS])

    def frozen(self, rounds: int) -> Model:
        if self.booster is None:
            return Constant(np.array([0.0]))
        text = self.booster.model_to_string(num_iteration=rounds)
        return from_lightgbm(text, 0, self.booster.num_feature(), 0.0, "exp")


def _fitted(x: F32, y: F64, features: Sequence[Feature], setting: Setting, up: Sequence[int], seed: int) -> _Fitted:
    every = np.arange(x.shape[1])
    lines, shown = fit_linear_encoding(x, y, features, every, classes=0, seed=seed)
    trees, seen = fit_tree_encoding(x, y, features, every, classes=0, seed=seed)
    if y.max() <= 0:
        return _Fitted(lines, trees, Constant(np.array([0.0])), None)
    linear = _linear(shown, y, setting, [i for i, j in enumerate(lines.plain.tolist()) if j in up])
    rising = [i for i, j in enumerate(trees.plain.tolist()) if j in up]
    return _Fitted(lines, trees, linear, _boosted(seen, y, setting, rising, seed))


def _linear(shown: F32, counts: F64, setting: Setting, rising: Sequence[int]) -> Model:
    from sklearn.linear_model import PoissonRegressor

    mean = float(counts.mean())
    model: Any = PoissonRegressor(alpha=setting.penalty, max_iter=300)
    model.fit(shown.astype(np.float64), counts / mean)
    weights = np.asarray(model.coef_, np.float64)
    weights[list(rising)] = np.maximum(weights[list(rising)], 0.0)
    level = np.log(np.exp(np.clip(shown @ weights, -50.0, 50.0)).mean())  # the mean stays what it was
    return Linear(weights[:, None], np.array([np.log(mean) - level]), "exp", 3.0 * float(counts.max()))


def _boosted(seen: F32, counts: F64, setting: Setting, rising: Sequence[int], seed: int) -> Any:
    import lightgbm as lgb

    wanted: dict[str, Any] = {
        "objective": "poisson", "learning_rate": 0.05, "num_leaves": setting.leaves, "min_data_in_leaf": setting.least,
        "lambda_l2": setting.l2, "verbose": -1, "num_threads": 1, "seed": seed, "deterministic": True,
        "monotone_constraints": [1 if j in rising else 0 for j in range(seen.shape[1])],
    }  # fmt: skip
    return lgb.train(wanted, lgb.Dataset(seen, counts, params={"verbose": -1, "num_threads": 1}), _ROUNDS[-1])


def _drawn(rng: np.random.Generator) -> Setting:
    return Setting(
        float(10 ** rng.uniform(-3.5, 0.8)), int(rng.integers(2, 24)), int(rng.integers(5, 60)),
        float(10 ** rng.uniform(-1, 1.7)),
    )  # fmt: skip
