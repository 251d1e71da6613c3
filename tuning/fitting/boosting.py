"""LightGBM's boosted trees: by Newton's steps, as it does itself, or by first-order ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.freeze import from_lightgbm
from analytics.models.schema import F32
from analytics.models.trees import TreeEnsemble, linked
from tuning.candidates import Params

F64 = npt.NDArray[np.float64]
_OWN = frozenset({"keep", "native", "newton", "on", "power"})
"""Parameters that are not LightGBM's."""


def boosted(
    x: F32, y: F64, x_out: F32, y_out: F64, params: Params, *, classes: int, absolute: bool = False,
    codes: Iterable[int] = (), seed: int = 0, limit_s: float | None = None,
) -> TreeEnsemble:  # fmt: skip
    """Trees up to the round that did best on the rows ``out``, within ``limit_s``. Columns ``codes`` are categories.

    Without ``newton`` (for classes) the trees' splits and leaves are those of Friedman's gradient boosting (Annals of
    Statistics 2001): every row counts the same, where Newton's steps weigh it by p(1 - p), and so rest on the rows that
    are in doubt.

    With ``power`` (for a target without negative values) the loss is Tweedie's deviance, for errors whose variance grows as
    the mean to that power (Jørgensen 1987); the trees then sum up to the logarithm of the mean.
    """
    import lightgbm as lgb

    k = classes
    loss = _Softmax(y, k) if k and not params.get("newton", True) else None
    positive = "power" in params
    mean = (float(y.mean()) or 1.0) if positive else 1.0
    y, y_out = (y / mean, y_out / mean) if positive else (y, y_out)
    value = "tweedie" if positive else "regression_l1" if absolute else "regression"
    objective = {0: value, 2: "binary"}.get(k, "multiclass")
    wanted: dict[str, Any] = {name: value for name, value in params.items() if name not in _OWN}
    wanted |= {
        "objective": objective, "num_class": k if k > 2 else 1, "bagging_freq": 1, "num_threads": 1, "verbosity": -1,
        "seed": seed, "deterministic": True, "force_row_wise": True, "max_bin": 255, "feature_pre_filter": False,
    }  # fmt: skip
    if positive:
        wanted["tweedie_variance_power"] = params["power"]
    least = max(1, min(int(wanted["min_child_samples"]), len(x) // 20))
    wanted["min_child_samples"] = least
    rate = float(params["learning_rate"])
    patience = int(max(20, min(60, 2.0 / rate)))
    calls: list[Any] = [lgb.early_stopping(patience, verbose=False)]
    if limit_s is not None:
        calls.append(_until(time.monotonic() + limit_s))
    start, start_out = (None, None) if loss is None else (loss.start(len(y)), loss.start(len(y_out)))
    train = lgb.Dataset(
        x, y, init_score=start, categorical_feature=[int(j) for j in codes], params=wanted, free_raw_data=True
    )
    judge = lgb.Dataset(x_out, y_out, init_score=start_out, reference=train, params=wanted)
    if loss is not None:
        wanted |= {"objective": loss.slopes, "metric": "None"}
    booster = lgb.train(
        wanted, train, min(3000, int(60 / rate)), valid_sets=[judge], callbacks=calls,
        feval=None if loss is None else loss.judge,
    )  # fmt: skip
    best = booster.best_iteration or booster.current_iteration()
    text = booster.model_to_string(num_iteration=best)
    if positive:
        return from_lightgbm(text, k, x.shape[1], float(np.log(mean)), "exp")
    return from_lightgbm(text, k, x.shape[1], 0.0 if loss is None else loss.base)


class _Softmax:
    """The log loss as LightGBM asks for it. In place of each row's curvature p(1 - p) stands that of the classes' shares."""

    def __init__(self, y: F64, classes: int) -> None:
        shares = np.bincount(y.astype(np.int64), minlength=classes) / len(y)
        shares = np.clip(shares, 0.5 / len(y), 1.0 - 0.5 / len(y))
        self.curve = shares * (1.0 - shares)
        self.base = np.log(shares) if classes > 2 else np.log(shares[1:] / shares[:1])
        self.binary = classes == 2

    def start(self, rows: int) -> F64:
        return np.full(rows, self.base[0]) if self.binary else np.tile(self.base, (rows, 1))

    def slopes(self, raw: F64, rows: Any) -> tuple[F64, F64]:
        y = rows.get_label()
        if self.binary:
            return linked(raw, "sigmoid") - y, np.full(len(raw), self.curve[1])
        slope = linked(raw, "softmax")
        slope[np.arange(len(y)), y.astype(np.int64)] -= 1.0
        return slope, np.tile(self.curve, (len(y), 1))

    def judge(self, raw: F64, rows: Any) -> tuple[str, float, bool]:
        y = rows.get_label()
        if self.binary:
            return "log_loss", float(np.mean(np.logaddexp(0.0, raw) - y * raw)), False
        found = linked(raw, "softmax")[np.arange(len(y)), y.astype(np.int64)]
        return "log_loss", -float(np.log(np.clip(found, 1e-12, None)).mean()), False


def _until(deadline: float) -> Callable[[Any], None]:
    """Ends boosting at the deadline with what was best until then."""
    import lightgbm as lgb

    best: list[Any] = [np.inf, 0, []]

    def call(env: Any) -> None:
        loss = env.evaluation_result_list[0][2]
        if loss < best[0]:
            best[:] = [loss, env.iteration, env.evaluation_result_list]
        if time.monotonic() > deadline:
            raise lgb.callback.EarlyStopException(best[1], best[2])

    call.order = 40  # pyright: ignore[reportFunctionMemberAccess]
    return call
