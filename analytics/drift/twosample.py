"""Do two samples of rows come from one distribution, column by column? A permutation test with one stated alarm rate.

The null distribution of every measure is that of random re-divisions of the very rows at hand, so it holds at their
sizes, with their ties, rare categories and dependent columns. All measures of all columns are judged together by the
step-down maxT procedure (Westfall and Young 1993, algorithm 4.1; sampled permutations: Phipson and Smyth 2010).

What ``alarm_rate`` controls: the probability that *any* column alarms when all rows are independent draws from one
distribution is at most ``alarm_rate``, and equal to it up to ties. Where some columns have drifted, so is the probability
that any of the others alarms (family-wise error; the false-discovery rate is no larger). Rows must be exchangeable under
the null: neighbours in time that resemble each other are not, and two stretches of an autocorrelated stream differ by
more than this test allows for.

Strengths of different measures are put on one scale by the Wilson-Hilferty (1931) transform of a gamma distribution with the
mean and variance of a first set of draws. The scale decides how the alarm rate is shared out; fixed beforehand and blind to
which row is whose, it cannot make the test invalid.

From 1,024 rows in the smaller sample on, what is permuted are blocks of rows, drawn at random within each sample; of a far
larger sample at most 16,384 units take part. Both bound the cost and leave the test as exact as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, comb, inf, log, log1p, pi, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.drift import measures
from analytics.drift.contingency import COARSE, FINE, CodedColumn, categorical, kind_of, mixed, numeric
from analytics.drift.permutation import choose, count_blocks, count_rows
from analytics.drift.report import ColumnDrift, DriftReport, Measure
from analytics.kernels import F64, I32, I64, U64, Bools

Table = Mapping[str, npt.NDArray[Any]]

LOWEST_RATE, HIGHEST_RATE = 1e-4, 0.5
_UNITS, _MOST_UNITS = 512, 16_384
_SCALE_DRAWS, _CHUNK = 512, 256


def compare(reference: Table, current: Table, *, alarm_rate: float = 0.01, seed: int = 0) -> DriftReport:
    """Which columns of ``current`` are distributed otherwise than in ``reference``.

    Both map the same column names to one array each, all arrays of a sample of one length. Float, integer and boolean
    arrays are numeric, string and object arrays categorical; NaN, infinities and ``None`` are missing values, whose share
    is a measure of its own. Where a column has numbers and text, in one sample or across both, it is ``mixed``: each tenth
    of the numbers and each text is a category, so that a change of type is a drift like any other. ``alarm_rate``: the
    probability, 0.0001 to 0.5, that anything alarms on identical data.

    A column with one value throughout is ``constant``, one without values ``no values``, one of rare categories only
    (names, identifiers) ``too rare``: none of them is judged. A category
    new in ``current`` is compared like any other; those of which fewer than 5 rows are expected in the smaller sample
    are pooled. Rows in another order, or the samples swapped, give the same p-values.

    Raises ``ValueError`` where the samples do not have the same columns, or one is empty.
    """
    if not LOWEST_RATE <= alarm_rate <= HIGHEST_RATE:
        raise ValueError(f"an alarm rate of {alarm_rate}: choose {LOWEST_RATE} to {HIGHEST_RATE}")
    n, m = _rows(reference, "reference"), _rows(current, "current sample")
    block = max(1, min(n, m) // _UNITS)
    columns = _columns(reference, current, FINE if block == 1 else COARSE)
    testable = [c for c in columns if len(np.unique(c.code)) > 1]
    trial = _Trial.of(testable, n, m, block, seed)
    verdict = trial.judge(alarm_rate)
    place = {c.name: i for i, c in enumerate(testable)}
    can_alarm = bool(testable) and comb(len(trial.units), trial.chosen) >= 1 / alarm_rate
    found = tuple(_column(c, n, m, verdict, place.get(c.name), alarm_rate, can_alarm) for c in columns)
    return DriftReport(
        drifted=any(c.drifted for c in found),
        p_value=min((c.p_value for c in found if c.p_value is not None), default=None),
        alarm_rate=alarm_rate,
        rows_reference=n,
        rows_current=m,
        tested_reference=trial.tested[0],
        tested_current=trial.tested[1],
        block=block,
        draws=verdict.draws,
        can_alarm=can_alarm,
        columns=found,
    )


def _rows(sample: Table, name: str) -> int:
    lengths = {column: len(values) for column, values in sample.items()}
    if not lengths:
        raise ValueError(f"the {name} has no columns")
    first, rows = next(iter(lengths.items()))
    for column, length in lengths.items():
        if length != rows:
            raise ValueError(f"column {column!r} of the {name} has {length} rows, {first!r} has {rows}")
    if not rows:
        raise ValueError(f"the {name} has no rows")
    return rows


def _columns(reference: Table, current: Table, most: int) -> list[CodedColumn]:
    for one, other, name in ((reference, current, "current sample"), (current, reference, "reference")):
        lacking = [c for c in one if c not in other]
        if lacking:
            raise ValueError(f"the {name} lacks {', '.join(map(repr, lacking))}: compare the columns that both have")
    columns: list[CodedColumn] = []
    for name, before in reference.items():
        now = current[name]
        kinds = kind_of(name, "reference", before), kind_of(name, "current sample", now)
        if "mixed" in kinds or set(kinds) == {"numeric", "categorical"}:
            columns.append(mixed(name, before, now))
        elif "categorical" in kinds:
            columns.append(categorical(name, before, now))
        else:
            columns.append(numeric(name, before, now, most))
    return columns


class _Verdict(NamedTuple):
    draws: int
    adjusted: F64
    """float64[columns]: family-wise corrected p-values."""
    values: list[F64]
    p_values: list[F64]
    thresholds: list[F64]
    """float64[measures] a column each."""


class _Trial(NamedTuple):
    """The observed division into two samples, and how to draw others. The smaller sample is the one that is drawn."""

    columns: Sequence[CodedColumn]
    units: I32
    chosen: int
    """Units of the smaller sample; they come first."""
    rows: I64
    """Rows of the columns that are units' rows: unit u has ``rows[u * block : (u + 1) * block]``."""
    block: int
    tested: tuple[int, int]
    """Rows of reference and current sample among them."""
    state: U64

    @classmethod
    def of(cls, columns: Sequence[CodedColumn], n: int, m: int, block: int, seed: int) -> _Trial:
        """Blocks drawn at random from rows in an order that the rows themselves give: how they came does not matter."""
        rng = np.random.default_rng(seed)
        mark = np.zeros(n + m, np.uint64)
        for column in columns:
            mark = (mark ^ column.code.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            mark ^= mark >> np.uint64(29)
        sides = (np.argsort(mark[:n], kind="stable"), n + np.argsort(mark[n:], kind="stable"))
        # Which sample is called the reference changes nothing: the smaller one comes first.
        swapped = (m, int(mark[n:].sum())) < (n, int(mark[:n].sum()))
        taken = [
            rng.permutation(side)[: min(len(side) // block, _MOST_UNITS) * block]
            for side in sides[:: -1 if swapped else 1]
        ]
        tested = (len(taken[swapped]), len(taken[not swapped]))
        units = np.arange(sum(map(len, taken)) // block, dtype=np.int32)
        state = rng.integers(0, 1 << 63, 1, np.uint64)
        return cls(columns, units, len(taken[0]) // block, np.concatenate(taken), block, tested, state)

    def judge(self, alarm_rate: float) -> _Verdict:
        """Draw until it is clear that nothing alarms, or as often as the p-values of an alarm need."""
        if not self.columns:
            return _Verdict(0, np.zeros(0), [], [], [])
        counts = [self._units_of(c, self.rows) for c in self.columns]
        totals = [np.bincount(c.code[self.rows], minlength=c.width) for c in self.columns]
        seen = [
            measures.measure(c, np.bincount(c.code[self.rows[: self.chosen * self.block]], minlength=c.width)[None], t)
            for c, t in zip(self.columns, totals, strict=True)
        ]
        scales, level = self._scales(totals, alarm_rate)
        observed = np.array([s.scores(found[1]).max() for s, found in zip(scales, seen, strict=True)])
        order = np.argsort(observed, kind="stable")
        most = max(999, ceil(20 / alarm_rate) - 1)
        enough = alarm_rate * (most + 1)
        draws, exceeded = 0, np.zeros(len(order), np.int64)
        alone = [np.zeros(found[1].shape[1], np.int64) for found in seen]
        while draws < most and exceeded[-1] < enough:
            now = min(_CHUNK, most - draws)
            drawn = self._draw(counts, totals, now)
            for count, strengths, found in zip(alone, drawn, seen, strict=True):
                count += (strengths >= found[1] * (1 - 1e-9)).sum(0)
            scores = np.stack([s.scores(strengths).max(1) for s, strengths in zip(scales, drawn, strict=True)], 1)
            # Step-down: a column competes with those that are less far out than itself.
            maxima = np.maximum.accumulate(scores[:, order], 1)
            exceeded += (maxima >= observed[order] - 1e-9 * np.abs(observed[order])).sum(0)
            draws += now
        adjusted = np.empty(len(order))
        adjusted[order] = np.maximum.accumulate(((1 + exceeded) / (1 + draws))[::-1])[::-1]
        return _Verdict(
            draws,
            adjusted,
            [found[0][0] for found in seen],
            [(1 + count) / (1 + draws) for count in alone],
            [s.strength(level) for s in scales],
        )

    def _scales(self, totals: Sequence[I64], alarm_rate: float) -> tuple[list[_Scale], float]:
        """The measures' scales, and the score that the farthest column reaches at the alarm rate (a Gumbel distribution's).

        From blocks across both samples: those within a sample would show a wide null where it has drifted far.
        """
        mixed = self.rows[np.random.default_rng(int(self.state[0])).permutation(len(self.rows))]
        drawn = self._draw([self._units_of(c, mixed) for c in self.columns], totals, _SCALE_DRAWS)
        scales = [_Scale.of(strengths) for strengths in drawn]
        farthest = np.stack([s.scores(d).max(1) for s, d in zip(scales, drawn, strict=True)], 1).max(1)
        beta = float(farthest.std()) * sqrt(6) / pi
        return scales, float(farthest.mean()) - beta * (np.euler_gamma + log(-log1p(-alarm_rate)))

    def _units_of(self, column: CodedColumn, rows: I64) -> I32:
        """int32[units] cell of each row, or int32[units, width] counts of each block."""
        code = column.code[rows]
        if self.block == 1:
            return code
        unit = np.repeat(np.arange(len(self.units)), self.block)
        flat = np.bincount(unit * column.width + code, minlength=len(self.units) * column.width)
        return flat.reshape(len(self.units), column.width).astype(np.int32)

    def _draw(self, counts: Sequence[I32], totals: Sequence[I64], draws: int) -> list[F64]:
        """Strengths float64[draws, measures] of each column, all columns divided alike."""
        chosen = np.empty((draws, self.chosen), np.int32)
        choose(self.units, self.state, chosen)
        strengths: list[F64] = []
        for column, units, total in zip(self.columns, counts, totals, strict=True):
            drawn = np.zeros((draws, column.width), np.int32)
            (count_rows if self.block == 1 else count_blocks)(units, chosen, drawn)
            strengths.append(measures.measure(column, drawn, total)[1])
        return strengths


class _Scale(NamedTuple):
    """A gamma distribution a measure, by its mean and shape, and how far out a strength is in it."""

    mean: F64
    shape: F64
    varies: Bools

    @classmethod
    def of(cls, strengths: F64) -> _Scale:
        mean, variance = strengths.mean(0), strengths.var(0)
        varies = variance > 1e-18 * mean * mean
        return cls(
            np.where(varies, mean, 1.0), np.where(varies, mean * mean / np.where(varies, variance, 1.0), 1.0), varies
        )

    def scores(self, strengths: F64) -> F64:
        """About standard normal under the null; lowest where a measure cannot vary."""
        root = np.cbrt(strengths / self.mean)
        z = (root - 1 + 1 / (9 * self.shape)) * 3 * np.sqrt(self.shape)
        return np.where(self.varies, z, -1e9)

    def strength(self, score: float) -> F64:
        """The strengths that have this score; infinite where a measure cannot vary."""
        root = 1 - 1 / (9 * self.shape) + score / (3 * np.sqrt(self.shape))
        return np.where(self.varies, self.mean * np.maximum(root, 0.0) ** 3, inf)


def _column(
    column: CodedColumn, n: int, m: int, verdict: _Verdict, place: int | None, alarm_rate: float, can_alarm: bool
) -> ColumnDrift:
    gone = column.code == column.width - 1
    missing = int(gone[:n].sum()), int(gone[n:].sum())
    values = n - missing[0], m - missing[1]
    shares = missing[0] / n, missing[1] / m
    if place is None:
        status = "no values" if not sum(values) else "too rare" if column.rare > 1 else "constant"
        unseen = column.unseen, column.unseen_share, column.rare
        return ColumnDrift(column.name, column.kind, status, False, None, (), *values, *shares, *unseen)
    total = np.bincount(column.code, minlength=column.width)
    value = measures.measure(column, np.bincount(column.code[:n], minlength=column.width)[None], total)[0][0]
    p = float(verdict.adjusted[place])
    found: list[Measure] = []
    for i, name in enumerate(measures.names(column)):
        a, b = (n, m) if name == "missing" else values
        strength = float(verdict.thresholds[place][i])
        if a and b and not (name == "missing" and not any(missing)):
            limit = measures.from_strength(name, strength, a * b / (a + b))
            within = can_alarm and limit < inf and not (name in measures.AT_MOST_ONE and limit > 1)
            found.append(Measure(name, float(value[i]), limit if within else None, float(verdict.p_values[place][i])))
    drifted = p <= alarm_rate
    return ColumnDrift(
        column.name,
        column.kind,
        "compared",
        drifted,
        p,
        tuple(found),
        *values,
        *shares,
        column.unseen,
        column.unseen_share,
        column.rare,
    )
