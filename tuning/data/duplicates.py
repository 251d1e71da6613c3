"""Rows that are there more than once. A model that has seen one copy knows the other by heart.

With copies on both sides of a split, memory would pass for skill.

Rows are compared as models see them (the encoded matrix), so an identifier that is not used makes no row another one.
Equal rows alone are no proof of copying: two columns of four values each have 16 rows in all. What tells is the target:
copies agree in it, while rows that are equal by coincidence differ in it as often as the target is uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.models.schema import F32, Feature, WrongInput
from tuning.data.target import FEWEST
from tuning.report import Note

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
FEW = 0.2
"""Share of rows that may be kept with their equals whatever their targets are: it costs nothing."""
_AGREE = 0.8
"""Agreement of equal rows' targets beyond chance (as Cohen's kappa, 1960) from which on they are copies."""
_BEYOND = 3.0
"""So many times more equal pairs than independent columns would have by chance are no coincidence."""


@dataclass(frozen=True)
class Twins:
    """``of`` numbers each row, copies alike; None where no row has a copy. ``equal`` rows are equal to an earlier one."""

    of: I64 | None
    equal: int
    notes: tuple[Note, ...] = ()
    certain: bool = False
    """Whether they are surely copies; a few equal rows are kept together even if they are not."""

    def first_in(self, times: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
        """bool[rows]: the earliest of each copied row, and all others: what time order may judge and learn from."""
        if self.of is None:
            return np.ones(len(times), bool)
        order = np.lexsort((np.arange(len(times)), times))
        _, first = np.unique(self.of[order], return_index=True)
        kept = np.zeros(len(times), bool)
        kept[order[first]] = True
        return kept


def twins_of(x: F32, y: F64, features: Sequence[Feature], seed: int = 0) -> Twins:
    """Raises ``WrongInput`` where copies leave too few different rows for any model."""
    columns = _columns(x, features)
    code = _numbered(_sum(columns))
    rest = _but_one(columns, y, seed) if len(columns) > 1 else None
    code = code if rest is None else rest
    n, different = len(code), int(code.max()) + 1
    equal = n - different
    if not equal:
        return Twins(None, 0)
    said = f"{equal:,} of {n:,} rows equal another one in every column that is used"
    said += "" if rest is None else ", but for one that differs nearly everywhere"
    repeated = np.bincount(code)[code] > 1
    copied = _copied(columns, code, y, seed)
    if repeated.sum() > FEW * n and not copied:
        return _bundles(code, y, said, equal)
    if different < FEWEST:
        reason = (
            f"has {n:,} rows but only {different} different ones; at least {FEWEST} are needed to fit and judge a model"
        )
        raise WrongInput("", f"the table {reason}")
    text = f"{said}. Equal rows stay on one side of every split, and count as one in the intervals of scores."
    severity = "warning" if equal > 0.01 * n else "info"
    return Twins(code, equal, (Note(code="twins", text=text, severity=severity),), copied)


def _copied(columns: Sequence[U64], code: I64, y: F64, seed: int) -> bool:
    """Whether most equal rows are copies of one another: their targets agree, and there are more than chance makes."""
    if int(code.max()) + 1 < FEWEST and _pairs(code) < _BEYOND * float(
        np.prod([_pairs(_numbered(c)) for c in columns])
    ):
        return False
    chance = _agreement(code, np.random.default_rng(seed).permutation(y))
    return chance > 0.999 or (_agreement(code, y) - chance) / (1.0 - chance) >= _AGREE


def _agreement(code: I64, y: F64) -> float:
    """Of rows that have an equal: the share that has its group's most frequent target."""
    whole = _with(code, y)
    size = np.bincount(code)
    most = np.zeros(len(size), np.int64)
    np.maximum.at(most, code, np.bincount(whole)[whole])
    several = size > 1
    return float(most[several].sum() / size[several].sum())


def _pairs(code: I64) -> float:
    """The chance that two different rows are equal."""
    count = np.bincount(code).astype(np.float64)
    return float((count * (count - 1)).sum() / (len(code) * (len(code) - 1.0)))


def _bundles(code: I64, y: F64, said: str, equal: int) -> Twins:
    """Of rows that are equal by coincidence.

    Where each, target included, is there a multiple of so many times, the whole table was repeated: so many of them each
    are one row's copies.
    """
    whole = _with(code, y)
    counts = np.bincount(whole)
    times = int(np.gcd.reduce(counts))
    if times > 1 and len(counts) >= 8:
        order = np.argsort(whole, kind="stable")
        of = np.empty(len(whole), np.int64)
        of[order] = np.arange(len(whole)) // times
        text = f"Every row is there {times} times, or a multiple of it: such {times} stay on one side of every split."
        return Twins(of, equal, (Note(code="twins", text=text, severity="warning"),), True)
    text = (
        f"{said}, but not in the target: the columns hold few values, such rows are no copies and may be on both sides."
    )
    return Twins(None, equal, (Note(code="twins", text=text),))


def _but_one(columns: Sequence[U64], y: F64, seed: int) -> I64 | None:
    """The rows' numbers without the one column that tells copies apart, as a time stamp or a running number does."""
    alone = [column for column in columns if _nearly_all_differ(column[:2000]) and _nearly_all_differ(column)]
    if len(alone) != 1:
        return None
    others = [column for column in columns if column is not alone[0]]
    rest = _numbered(_sum(others))
    different = int(rest.max()) + 1
    by_chance = float(np.prod([_pairs(_numbered(column)) for column in others]))
    copied = FEWEST <= different <= (1 - FEW / 2) * len(y) and _pairs(rest) >= 100 * by_chance
    return rest if copied and _copied(others, rest, y, seed) else None


def _nearly_all_differ(values: U64) -> bool:
    return len(np.unique(values)) >= 0.9 * len(values)


def _columns(x: F32, features: Sequence[Feature]) -> list[U64]:
    """A hash of each row's features of one column of the table; all missing values are alike, and so are the zeros."""
    bits = np.where(np.isnan(x), np.float32(np.nan), x + np.float32(0)).view(np.uint32)
    found: dict[str, U64] = {}
    for j, feature in enumerate(features):
        hashed = _mixed(bits[:, j].astype(np.uint64), j)
        found[feature.column] = found[feature.column] + hashed if feature.column in found else hashed
    return list(found.values())


def _mixed(values: U64, salt: int) -> U64:
    """SplitMix64 (Steele et al. 2014)."""
    z = values + np.uint64((salt + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), np.uint64)


def _sum(columns: Sequence[U64]) -> U64:
    return np.asarray(np.stack(columns).sum(axis=0, dtype=np.uint64), np.uint64)


def _numbered(values: npt.NDArray[np.generic]) -> I64:
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _with(code: I64, y: F64) -> I64:
    """Numbers of rows that are alike in their target, too."""
    targets = _numbered(y)
    return _numbered(code * (int(targets.max()) + 1) + targets)
