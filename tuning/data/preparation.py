"""From a table to a matrix with its splits: typing, target, holdout, leakage; decisions come along in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.schema import F32, Column, Feature, Schema, WrongInput, as_texts
from tuning.config import Config
from tuning.data.column_types import column_of, is_plain, schema_of
from tuning.data.duplicates import Twins, twins_of
from tuning.data.leakage import ROWS, find_leaks
from tuning.data.splits import Parts, Split, grouped, in_time, merged, set_apart, splits_of
from tuning.data.target import Target, is_skewed, target_of
from tuning.report import Note

_GROUPS = 10
"""Groups that must be left where those that share copies become one."""
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Prepared:
    """Rows with a target only, in the table's order: ``x``, ``y``; ``split`` and ``groups`` are over them.

    ``twins`` numbers rows, copies alike (None: there are none, or ``groups`` keep them together); ``equal_rows`` equal an
    earlier one, and ``copied`` says that most rows are copies.
    """

    schema: Schema
    features: tuple[Feature, ...]
    x: F32
    y: F64
    target: Target
    split: Split
    times: npt.NDArray[Any] | None
    groups: npt.NDArray[Any] | None
    notes: tuple[Note, ...]
    twins: I64 | None = None
    equal_rows: int = 0
    copied: bool = False

    @property
    def classes(self) -> int:
        return len(self.target.classes)

    @cached_property
    def skewed(self) -> bool:
        """Whether it is a regression of skewed values without negative ones (on the training rows)."""
        return not self.classes and is_skewed(self.y[self.split.train])

    @property
    def outputs(self) -> int:
        return self.classes if self.classes > 2 else 1


def prepare(columns: Mapping[str, npt.NDArray[Any]], config: Config) -> Prepared:
    """Raises ``WrongInput`` naming the column where no model can be made."""
    for role, name in (("target", config.target), ("time column", config.time_col), ("group column", config.group_col)):
        if name is not None and name not in columns:
            raise WrongInput(name, f"the {role} is not in the table; it has {', '.join(list(columns)[:12])}")
    target = target_of(config.target, columns[config.target], config.problem)
    rows = {name: values[target.rows] for name, values in columns.items() if name != config.target}
    notes = list(target.notes)
    times = _times(rows, config.time_col)
    groups = rows[config.group_col] if config.group_col is not None else None
    apart = {config.time_col: "orders the rows in time"} if config.time_col else {}
    apart |= {config.group_col: "names the groups that are kept together"} if config.group_col else {}
    schema, said = schema_of(rows, apart=apart)
    notes += said
    x = schema.matrix(rows)
    features = schema.features()
    twins = twins_of(x, target.y, features, config.seed)
    if groups is not None and times is None and not twins.certain:
        twins = Twins(None, twins.equal)  # the caller's groups are what is kept together
    notes += twins.notes
    of, copied = twins.of, twins.of is not None and 2 * twins.equal > len(x)
    joint = merged(groups, of) if of is not None and groups is not None and times is None else None
    torn = joint is not None and groups is not None and _number(joint) < min(_GROUPS, _number(groups))
    if of is not None and (times is not None or torn):
        kept = twins.first_in(np.arange(len(x)) if times is None else times)
        target, x = replace(target, y=target.y[kept], rows=target.rows[kept]), x[kept]
        times = times[kept] if times is not None else None
        groups = groups[kept] if groups is not None else None
        order = "In time order" if times is not None else "As groups share copies,"
        text = f"{order} {int((~kept).sum()):,} rows that repeat an earlier one are left out: what they say is known."
        notes.append(Note(code="twins-left-out", text=text, severity="warning"))
        of = None
    elif groups is not None:
        groups, of = groups if joint is None else joint, None
    split = set_apart(target.y, len(target.classes), times=times, groups=groups, twins=of, seed=config.seed)
    x, features, said = _without_leaks(x, target, schema, features, split, of, config)
    schema = Schema(schema.columns)  # fewer are used now
    notes += said
    notes.append(Note(code="split", text=f"Holdout, seen by nothing until the end: {split.text}."))
    _need_both_sides(target, split, config.target)
    return Prepared(
        schema, tuple(features), x, target.y, target, split, times, groups, tuple(notes), of, twins.equal, copied
    )


def _number(groups: npt.NDArray[Any]) -> int:
    return len(np.unique(groups.astype(str)))


def _times(rows: Mapping[str, npt.NDArray[Any]], name: str | None) -> npt.NDArray[Any] | None:
    if name is None:
        return None
    column = column_of(name, rows[name])
    if column.kind != "number":
        told = [t for t in as_texts(rows[name]) if t is not None]
        column = Column(name, "number" if is_plain(told) else "date", spelling=column.spelling)
    times = column.read(rows[name])
    missing = np.isnan(times) if column.kind == "number" else np.isnat(times)
    if missing.any():
        raise WrongInput(
            name, f"row {int(np.flatnonzero(missing)[0]) + 1} has no time; every row needs one to be ordered"
        )
    return times


def _without_leaks(
    x: F32, target: Target, schema: Schema, features: list[Feature], split: Split, twins: I64 | None, config: Config
) -> tuple[F32, list[Feature], list[Note]]:
    train = split.train
    if len(train) > ROWS:
        train = train[np.sort(np.random.default_rng(config.seed).permutation(len(train))[:ROWS])]
    of = None if twins is None else twins[train]
    leaks = find_leaks(
        x[train], target.y[train], features, target.classes, target=config.target, twins=of, seed=config.seed
    )
    notes: list[Note] = []
    out: set[str] = set()
    for leak in leaks:
        drop = leak.certain and leak.column not in config.keep
        text = f"{leak.text} It is {'not used' if drop else 'still used'}."
        notes.append(
            Note(code="leak", text=text, column=leak.column, severity="serious" if leak.certain else "warning")
        )
        if drop:
            out.add(leak.column)
    if not out:
        return x, features, notes
    for column in schema.columns:
        if column.name in out:
            column.dropped = "knows the target (leak)"
    kept = [j for j, feature in enumerate(features) if feature.column not in out]
    if not kept:
        names = ", ".join(sorted(out))
        raise WrongInput(
            sorted(out)[0], f"every column that could be used knows the target ({names}): keep some, or add others"
        )
    return np.ascontiguousarray(x[:, kept]), [features[j] for j in kept], notes


def _need_both_sides(target: Target, split: Split, name: str) -> None:
    for rows, where in ((split.train, "training rows"), (split.holdout, "holdout")):
        if target.classes and len(np.unique(target.y[rows])) < 2:
            only = target.classes[int(target.y[rows][0])]
            raise WrongInput(name, f"has only {only!r} in the {where} ({split.text}): no model can be judged on it")


def parts_of(prepared: Prepared, seed: int) -> Parts:
    """The splits of the training rows: five, fewer where rows are many; in time order where there is a time."""
    train = prepared.split.train
    part = np.full(len(prepared.y), -1, np.int64)
    n, p = len(train), max(1, prepared.x.shape[1])
    y = prepared.y[train]
    twins = None if prepared.twins is None else prepared.twins[train]
    if prepared.times is not None:
        part[train] = in_time(prepared.times[train], 4)
        return Parts("train", part, (1, 2, 3, 4), (4,))
    many = n * p
    k = 5 if many < 4_000_000 else 3 if many < 10_000_000 else 1
    if k == 1:
        share = max(4, n // 50_000)
        one = (
            grouped(prepared.groups[train], share, seed)
            if prepared.groups is not None
            else splits_of(y, prepared.classes, share, seed, twins)
        )
        part[train] = one == 0
        return Parts("train", part, (1,), (1,))
    part[train] = (
        grouped(prepared.groups[train], k, seed)
        if prepared.groups is not None
        else splits_of(y, prepared.classes, k, seed, twins)
    )
    return Parts("train", part, tuple(range(k)), tuple(range(k)))


def whole_parts(prepared: Prepared, repeat: int, splits: int, seed: int) -> Parts:
    """Splits of all rows, holdout included, for the members that are shipped: a new cut for each repeat."""
    cut = seed + 1 + repeat
    if prepared.times is not None:
        order = np.argsort(prepared.times, kind="stable")
        part = np.zeros(len(order), np.int64)
        newest_from = prepared.times[order[-max(1, len(order) // 10)]]
        newest = prepared.times >= newest_from  # rows of one time stay together, unless all are of one
        part[newest if not newest.all() else order[-max(1, len(order) // 10) :]] = 1
        return Parts(f"whole{repeat}", part, (1,), (1,))
    part = (
        grouped(prepared.groups, splits, cut)
        if prepared.groups is not None
        else splits_of(prepared.y, prepared.classes, splits, cut, prepared.twins)
    )
    return Parts(f"whole{repeat}", part, tuple(range(splits)), tuple(range(splits)))


def write_custom(folder: Path, custom: Any) -> None:
    """The caller's own estimator for the workers: our own processes, on this machine, for this run."""
    if custom is not None:
        import cloudpickle

        (folder / "custom.bin").write_bytes(cloudpickle.dumps(custom))
