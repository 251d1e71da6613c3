"""Product-moment correlations of all pairs at all lags.

The sums of products come from overlap-save blocks (Oppenheim, Schafer 2010, 8.7): a short Fourier transform of each
block, one complex matrix product a frequency over all series and blocks, and one transform back. With L lags that takes
about L / 4 times fewer operations than a matrix product a lag.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import float64, int64, void

from analytics.kernels import F64, I64, kernel, reads, writes

_PERFECT = 1 - 1e-15
_BLOCKS = 64
"""Blocks that are transformed at a time."""
_CELLS = 1 << 22
"""Most numbers in one array of products."""


class Best(NamedTuple):
    """The lag of each ordered pair that stands out most. [i, j]: i leads j, by 0 rows or more."""

    t2: F64
    """Squared t statistic; -1 where no lag has three pairs of values."""
    coefficient: F64
    n: I64
    lag: I64


def best_lags(values: F64, max_lag: int) -> Best:
    """Search lags 0 to ``max_lag`` of float64[p, n], NaN where missing; each series about centred, of size about 1."""
    p, n = values.shape
    lags = min(max_lag, max(n - 1, 0))
    shape = (p, p)
    best = Best(np.full(shape, -1.0), np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    here = np.isfinite(values)
    filled, mask = np.where(here, values, 0.0), here.astype(np.float64)
    squares = filled * filled
    step = max(1, _CELLS // (_transform(lags) * max(p, 1)))
    for at in range(0, p, step):
        part = slice(at, at + step)
        product = lagged(filled[part], filled, lags)
        if here.all():
            count, first, second, first_2, second_2 = _of_complete(values, part, lags)
        else:
            count = np.rint(lagged(mask[part], mask, lags))
            first, second = lagged(filled[part], mask, lags), lagged(mask[part], filled, lags)
            first_2, second_2 = lagged(squares[part], mask, lags), lagged(mask[part], squares, lags)
        rows = np.maximum(count, 1.0)
        spread = np.maximum(first_2 - first * first / rows, 0.0) * np.maximum(second_2 - second * second / rows, 0.0)
        # A series that hardly varies in this stretch correlates with nothing.
        varies = (spread > 1e-20 * np.abs(first_2 * second_2)) & (spread > 0) & (count >= 3)
        r = np.where(varies, (product - first * second / rows) / np.sqrt(np.where(varies, spread, 1.0)), 0.0)
        r = np.clip(r, -_PERFECT, _PERFECT)
        t2 = np.where(varies, r * r * (count - 2) / (1 - r * r), -1.0)
        lag = t2.argmax(0)
        chosen = lag[None]
        best.t2[part], best.coefficient[part] = _at(t2, chosen), _at(r, chosen)
        best.n[part], best.lag[part] = _at(np.broadcast_to(count, t2.shape), chosen).astype(np.int64), lag
    return best


def lagged(first: F64, second: F64, lags: int) -> F64:
    """float64[lags + 1, p, q]: sums over t of first[:, t] second[:, t + k] for float64[p, n] and float64[q, n]."""
    n, size = first.shape[1], _transform(lags)
    step = size - lags
    spectra = np.zeros((size // 2 + 1, len(first), len(second)), np.complex128)
    for begin in range(0, n, step * _BLOCKS):
        blocks = min(_BLOCKS, -(-(n - begin) // step))
        x = _padded(first, begin, blocks * step).reshape(len(first), blocks, step)
        y = np.lib.stride_tricks.sliding_window_view(_padded(second, begin, blocks * step + lags), size, 1)[:, ::step]
        x_hat, y_hat = np.fft.rfft(x, size, 2), np.fft.rfft(y, size, 2)
        spectra += np.ascontiguousarray(x_hat.conj().transpose(2, 0, 1)) @ np.ascontiguousarray(
            y_hat.transpose(2, 1, 0)
        )
    return np.fft.irfft(spectra, size, 0)[: lags + 1]


def _transform(lags: int) -> int:
    return max(256, 1 << (4 * lags + 3).bit_length())


def _padded(values: F64, begin: int, length: int) -> F64:
    part = values[:, begin : begin + length]
    return np.pad(part, ((0, 0), (0, length - part.shape[1])))


def _of_complete(values: F64, part: slice, lags: int) -> tuple[F64, F64, F64, F64, F64]:
    """Rows, and sums and sums of squares of those that each series has in a pair, where nothing is missing."""
    n = values.shape[1]
    count = n - np.arange(lags + 1)
    sums: list[F64] = []
    for power in (values, values * values):
        total = np.cumsum(power, 1)
        before = np.concatenate([np.zeros((len(values), 1)), total[:, :lags]], 1)
        sums += [total[part][:, count - 1].T[:, :, None], (total[:, -1:] - before).T[:, None, :]]
    return count[:, None, None].astype(np.float64), sums[0], sums[1], sums[2], sums[3]


def _at(values: npt.NDArray[np.float64], lag: I64) -> F64:
    return np.take_along_axis(values, lag, 0)[0]


@kernel(void(reads(float64, 2), reads(int64), reads(int64), reads(int64), writes(float64), writes(int64)))
def at_lags(values: F64, first: I64, second: I64, lag: I64, coefficient: F64, n: I64) -> None:
    """Correlation of each pair at its one lag (first[t] with second[t + lag], of either sign), and the rows it rests on.

    ``values``: float64[p, n], NaN where missing, each series about centred.
    """
    rows = values.shape[1]
    for pair in range(first.shape[0]):
        x, y, k = values[first[pair]], values[second[pair]], lag[pair]
        count, sum_x, sum_y, xx, yy, xy = 0, 0.0, 0.0, 0.0, 0.0, 0.0
        for t in range(max(0, -k), min(rows, rows - k)):
            a, b = x[t], y[t + k]
            if a == a and b == b:
                count += 1
                sum_x += a
                sum_y += b
                xx += a * a
                yy += b * b
                xy += a * b
        n[pair] = count
        coefficient[pair] = 0.0
        if count:
            own_x, own_y = xx - sum_x * sum_x / count, yy - sum_y * sum_y / count
            if own_x > 1e-14 * xx and own_y > 1e-14 * yy:
                r = (xy - sum_x * sum_y / count) / (np.sqrt(own_x) * np.sqrt(own_y))
                coefficient[pair] = min(1.0, max(-1.0, r))
