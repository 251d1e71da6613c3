"""How a matrix is encoded for a model: what is learnt from the training rows alone, before the model sees them.

Each split of a cross-validation fits an encoding of its own, so that nothing of the rows that it is judged on leaks into it.
Both encodings turn categories by one flat table look-up, so that a single row costs microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.schema import F32, Feature

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
HIGH = 24
"""A category with more levels is told by its mean targets instead of by one column a level."""
_INNER = 5


@dataclass
class Lookup:
    """Category codes to numbers: ``table[start[j] + code]``, ``width`` numbers a category."""

    at: I64
    start: I64
    size: I64
    table: F64

    def __call__(self, x: F32) -> F64:
        """Rows x (categories * width)."""
        codes = np.minimum(x[:, self.at].astype(np.int64), self.size - 1)
        return self.table[codes + self.start].reshape(len(x), -1)


def no_lookup(width: int) -> Lookup:
    none = np.empty(0, np.int64)
    return Lookup(none, none, none, np.empty((0, width)))


def mean_targets(x: F32, at: I64, size: I64, y: F64, strength: float) -> Lookup:
    """Smoothed mean targets a level: (sum + strength * overall) / (rows + strength) (Micci-Barreca 2001).

    ``y`` is rows x outputs; a level that no row has gets the overall mean.
    """
    overall = y.mean(axis=0)
    tables: list[F64] = []
    for j, n in zip(at, size, strict=True):
        codes = x[:, j].astype(np.int64)
        rows = np.bincount(codes, minlength=n)[:n, None]
        sums = np.stack([np.bincount(codes, y[:, k], n)[:n] for k in range(y.shape[1])], axis=1)
        tables.append((sums + strength * overall) / (rows + strength))
    table = np.concatenate(tables) if tables else np.empty((0, y.shape[1]))
    return Lookup(at, np.concatenate(([0], np.cumsum(size)[:-1])).astype(np.int64)[: len(at)], size, table)


def cross_fitted(x: F32, at: I64, size: I64, y: F64, strength: float, seed: int) -> F64:
    """Training rows' mean targets, each row's from the other rows only: else the target leaks into its own feature."""
    part = np.random.default_rng(seed).permutation(len(x)) % _INNER
    out = np.empty((len(x), len(at) * y.shape[1]))
    for k in range(min(_INNER, len(x))):
        out[part == k] = mean_targets(x[part != k], at, size, y[part != k], strength)(x[part == k])
    return out


def targets(y: F64, classes: int) -> F64:
    """Rows x outputs: the target itself, or for more than two classes one indicator a class."""
    return (y[:, None] == np.arange(classes)).astype(np.float64) if classes > 2 else y[:, None]


def _split(features: Sequence[Feature], keep: I64) -> tuple[I64, I64, I64, I64]:
    """Positions of plain columns, of categories, the latter's table sizes, and which of the plain ones are counts."""
    plain = [j for j in keep if features[j].kind != "category"]
    category = [j for j in keep if features[j].kind == "category"]
    counts = [i for i, j in enumerate(plain) if features[j].kind == "count"]
    size = [features[j].levels + 2 for j in category]
    return tuple(np.array(a, np.int64) for a in (plain, category, size, counts))  # type: ignore[return-value]


@dataclass
class TreeEncoding:
    """For trees: numbers as they are, missing as NaN; low categories ordered by mean target (or their codes as they are,
    among ``plain``), high ones by cross-validated mean targets."""

    plain: I64
    low: Lookup
    high: Lookup
    identity: bool
    codes: I64
    """Columns, as shown, that are a category's codes."""

    def transform(self, x: F32) -> F32:
        if self.identity:
            return x
        parts: list[Any] = [x[:, self.plain]]
        if len(self.low.at):
            parts.append(self.low(x))
        if len(self.high.at):
            parts.append(self.high(x))
        return np.concatenate(parts, axis=1, dtype=np.float32)


def fit_tree_encoding(
    x: F32, y: F64, features: Sequence[Feature], keep: I64, *, classes: int, seed: int, native: bool = False
) -> tuple[TreeEncoding, F32]:
    """The view, and the training rows as it would have shown them had they been new. ``native`` leaves low categories as
    codes, after the numbers: for trees that split sets of levels."""
    plain, category, size, _ = _split(features, keep)
    high = size - 2 > HIGH
    numbers = len(plain)
    if native:
        plain = np.concatenate([plain, category[~high]])
        category, size, high = category[high], size[high], high[high]
    y2 = targets(y, classes)
    low_table = _ordered(x, category[~high], size[~high], y2)
    high_table = mean_targets(x, category[high], size[high], y2, 10.0) if high.any() else no_lookup(y2.shape[1])
    identity = np.array_equal(plain, np.arange(x.shape[1]))
    view = TreeEncoding(plain, low_table, high_table, identity, np.arange(numbers, len(plain)))
    seen = view.transform(x)
    if high.any():
        seen = seen.copy()
        seen[:, len(plain) + len(low_table.at) :] = cross_fitted(x, category[high], size[high], y2, 10.0, seed)
    return view, seen


def _ordered(x: F32, at: I64, size: I64, y: F64) -> Lookup:
    """Codes by rank of the smoothed mean of the target (of several classes: of the commonest), so that one split can part
    them well (Fisher 1958); no value is NaN, a level that no training row has stands in the middle."""
    if not len(at):
        return no_lookup(1)
    pivot = y[:, [int(y.mean(axis=0).argmax())]] if y.shape[1] > 1 else y
    found = mean_targets(x, at, size, pivot, 5.0)
    for start, n in zip(found.start, size, strict=True):
        means = found.table[start : start + n, 0]
        found.table[start : start + n, 0] = np.argsort(np.argsort(means, kind="stable"), kind="stable")
        found.table[start + n - 1, 0] = np.nan
    return found


@dataclass
class LinearEncoding:
    """For linear models, neighbours and networks: scaled numbers (missing is 0 with an indicator column), optional hinges at
    quantiles, one column for each common level, mean targets for high categories. Everything is clipped to ±8."""

    plain: I64
    log: npt.NDArray[np.bool_]
    centre: F64
    scale: F64
    indicated: I64
    knots: F64
    """Positions x knots, in scaled units; empty where no hinges are wanted."""
    at: I64
    start: I64
    size: I64
    column: I64
    """Flat: which output column a level lights; the last one is thrown away."""
    width: int
    high: Lookup
    high_centre: F64
    high_scale: F64

    def _numbers(self, x: F32) -> list[F64]:
        raw = x[:, self.plain].astype(np.float64)
        if self.log.any():
            raw[:, self.log] = np.log1p(raw[:, self.log])
        scaled = (raw - self.centre) / self.scale
        missing = np.isnan(scaled)
        if missing.any():
            scaled[missing] = 0.0
        np.clip(scaled, -8.0, 8.0, out=scaled)
        parts = [scaled]
        if len(self.indicated):
            parts.append(missing[:, self.indicated].astype(np.float64))
        if self.knots.size:
            parts.append(np.maximum(scaled[:, :, None] - self.knots[None], 0.0).reshape(len(x), -1))
        return parts

    def _levels(self, x: F32) -> F64:
        lit = np.zeros((len(x), self.width + 1))
        codes = np.minimum(x[:, self.at].astype(np.int64), self.size - 1)
        lit[np.arange(len(x))[:, None], self.column[codes + self.start]] = 1.0
        return lit[:, : self.width]

    def transform(self, x: F32, high: F64 | None = None) -> F32:
        """``high``: mean targets to take instead of the table's (the training rows' own)."""
        parts = self._numbers(x)
        if self.width:
            parts.append(self._levels(x))
        if len(self.high.at):
            parts.append(((self.high(x) if high is None else high) - self.high_centre) / self.high_scale)
        return np.concatenate(parts, axis=1, dtype=np.float32)


def fit_linear_encoding(
    x: F32, y: F64, features: Sequence[Feature], keep: I64, *, classes: int, seed: int, knots: int = 0
) -> tuple[LinearEncoding, F32]:
    """The view, and the training rows as it would have shown them had they been new."""
    plain, category, size, counts = _split(features, keep)
    raw = x[:, plain].astype(np.float64)
    low = np.nanmin(raw, axis=0, initial=np.inf) if len(plain) else np.empty(0)
    log = np.zeros(len(plain), bool)
    log[counts] = True
    log |= (low >= 0) & _skewed(raw)
    raw[:, log] = np.log1p(raw[:, log])
    missing = np.isnan(raw)
    filled = np.where(missing, 0.0, raw)
    rows = np.maximum((~missing).sum(axis=0), 1)
    centre = filled.sum(axis=0) / rows
    spread = np.sqrt((np.where(missing, 0.0, raw - centre) ** 2).sum(axis=0) / rows)
    scale = np.where(spread > 1e-12, spread, 1.0)
    indicated = np.flatnonzero(missing.any(axis=0) & (missing.mean(axis=0) < 1.0))
    table = _hinges(np.where(missing, 0.0, (raw - centre) / scale), knots)
    one_hot, high = category[size - 2 <= HIGH], category[size - 2 > HIGH]
    start, columns, width = _columns(x, one_hot, size[size - 2 <= HIGH])
    y2 = targets(y, classes)
    high_size = size[size - 2 > HIGH]
    lookup = mean_targets(x, high, high_size, y2, 10.0) if len(high) else no_lookup(y2.shape[1])
    seen = cross_fitted(x, high, high_size, y2, 10.0, seed) if len(high) else np.empty((len(x), 0))
    deviation = seen.std(axis=0)
    view = LinearEncoding(
        plain,
        log,
        centre,
        scale,
        indicated.astype(np.int64),
        table,
        one_hot,
        start,
        size[size - 2 <= HIGH],
        columns,
        width,
        lookup,
        seen.mean(axis=0),
        np.where(deviation > 1e-12, deviation, 1.0),
    )
    return view, view.transform(x, seen)


def _skewed(raw: F64) -> npt.NDArray[np.bool_]:
    """Long right tails: the 99th percentile is far from the median, seen from the 10th."""
    if not raw.shape[1] or not len(raw):
        return np.zeros(raw.shape[1], bool)
    sample = raw[:: max(1, len(raw) // 5000)]
    low, middle, high = np.nan_to_num(np.nanpercentile(np.where(np.isnan(sample), 0.0, sample), [10, 50, 99], axis=0))
    return (high - middle) > 10.0 * np.maximum(middle - low, 1e-9)


def _hinges(scaled: F64, knots: int) -> F64:
    if not knots or not scaled.shape[1]:
        return np.empty((scaled.shape[1], 0))
    at = np.linspace(0.0, 1.0, knots + 2)[1:-1]
    return np.quantile(scaled[:: max(1, len(scaled) // 5000)], at, axis=0).T.copy()


def _columns(x: F32, at: I64, size: I64) -> tuple[I64, I64, int]:
    """A column for each level that at least 5 training rows have; the rest of a category shares none."""
    start = np.concatenate(([0], np.cumsum(size)[:-1])).astype(np.int64)[: len(at)]
    parts: list[I64] = []
    width = 0
    for j, n in zip(at, size, strict=True):
        rows = np.bincount(x[:, j].astype(np.int64), minlength=n)[:n]
        common = rows >= min(5, max(1, len(x) // 100))
        parts.append(np.where(common, width + np.cumsum(common) - 1, -1))
        width += int(common.sum())
    flat = np.concatenate(parts) if parts else np.empty(0, np.int64)
    return start, np.where(flat < 0, width, flat).astype(np.int64), width


Encoding = TreeEncoding | LinearEncoding
