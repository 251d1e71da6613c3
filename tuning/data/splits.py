"""How the rows are split: the final holdout, which nothing is tuned on, and the cross-validation parts of the other rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.models.schema import WrongInput

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """``train`` and ``holdout`` are positions. How they were set apart is ``kind``, in words ``text``."""

    kind: Literal["stratified", "shuffled", "grouped", "time"]
    train: I64
    holdout: I64
    text: str


@dataclass(frozen=True)
class Parts:
    """A cross-validation. ``part``: the part that each row is in.

    Each of ``splits`` predicts the part of its number by a model of the others (in time order: of those before it); the
    models of the splits in ``serving`` are the ensemble's.
    """

    name: str
    part: I64
    splits: tuple[int, ...]
    serving: tuple[int, ...]


def holdout_share(rows: int) -> float:
    """A fifth of small tables, less of large ones, never more than 20,000 rows: what the interval needs, and no more."""
    return min(0.2 if rows < 3_000 else 0.15 if rows < 12_000 else 0.1, 20_000 / rows)


def set_apart(
    y: npt.NDArray[np.float64],
    classes: int,
    *,
    times: npt.NDArray[Any] | None = None,
    groups: npt.NDArray[Any] | None = None,
    twins: I64 | None = None,
    seed: int = 0,
) -> Split:
    """The holdout: the newest rows where there is a time, whole groups where there are groups, else a stratified sample.

    Rows that ``twins`` numbers alike are copies, and stay on one side; in time order there are none (``twins.first_in``).
    """
    rows = len(y)
    share = holdout_share(rows)
    if times is not None:
        order = np.argsort(times, kind="stable").astype(np.int64)
        cut = rows - max(1, round(rows * share))
        start = times[order[cut]]
        older = order[times[order] < start] if times[order[0]] < start else order[:cut]
        newest = order[len(older) :]
        return Split("time", older, newest, f"the newest {len(newest):,} rows, from {start} on")
    if groups is not None:
        part = grouped(groups, max(2, round(1 / share)), seed) == 0
        if not part.any() or part.all():
            raise WrongInput("", "all rows are of one group: leave --group-col out")
        where = np.flatnonzero(part)
        return Split(
            "grouped", np.flatnonzero(~part), where, f"{len(where):,} rows, of groups that training never sees"
        )
    part = splits_of(y, classes, max(2, round(1 / share)), seed, twins) == 0
    where = np.flatnonzero(part)
    kind = "stratified" if classes else "shuffled"
    return Split(kind, np.flatnonzero(~part), where, f"a random {len(where):,} rows, {kind}")


def splits_of(y: npt.NDArray[np.float64], classes: int, k: int, seed: int, twins: I64 | None = None) -> I64:
    """Each row's part, 0..k-1; classes (or ranges of a value) in equal shares.

    Rows that ``twins`` numbers alike share a part.
    """
    if twins is not None:
        _, first, of = np.unique(twins, return_index=True, return_inverse=True)
        return splits_of(y[first], classes, k, seed)[of.reshape(-1)]
    rng = np.random.default_rng(seed)
    part = np.empty(len(y), np.int64)
    if not classes:
        order = np.argsort(y + 0.0, kind="stable")
        for i in range(0, len(y), k):
            block = order[i : i + k]
            part[block] = rng.permutation(k)[: len(block)]
        return part
    start = 0
    for c in range(classes):
        rows = rng.permutation(np.flatnonzero(y == c))
        part[rows] = (np.arange(len(rows)) + start) % k
        start += len(rows)
    return part


def grouped(groups: npt.NDArray[Any], k: int, seed: int) -> I64:
    """Each row's part; a group is in one part. Large groups are dealt first, to the smallest part."""
    names, code, counts = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
    if len(names) < k:
        raise WrongInput("", f"{len(names)} groups cannot be split into {k} parts: leave --group-col out")
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]
    of = np.empty(len(names), np.int64)
    size = np.zeros(k)
    for g in order:
        of[g] = int(size.argmin())
        size[of[g]] += counts[g]
    return of[code]


def in_time(times: npt.NDArray[Any], k: int) -> I64:
    """Blocks in time order: block 0, about half of the rows, only trains; blocks 1..k are each predicted from all before.

    Rows of one time are in one block, unless times are so few that a block would be empty.
    """
    order = np.argsort(times, kind="stable")
    n, start = len(times), len(times) // 2
    cuts = start + np.arange(k) * (n - start) // k
    ordered = times[order]
    first = np.searchsorted(ordered, ordered[np.minimum(cuts, n - 1)], side="left")
    cuts = first if first[0] > 0 and (np.diff(first) > 0).all() else cuts
    part = np.empty(n, np.int64)
    part[order] = np.searchsorted(cuts, np.arange(n), side="right")
    return part


def merged(groups: npt.NDArray[Any], twins: I64) -> I64:
    """Groups that share a copied row are one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    group = np.unique(groups.astype(str), return_inverse=True)[1].reshape(-1)
    size = int(group.max()) + int(twins.max()) + 2
    links = coo_array((np.ones(len(group)), (group, int(group.max()) + 1 + twins)), shape=(size, size))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)[group]


def write_parts(folder: Path, parts: Parts) -> None:
    np.save(folder / f"{parts.name}.parts.npy", parts.part)
