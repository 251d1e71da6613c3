"""Why a model says what it says: importance over many rows, contributions to one prediction. For any model.

A table is a pandas DataFrame or float64[n, columns]; a model is whatever maps a table to float64[n] or float64[n, outputs].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pandas import DataFrame

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
BLOCK = 50_000
"""So many rows are shown to a model at once."""


@dataclass(frozen=True, slots=True)
class Importance:
    """What the score loses when a column is shuffled: mean and standard deviation over ``repeats`` shuffles."""

    feature: str
    mean: float
    sd: float
    repeats: int


@dataclass(frozen=True, slots=True)
class Contributions:
    """``values``, float64[n, players] (or [n, players, outputs]), sum over players to prediction − ``base``.

    ``error`` is the standard error of each value from sampling; all zero where values are exact.
    """

    names: tuple[str, ...]
    base: F64
    prediction: F64
    values: F64
    error: F64


def permutation_importance(
    gain: Callable[[Any], float],
    table: DataFrame | F64,
    *,
    columns: Sequence[str] | None = None,
    repeats: int = 5,
    seed: int = 0,
    go_on: Callable[[], bool] = lambda: True,
) -> tuple[Importance, ...]:
    """Greatest first (Breiman, Machine Learning 2001; with repeats as in Fisher, Rudin and Dominici, JMLR 2019).

    ``gain`` maps a table of the same rows to a score, more is better; rows must be such that the model has not seen.
    Correlated columns share their importance: each alone may look dispensable. After the first round over all columns,
    ``go_on`` is asked before each, so that a caller with a deadline gets fewer repeats, never a column less.
    """
    if len(table) < 2:
        raise ValueError(f"importance by permutation needs at least 2 rows, got {len(table)}")
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    names = _names(table)
    wanted = [names.index(name) for name in (columns if columns is not None else names)]
    whole = gain(table)
    generator = np.random.default_rng(seed)
    losses: dict[int, list[float]] = {j: [] for j in wanted}
    for turn in range(repeats):
        if turn and not go_on():
            break
        for j in wanted:
            sources = np.repeat(np.arange(len(table))[:, None], len(names), axis=1)
            sources[:, j] = generator.permutation(len(table))
            losses[j].append(whole - gain(_mixed(table, sources)))
    found = [
        Importance(names[j], float(np.mean(lost)), float(np.std(lost, ddof=1)) if len(lost) > 1 else 0.0, len(lost))
        for j, lost in losses.items()
    ]
    return tuple(sorted(found, key=lambda one: -one.mean))


def shapley(
    predict: Callable[[Any], F64],
    rows: DataFrame | F64,
    background: DataFrame | F64,
    *,
    players: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> Contributions:
    """Shapley values by sampling (Štrumbelj and Kononenko, Knowledge and Information Systems 2014).

    Each background row is the start of one random order of the players and of its reverse (antithetic, which lowers the
    variance: Mitchell et al., JMLR 2022), along which the row's own values are put in. Every walk ends at the row, so values
    sum to its prediction − the mean prediction over the background, up to rounding. ``players`` names groups of columns
    that move together; columns in no group stay the row's own. By default each column is a player. Orders depend on the
    seed and the background alone, so a row gets the same values in any batch.

    Costs 2 · len(background) · players predictions a row: 30 to 100 background rows are plenty.
    """
    names = _names(rows)
    if _names(background) != names:
        raise ValueError("the background must have the rows' columns in the same order")
    if not len(background):
        raise ValueError("contributions need at least one background row")
    groups = dict(players) if players is not None else {name: [name] for name in names}
    member = np.zeros((len(groups), len(names)), np.bool_)
    for g, columns in enumerate(groups.values()):
        member[g, [names.index(column) for column in columns]] = True
    generator = np.random.default_rng(seed)
    orders = np.array([generator.permutation(len(groups)) for _ in range(len(background))])
    ones = [_walk(predict, rows, i, background, member, orders) for i in range(len(rows))]
    values, errors, base, prediction = (np.array(part) for part in zip(*ones, strict=True))
    return Contributions(tuple(groups), base[0], prediction, values, errors)


def _walk(
    predict: Callable[[Any], F64],
    rows: DataFrame | F64,
    i: int,
    background: DataFrame | F64,
    member: NDArray[np.bool_],
    orders: I64,
) -> tuple[F64, F64, F64, F64]:
    """Values, their standard errors, the base and the prediction of row ``i``. Source 0 is the row, b + 1 background b."""
    both = _stacked(_take(rows, np.array([i])), background)
    g, d = member.shape
    walks = np.concatenate([orders, orders[:, ::-1]])
    starts = np.tile(np.arange(1, len(background) + 1), 2)
    movable = member.any(axis=0)
    sources = np.zeros((len(walks), g + 1, d), np.int64)
    sources[:, 0] = np.where(movable, starts[:, None], 0)
    for step in range(g):
        sources[:, step + 1] = np.where(member[walks[:, step]], 0, sources[:, step])
    outputs = _predicted(predict, both, sources.reshape(-1, d))
    path = outputs.reshape(len(walks), g + 1, *outputs.shape[1:])
    moves = np.empty_like(path[:, 1:])
    np.put_along_axis(moves, walks.reshape(*walks.shape, *[1] * (path.ndim - 2)), np.diff(path, axis=1), axis=1)
    pairs = (moves[: len(orders)] + moves[len(orders) :]) / 2
    spread = pairs.std(axis=0, ddof=1) / math.sqrt(len(pairs)) if len(pairs) > 1 else np.zeros_like(pairs[0])
    return pairs.mean(axis=0), spread, path[: len(orders), 0].mean(axis=0), path[0, -1]


def _predicted(predict: Callable[[Any], F64], table: DataFrame | F64, sources: I64) -> F64:
    blocks = [sources[at : at + BLOCK] for at in range(0, len(sources), BLOCK)]
    return np.concatenate([np.asarray(predict(_mixed(table, block)), np.float64) for block in blocks])


def lightgbm_contributions(
    booster: Any, features: Any, owners: I64, names: Sequence[str], classes: int = 1
) -> Contributions:
    """Exact path-dependent TreeSHAP of a LightGBM booster (Lundberg et al., Nature Machine Intelligence 2020).

    ``owners``, int64[features], says which of ``names`` each feature of the model was made from; their contributions are
    summed. On the model's own scale, log-odds for classes. ``classes`` is the number of outputs, 1 for two classes and
    for regression.
    """
    raw = np.asarray(booster.predict(features, pred_contrib=True), np.float64)
    each = raw.reshape(len(raw), classes, -1)
    if each.shape[2] != len(owners) + 1:
        raise ValueError(f"the model has {each.shape[2] - 1} features, owners has {len(owners)}")
    summed = np.zeros((len(raw), len(names), classes))
    for feature, owner in enumerate(owners.tolist()):
        summed[:, owner] += each[:, :, feature]
    base = each[0, :, -1] if len(each) else np.zeros(classes)
    prediction = each.sum(axis=2)
    if classes == 1:
        summed, base, prediction = summed[:, :, 0], base[0], prediction[:, 0]
    return Contributions(tuple(names), np.asarray(base), prediction, summed, np.zeros_like(summed))


def _names(table: DataFrame | F64) -> list[str]:
    if isinstance(table, np.ndarray):
        return [str(j) for j in range(table.shape[1])]
    return [str(name) for name in table.columns]


def _take(table: DataFrame | F64, rows: I64) -> DataFrame | F64:
    return table[rows] if isinstance(table, np.ndarray) else table.iloc[rows]


def _stacked(first: DataFrame | F64, second: DataFrame | F64) -> DataFrame | F64:
    if isinstance(first, np.ndarray):
        return np.concatenate([first, np.asarray(second)])
    import pandas as pd

    return pd.concat([first, pd.DataFrame(second)], ignore_index=True)


def _mixed(table: DataFrame | F64, sources: I64) -> DataFrame | F64:
    """A table whose column j has the values of rows ``sources[:, j]``; kinds of columns stay what they are."""
    if isinstance(table, np.ndarray):
        return np.take_along_axis(table, sources, axis=0)
    import pandas as pd

    columns = {j: table.iloc[:, j].array.take(sources[:, j]) for j in range(sources.shape[1])}
    mixed = pd.DataFrame(columns, copy=False)
    mixed.columns = table.columns
    return mixed
