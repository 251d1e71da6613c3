"""What-if: what a model says of the same case where one thing that somebody can set is otherwise.

A scenario stays within what training saw of each feature. It says what the model expects of such cases, which is no proof
that a change brings it about: that is for an experiment to show (``basis``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from analytics.models.schema import WrongInput
from analytics.predictive.model import Input

F64 = npt.NDArray[np.float64]
MOST = 10
"""Scenarios that are told, and levels of a category that are tried."""
BASIS = "what the model expects of such cases; only an experiment shows what a change brings about"


class Asked(Protocol):
    """A model that scenarios can be made of: a ``PredictiveModel`` that knows what was observed."""

    observed: dict[str, list[float]]

    @property
    def inputs(self) -> list[Input]: ...

    def predict(self, features: Any, *, level: float | None = None) -> Any: ...


def scenarios(
    model: Asked, case: Mapping[str, Any], *, better: str = "up", figure: str = "prediction", most: int = MOST
) -> list[dict[str, Any]]:
    """The best setting of each actionable feature for this case, the most helpful first; none where nothing helps.

    Each is ``{change: {feature: {from, to}}, <figure>, low, high, difference, within: {feature: range or levels}, basis}``,
    ``difference`` against the case as it is. ``better`` says which way the figure should go. Where the domain says that
    the figure only rises or falls with a feature, scenarios along it do so, too (the running extreme on the way from the
    case's own value). Raises ``WrongInput`` for a case that does not fit.
    """
    if better not in ("up", "down"):
        raise WrongInput("better", f"{better!r}: choose up or down")
    here = float(model.predict(case)[figure])
    sign = 1.0 if better == "up" else -1.0
    found: list[dict[str, Any]] = []
    for one in model.inputs:
        if not one.actionable:
            continue
        tried = _values(model, one, case.get(one.name))
        if not tried:
            continue
        table = model.predict([{**case, one.name: value} for value in tried])
        said = {name: np.array([np.nan if v is None else v for v in table.column(name).to_pylist()], np.float64)
                for name in _ends(figure, table.column_names)}  # fmt: skip
        if one.direction and case.get(one.name) is not None:
            said = _monotone(said, figure, tried, float(case[one.name]), here, one.direction)
        best = int(np.argmax(sign * np.nan_to_num(said[figure], nan=-sign * np.inf)))
        gain = float(said[figure][best] - here)
        if sign * gain <= 0 or not np.isfinite(gain):
            continue
        observed: Any = [one.low, one.high] if one.kind == "number" else one.levels
        found.append(
            {
                "change": {one.name: {"from": case.get(one.name), "to": tried[best]}},
                figure: float(said[figure][best]),
                "low": float(said[_ends(figure, table.column_names)[1]][best]),
                "high": float(said[_ends(figure, table.column_names)[2]][best]),
                "difference": gain,
                "within": {one.name: observed},
                "basis": BASIS,
            }
        )
    found.sort(key=lambda one: -sign * one["difference"])
    return found[:most]


def _ends(figure: str, names: Sequence[str]) -> tuple[str, str, str]:
    low, high = f"{figure}_low", f"{figure}_high"
    return (figure, low, high) if low in names else (figure, "low", "high")


def _values(model: Asked, one: Input, now: Any) -> list[Any]:
    """What the feature may be set to: values that were observed, without the one that it has."""
    if one.kind == "number":
        return [value for value in model.observed.get(one.name, []) if value != now]
    if one.kind == "boolean":
        return [value for value in (True, False) if value != now]
    return [level for level in one.levels if level != now][:MOST] if one.kind == "category" else []


def _monotone(
    said: dict[str, F64], figure: str, tried: Sequence[float], now: float, here: float, direction: str
) -> dict[str, F64]:
    """The figure and its ends so that they only go the way of ``direction`` as the feature's value leaves ``now``."""
    sign = 1.0 if direction == "up" else -1.0
    values = np.asarray(tried, np.float64)
    order = np.argsort(values)
    above = [i for i in order if values[i] > now]
    below = [i for i in order[::-1] if values[i] < now]
    out = {name: array.copy() for name, array in said.items()}
    for name, array in out.items():
        start = sign * here if name == figure else -np.inf
        array[above] = sign * np.maximum.accumulate([start, *(sign * said[name][above])])[1:]
        start = sign * here if name == figure else np.inf
        array[below] = sign * np.minimum.accumulate([start, *(sign * said[name][below])])[1:]
    names = list(out)
    out[names[1]] = np.minimum(out[names[1]], out[figure])
    out[names[2]] = np.maximum(out[names[2]], out[figure])
    return out
