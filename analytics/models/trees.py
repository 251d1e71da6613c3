"""Trees of any origin as flat arrays, answered by one kernel: a row costs microseconds, and the state is plain numbers.

scikit-learn's forests take milliseconds for one row, and a booster's own format is text; both become this (``freeze``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numba
import numpy as np
import numpy.typing as npt

from analytics.kernels import kernel, reads, writes
from analytics.models.schema import F32

Link = Literal["identity", "exp", "sigmoid", "softmax"]
LEVELS = 32
"""Codes of a category that splits can tell apart: bits of a node's ``levels``."""
_f4, _f8, _i4, _u4, _b1 = numba.float32, numba.float64, numba.int32, numba.uint32, numba.boolean


@kernel(
    numba.void(
        reads(_f4, 2),
        reads(_i4),
        reads(_i4),
        reads(_f4),
        reads(_i4),
        reads(_b1),
        reads(_u4),
        reads(_i4),
        reads(_f4, 2),
        writes(_f8, 2),
    )
)
def _add(  # pyright: ignore[reportUnusedFunction]
    x: Any,
    roots: Any,
    feature: Any,
    threshold: Any,
    right: Any,
    missing_left: Any,
    levels: Any,
    column: Any,
    values: Any,
    out: Any,
) -> None:
    """Add every tree's leaf to its output. The left child is the next node; a leaf has feature -1."""
    width = values.shape[1]
    categories = len(levels) > 0
    for t in range(len(roots)):
        for i in range(x.shape[0]):
            node = roots[t]
            while feature[node] >= 0:
                value = x[i, feature[node]]
                if categories and levels[node] != 0:
                    left = 0 <= value < LEVELS and (levels[node] >> np.uint32(value)) & np.uint32(1) != 0
                elif np.isnan(value):
                    left = missing_left[node]
                else:
                    left = value <= threshold[node]
                node = node + 1 if left else right[node]
            if width == 0:
                out[i, column[t]] += threshold[node]
            else:
                for k in range(width):
                    out[i, k] += values[right[node], k]


@kernel(
    numba.int64(
        reads(_i4), reads(_i4), reads(_i4), reads(_f4), reads(_b1), reads(_u4), reads(_i4),
        writes(_i4), writes(_f4), writes(_i4), writes(_b1), writes(_u4),
    )
)  # fmt: skip
def _preorder(  # pyright: ignore[reportUnusedFunction]
    left: Any,
    right: Any,
    feature: Any,
    threshold: Any,
    missing_left: Any,
    levels: Any,
    leaf: Any,
    of: Any,
    ot: Any,
    oright: Any,
    om: Any,
    ol: Any,
) -> int:
    """One tree in depth-first order, left child first. ``left`` is -1 at a leaf, whose ``leaf`` is its slot."""
    n = 0
    stack = np.empty(len(left) + 1, np.int64)
    parent = np.full(len(left) + 1, -1, np.int64)
    top = 1
    stack[0] = 0
    while top > 0:
        top -= 1
        node = stack[top]
        if parent[top] >= 0:
            oright[parent[top]] = n
        ot[n] = threshold[node]
        om[n] = missing_left[node]
        ol[n] = levels[node]
        if left[node] < 0:
            of[n] = -1
            oright[n] = leaf[node]
        else:
            of[n] = feature[node]
            stack[top] = right[node]
            parent[top] = n
            stack[top + 1] = left[node]
            parent[top + 1] = -1
            top += 2
        n += 1
    return n


@dataclass
class TreeEnsemble:
    """Trees that are added up, then scaled, shifted and linked.

    A node is (feature, threshold, right, missing_left, levels): a value goes left if it is ≤ the threshold, a missing one if
    ``missing_left``; where ``levels`` is not 0, a code goes left if its bit is set. No ``levels`` at all: no split is of
    categories. A leaf has feature -1; its value is ``threshold``, or row ``right`` of ``values`` if that has columns.
    """

    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: F32
    right: npt.NDArray[np.int32]
    missing_left: npt.NDArray[np.bool_]
    levels: npt.NDArray[np.uint32]
    column: npt.NDArray[np.int32]
    values: F32
    outputs: int
    scale: float
    shift: npt.NDArray[np.float64]
    link: Link
    features: int

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrays from a file are checked: the kernel reads without bounds."""
        self.__dict__.update({"levels": _no_levels(0)} | state)  # files from before there were any have none
        self.check()

    def check(self) -> None:
        """Raises ``ValueError`` unless every walk stays inside the arrays and ends."""
        n = len(self.feature)
        here = np.arange(n)
        leaf = self.feature < 0
        limit = np.where(leaf, len(self.values), n) if self.values.shape[1] else np.full(n, n)
        sound = (
            len(self.threshold) == len(self.right) == len(self.missing_left) == n
            and len(self.levels) in (0, n)
            and len(self.column) == len(self.roots)
            and self.values.shape[1] in (0, self.outputs)
            and bool(((self.roots >= 0) & (self.roots < n)).all())
            and bool(((self.column >= 0) & (self.column < self.outputs)).all())
            and bool((self.feature < self.features).all())
            and bool((leaf | ((self.right > here) & (here + 1 < n))).all())
            and bool(((self.right >= 0) & (self.right < limit)).all() or not self.values.shape[1])
            and bool((leaf | (self.right < n)).all())
        )
        if not sound:
            raise ValueError("trees: the arrays are not a forest; the file is damaged or forged")

    def predict(self, x: F32) -> npt.NDArray[np.float64]:
        """Rows x outputs: values, or probabilities (one column for two classes)."""
        if x.shape[1] != self.features:
            raise ValueError(f"trees: {x.shape[1]} features given, {self.features} expected")
        out = np.zeros((len(x), self.outputs))
        _add(
            np.ascontiguousarray(x, np.float32),
            self.roots, self.feature, self.threshold, self.right, self.missing_left, self.levels, self.column, self.values,
            out,
        )  # fmt: skip
        return linked(out * self.scale + self.shift, self.link)

    @property
    def nodes(self) -> int:
        return len(self.feature)


def _no_levels(nodes: int) -> npt.NDArray[np.uint32]:
    return np.zeros(nodes, np.uint32)


def linked(raw: npt.NDArray[np.float64], link: Link) -> npt.NDArray[np.float64]:
    """Sums as values or probabilities."""
    if link == "sigmoid":
        return 1.0 / (1.0 + np.exp(-np.clip(raw, -500.0, 500.0)))
    if link == "softmax":
        shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)
    return np.exp(np.clip(raw, -500.0, 500.0)) if link == "exp" else raw


@dataclass
class Tree:
    """One tree as its maker numbers it: ``left`` -1 at a leaf. ``leaf`` is a leaf's slot in the ensemble's values."""

    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    missing_left: npt.NDArray[np.bool_]
    leaf: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    """Read at leaves, where the ensemble has no table of values."""
    levels: npt.NDArray[np.uint32] | None = None
    """Bits of the codes that go left; 0 where a split is of numbers, None where all are."""


def flatten(
    trees: list[Tree],
    *,
    column: npt.NDArray[np.int32],
    outputs: int,
    features: int,
    link: Link,
    values: npt.NDArray[Any] | None = None,
    scale: float = 1.0,
    shift: npt.NDArray[np.float64] | float = 0.0,
) -> TreeEnsemble:
    """Trees as arrays. Thresholds become the largest float32 not above them, so that float32 inputs part as before."""
    total = sum(len(t.left) for t in trees)
    feature, right = np.empty(total, np.int32), np.empty(total, np.int32)
    threshold, missing_left = np.empty(total, np.float32), np.empty(total, np.bool_)
    levels = _no_levels(total)
    roots = np.empty(len(trees), np.int32)
    n = 0
    for i, tree in enumerate(trees):
        leaf = tree.left < 0
        split = np.where(leaf, tree.value.astype(np.float32), _not_above(tree.threshold))
        to = slice(n, n + len(tree.left))
        made = _preorder(
            tree.left, tree.right, tree.feature, split, tree.missing_left,
            _no_levels(len(tree.left)) if tree.levels is None else tree.levels, tree.leaf,
            feature[to], threshold[to], right[to], missing_left[to], levels[to],
        )  # fmt: skip
        right[to][feature[to] >= 0] += n
        roots[i] = n
        n += made
    table = np.empty((0, 0), np.float32) if values is None else np.ascontiguousarray(values, np.float32)
    shifts = np.broadcast_to(np.asarray(shift, np.float64), (outputs,)).copy()
    return TreeEnsemble(
        roots,
        feature[:n],
        threshold[:n],
        right[:n],
        missing_left[:n],
        levels[:n] if levels.any() else _no_levels(0),
        column,
        table,
        outputs,
        scale,
        shifts,
        link,
        features,
    )


def _not_above(thresholds: npt.NDArray[np.float64]) -> F32:
    big = np.finfo(np.float32).max
    clipped = np.clip(thresholds, -big, big)
    near = clipped.astype(np.float32)
    return np.where(near > clipped, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
