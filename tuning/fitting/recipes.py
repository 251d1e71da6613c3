"""How one candidate is fitted on one split: encoding, feature selection, estimator, frozen member.

Everything is learnt from the rows that the split trains on.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.encoding import Encoding, TreeEncoding, fit_linear_encoding, fit_tree_encoding, targets
from analytics.models.freeze import freeze, link_of
from analytics.models.members import Constant, Linear, Model, Neighbours, Neural
from analytics.models.schema import F32, Feature
from tuning.candidates import STACKED, Params
from tuning.fitting.boosting import boosted

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Shown = tuple[F32, F64]
"""Rows as a model is shown them, and their target."""
_TREES = frozenset({"lightgbm", "tweedie", STACKED, "hist_boosting", "extra_trees", "random_forest", "dummy"})
"""Kinds that look through ``TreeEncoding``; the baseline looks at nothing, and shares it."""
_MOST = {True: 2000, False: 400}
"""Features that trees, and the others, are shown at most."""


@dataclass(frozen=True)
class Task:
    """What a fit needs besides rows: the matrix's features, classes (0 for regression), the loss that is wanted."""

    features: tuple[Feature, ...]
    classes: int
    absolute: bool = False
    """Whether absolute errors count rather than squared ones."""


@dataclass(frozen=True)
class SplitRows:
    """Training rows and the rows to predict."""

    x: F32
    y: F64
    x_out: F32
    y_out: F64


def select(x: F32, y: F64, features: Sequence[Feature], classes: int, most: int) -> I64:
    """The ``most`` features that alone go best with the target on these rows, in their order: by squared correlation of the
    value (a category's: its level's mean target) or of its being there."""
    if most >= x.shape[1]:
        return np.arange(x.shape[1])
    rows = np.linspace(0, len(x) - 1, min(len(x), 5000)).astype(np.int64)
    y2 = targets(y[rows], classes)
    y2 = (y2 - y2.mean(axis=0)) / (y2.std(axis=0) + 1e-12)
    value = x[rows].astype(np.float64)
    for j, feature in enumerate(features):
        if feature.kind == "category":
            code = value[:, j].astype(np.int64)
            sums = np.bincount(code, y2[:, 0]) / (np.bincount(code) + 10.0)
            value[:, j] = sums[code]
    missing = np.isnan(value)
    value[missing] = 0.0
    scores = np.zeros(x.shape[1])
    for part in (value, missing.astype(np.float64)):
        centred = part - part.mean(axis=0)
        spread = centred.std(axis=0) + 1e-12
        scores = np.maximum(scores, ((centred.T @ y2 / len(rows) / spread[:, None]) ** 2).max(axis=1))
    return np.sort(np.argsort(-scores, kind="stable")[:most])


def encoding_of(kind: str, params: Params, split: SplitRows, task: Task, seed: int) -> tuple[Encoding, F32]:
    """The encoding that is fitted to the training rows, and those rows as it encodes them."""
    trees = kind in _TREES
    share = float(params.get("keep", 1.0))
    most = min(_MOST[trees], max(1, round(share * split.x.shape[1])))
    keep = select(split.x, split.y, task.features, task.classes, most)
    if trees:
        native = bool(params.get("native", False))
        return fit_tree_encoding(split.x, split.y, task.features, keep, classes=task.classes, seed=seed, native=native)
    knots = int(params.get("knots", 0))
    return fit_linear_encoding(split.x, split.y, task.features, keep, classes=task.classes, seed=seed, knots=knots)


def encoding_key(kind: str, params: Params) -> str:
    """The name of an encoding: candidates with the same key share one encoding of a split."""
    keep = params.get("keep", 1.0)
    if kind in _TREES:
        return f"trees:{keep}:{'codes' if params.get('native') else 'ranks'}"
    return f"linear:{keep}:{params.get('knots', 0)}"


def fit(
    kind: str, params: Params, view: Encoding, train: Shown, out: Shown, task: Task, seed: int, limit_s: float | None
) -> Model:
    """Fit the member on encoded rows. ``out`` is for early stopping; a fit that can end early does so after ``limit_s``."""
    if kind not in _FITS:
        raise ValueError(f"no recipe for models of kind {kind!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _FITS[kind](_Fit(params, view, *train, *out, task, seed, limit_s))


@dataclass(frozen=True)
class _Fit:
    params: Params
    view: Encoding
    x: F32
    y: F64
    x_out: F32
    y_out: F64
    task: Task
    seed: int
    limit_s: float | None

    def number(self, name: str) -> float:
        return float(self.params[name])


def _dummy(f: _Fit) -> Model:
    if f.task.absolute:
        return Constant(np.array([np.median(f.y)]))
    mean = targets(f.y, f.task.classes).mean(axis=0)
    return Constant(np.clip(mean, 1e-6, None) if f.task.classes > 2 else mean)


def _lightgbm(f: _Fit) -> Model:
    codes = f.view.codes if isinstance(f.view, TreeEncoding) else ()
    return boosted(
        f.x, f.y, f.x_out, f.y_out, f.params, classes=f.task.classes, absolute=f.task.absolute, codes=codes, seed=f.seed,
        limit_s=f.limit_s,
    )  # fmt: skip


def _hist(f: _Fit) -> Model:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    make: Any = HistGradientBoostingClassifier if f.task.classes else HistGradientBoostingRegressor
    loss = {} if f.task.classes or not f.task.absolute else {"loss": "absolute_error"}
    wanted = {name: value for name, value in f.params.items() if name != "keep"}
    model = make(**wanted, **loss, max_iter=600, early_stopping=True, n_iter_no_change=20, random_state=f.seed)
    y: Any = f.y.astype(np.int64) if f.task.classes else f.y
    y_out: Any = f.y_out.astype(np.int64) if f.task.classes else f.y_out
    model.fit(f.x, y, X_val=f.x_out, y_val=y_out)
    return freeze(model, f.task.classes, f.x.shape[1])


def _forest(f: _Fit, extra: bool) -> Model:
    from sklearn import ensemble

    name = ("ExtraTrees" if extra else "RandomForest") + ("Classifier" if f.task.classes else "Regressor")
    rows = len(f.x)
    wanted: dict[str, Any] = {
        # A leaf's share of the rows has a floor: else the forest of a large table would fill the artifact.
        "min_samples_leaf": max(int(f.params["min_samples_leaf"]), rows // 4000),
        "max_features": f.number("max_features"),
        "criterion": ("entropy" if f.params["entropy"] else "gini") if f.task.classes else "squared_error",
        "random_state": f.seed,
        "n_jobs": 1,
    }
    total = 200 if rows < 4_000 else 120 if rows < 15_000 else 80
    model: Any = getattr(ensemble, name)(n_estimators=0, warm_start=True, **wanted)
    y: Any = f.y.astype(np.int64) if f.task.classes else f.y
    began = time.monotonic()
    for n in range(20, total + 1, 20):
        model.set_params(n_estimators=n).fit(f.x, y)
        if f.limit_s is not None and time.monotonic() - began > f.limit_s * (1.0 - 20.0 / (n + 20)):
            break
    return freeze(model, f.task.classes, f.x.shape[1])


def _linear(f: _Fit) -> Model:
    """Logistic regression, ridge or elastic net; ``strength`` is the inverse of the penalty, the features are scaled."""
    from sklearn import linear_model

    x = f.x.astype(np.float64)
    strength, share = f.number("strength"), f.number("l1_ratio")
    if f.task.classes:
        solver: dict[str, Any] = {"solver": "lbfgs"} if share == 0 else {"solver": "saga", "l1_ratio": share}
        many = 300 if share == 0 else max(20, min(200, 2_000_000 // len(x)))
        model: Any = linear_model.LogisticRegression(C=strength, max_iter=many, tol=1e-4, random_state=f.seed, **solver)
        return freeze(model.fit(x, f.y.astype(np.int64)), f.task.classes, f.x.shape[1])
    mean, sd = float(f.y.mean()), float(f.y.std()) or 1.0
    if share == 0:
        model = linear_model.Ridge(alpha=1.0 / strength, random_state=f.seed)
    else:
        model = linear_model.ElasticNet(alpha=0.01 / strength, l1_ratio=share, max_iter=500, random_state=f.seed)
    model.fit(x, (f.y - mean) / sd)
    weights = np.asarray(model.coef_, np.float64).reshape(-1, 1)
    return Linear(weights * sd, np.atleast_1d(model.intercept_) * sd + mean, "identity")


def _glm(f: _Fit) -> Model:
    """A generalised linear model with a log link (Nelder and Wedderburn 1972), its loss Tweedie's deviance."""
    from sklearn.linear_model import TweedieRegressor

    mean = float(f.y.mean()) or 1.0
    penalty = 1.0 / (f.number("strength") * len(f.x))
    model: Any = TweedieRegressor(power=f.number("power"), link="log", alpha=penalty, max_iter=300)
    model.fit(f.x.astype(np.float64), f.y / mean)
    weights = np.asarray(model.coef_, np.float64).reshape(-1, 1)
    return Linear(weights, np.atleast_1d(model.intercept_) + np.log(mean), "exp", 2.0 * float(f.y.max()))


def _network(f: _Fit) -> Model:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    hidden = (int(f.params["width"]),) * int(f.params["layers"])
    epochs = int(np.clip(400_000 // len(f.x), 8, 120))
    wanted: dict[str, Any] = {
        "hidden_layer_sizes": hidden, "alpha": f.number("alpha"), "learning_rate_init": f.number("learning_rate"),
        "batch_size": min(len(f.x), 128 if len(f.x) < 20_000 else 512), "max_iter": epochs, "random_state": f.seed,
        "early_stopping": len(f.x) >= 500, "n_iter_no_change": 8, "validation_fraction": 0.1,
    }  # fmt: skip
    if f.task.classes:
        return freeze(MLPClassifier(**wanted).fit(f.x, f.y.astype(np.int64)), f.task.classes, f.x.shape[1])
    mean, sd = float(f.y.mean()), float(f.y.std()) or 1.0
    model: Any = MLPRegressor(**wanted).fit(f.x, (f.y - mean) / sd)
    weights = [np.asarray(w, np.float64) for w in model.coefs_]
    return Neural(weights, [np.asarray(b, np.float64) for b in model.intercepts_], link_of(0), sd, mean)


def _neighbours(f: _Fit) -> Model:
    rows = np.random.default_rng(f.seed).permutation(len(f.x))[:20_000]
    return Neighbours(f.x[rows], targets(f.y[rows], f.task.classes), int(f.params["k"]))


_FITS: dict[str, Callable[[_Fit], Model]] = {
    "dummy": _dummy,
    "lightgbm": _lightgbm,
    "tweedie": _lightgbm,
    STACKED: _lightgbm,
    "hist_boosting": _hist,
    "extra_trees": lambda f: _forest(f, extra=True),
    "random_forest": lambda f: _forest(f, extra=False),
    "linear": _linear,
    "glm": _glm,
    "network": _network,
    "neighbours": _neighbours,
}
