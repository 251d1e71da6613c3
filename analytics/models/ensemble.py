"""Members with weights as one model on the matrix: each sees the rows through its encoding, and the mean is calibrated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from analytics.models.encoding import Encoding
from analytics.models.members import Model
from analytics.models.schema import F32
from analytics.models.trees import TreeEnsemble

F64 = npt.NDArray[np.float64]
_TINY = 1e-9
BLOCK = 20_000
"""Rows shown to the members at once: what they hold meanwhile stays small."""


@dataclass
class Calibration:
    """Of probabilities: ``sigmoid`` (Platt 1999) is slope · logit + bias; ``temperature`` (Guo et al. 2017) scales the log
    of each class by ``slope``."""

    method: Literal["none", "sigmoid", "temperature"] = "none"
    slope: float = 1.0
    bias: float = 0.0

    def __call__(self, p: F64) -> F64:
        if self.method == "none":
            return p
        q = np.clip(p, _TINY, 1.0 - _TINY)
        if self.method == "sigmoid":
            return 1.0 / (1.0 + np.exp(-(self.slope * np.log(q / (1.0 - q)) + self.bias)))
        raw = self.slope * np.log(q)
        shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)


@dataclass
class Member:
    """One fitted model behind ``views[view]``; weights of an ensemble sum to 1.

    A stacked one is shown ``below[below]`` of its ensemble besides, as further columns.
    """

    view: int
    model: Model
    weight: float
    below: int = -1


@dataclass
class Ensemble:
    """Rows x outputs from a matrix: a value, the probability of the second of two classes, or of each of more."""

    views: list[Encoding]
    members: list[Member]
    calibration: Calibration = field(default_factory=Calibration)
    below: tuple[tuple[tuple[int, ...], ...], ...] = ()
    """What stacked members are shown: of each group of members, which come before them, the mean prediction."""

    def predict(self, x: F32) -> F64:
        return _in_blocks(x, self._block)

    def spread(self, x: F32) -> F64:
        """Rows x outputs: how far the members are apart: the standard deviation of what each says, calibrated."""
        return _in_blocks(x, self._spread)

    def _block(self, x: F32) -> F64:
        total: F64 | None = None
        for weight, answer in self._answers(x):
            total = answer * weight if total is None else total + answer * weight
        if total is None:
            raise ValueError("an ensemble without members")
        return self.calibration(total)

    def _spread(self, x: F32) -> F64:
        weighed = [(weight, self.calibration(answer)) for weight, answer in self._answers(x) if weight > 0]
        weights = np.array([weight for weight, _ in weighed])
        answers = np.stack([answer for _, answer in weighed])
        mean = np.average(answers, axis=0, weights=weights)
        return np.sqrt(np.average((answers - mean) ** 2, axis=0, weights=weights))

    def _answers(self, x: F32) -> Iterator[tuple[float, F64]]:
        """Each member's weight and what it says."""
        shown: dict[int, F32] = {}
        kept = {i for groups in self.below for group in groups for i in group}
        answers: dict[int, F64] = {}
        means: dict[int, F32] = {}
        for i, member in enumerate(self.members):
            if member.view not in shown:
                shown[member.view] = self.views[member.view].transform(x)
            seen = shown[member.view]
            if member.below >= 0:
                if member.below not in means:
                    groups = self.below[member.below]
                    found = [sum(answers[j] for j in group) / len(group) for group in groups]
                    means[member.below] = np.concatenate(found, axis=1, dtype=np.float32)
                seen = np.concatenate([seen, means[member.below]], axis=1, dtype=np.float32)
            answer = member.model.predict(seen)
            if i in kept:
                answers[i] = answer
            yield member.weight, answer

    @property
    def nodes(self) -> int:
        return sum(m.model.nodes for m in self.members if isinstance(m.model, TreeEnsemble))


def _in_blocks(x: F32, of: Callable[[F32], F64]) -> F64:
    blocks = [of(x[i : i + BLOCK]) for i in range(0, len(x), BLOCK)]
    return np.concatenate(blocks) if blocks else of(x)
