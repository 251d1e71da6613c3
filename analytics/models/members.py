"""Members that are not trees, as plain arrays: a row costs microseconds where a library's checks cost a millisecond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.schema import F32
from analytics.models.trees import Link, TreeEnsemble, linked

F64 = npt.NDArray[np.float64]
_BLOCK = 2_000_000
"""Distances held at once."""


@dataclass
class Constant:
    """The same answer for every row: the baseline."""

    value: F64

    def predict(self, x: F32) -> F64:
        return np.tile(self.value, (len(x), 1))


@dataclass
class Linear:
    """``x @ weights + bias``, linked; ``most`` bounds what an exponential makes of a row that is like no other."""

    weights: F64
    bias: F64
    link: Link
    most: float = float("inf")

    def predict(self, x: F32) -> F64:
        return np.minimum(linked(x @ self.weights + self.bias, self.link), self.most)


@dataclass
class Neural:
    """A feed-forward network with rectified hidden layers; ``scale`` and ``shift`` undo the target's standardisation."""

    weights: list[F64]
    biases: list[F64]
    link: Link
    scale: float = 1.0
    shift: float = 0.0

    def predict(self, x: F32) -> F64:
        hidden: Any = x
        for weights, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weights + bias, 0.0)
        return linked((hidden @ self.weights[-1] + self.biases[-1]) * self.scale + self.shift, self.link)


@dataclass
class Neighbours:
    """The mean target of the ``k`` nearest training rows by Euclidean distance, nearer ones weighing more."""

    rows: F32
    targets: F64
    k: int

    def predict(self, x: F32) -> F64:
        out = np.empty((len(x), self.targets.shape[1]))
        norms = (self.rows**2).sum(axis=1)
        k = min(self.k, len(self.rows))
        step = max(1, _BLOCK // len(self.rows))
        for i in range(0, len(x), step):
            some = x[i : i + step]
            distance = np.maximum(norms - 2.0 * some @ self.rows.T + (some**2).sum(axis=1)[:, None], 0.0)
            near = (
                np.argpartition(distance, k - 1, axis=1)[:, :k]
                if k < len(self.rows)
                else np.tile(np.arange(k), (len(some), 1))
            )
            weight = 1.0 / (np.sqrt(np.take_along_axis(distance, near, axis=1)) + 1e-3)
            out[i : i + step] = (self.targets[near] * weight[:, :, None]).sum(axis=1) / weight.sum(axis=1)[:, None]
        return out


@dataclass
class Wrapped:
    """A scikit-learn estimator of the caller's, asked by its own methods."""

    estimator: Any
    classes: int

    def predict(self, x: F32) -> F64:
        if self.classes == 0:
            return np.asarray(self.estimator.predict(x), np.float64).reshape(len(x), -1)
        if hasattr(self.estimator, "predict_proba"):
            found = np.asarray(self.estimator.predict_proba(x), np.float64)
            full = np.zeros((len(x), self.classes))
            full[:, np.asarray(self.estimator.classes_, np.int64)] = found
        else:
            full = np.eye(self.classes)[np.asarray(self.estimator.predict(x), np.int64)]
        return full[:, 1:] if self.classes == 2 else full


Model = TreeEnsemble | Constant | Linear | Neural | Neighbours | Wrapped
