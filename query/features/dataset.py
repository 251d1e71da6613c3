"""Datasets: subjects at moments of the past, their features as they were known then, and what became of them.

The rows, the features and the label are worked out by one kernel over events that are read once (``analytics.features``), so
a dataset of the past and what is served live are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from analytics.features import kernel
from analytics.features.kernel import Happened, Points
from analytics.features.plan import Events, Plan
from analytics.kernels import F64, I64, Bools
from events.errors import Rejected
from events.log import LogReader
from query.as_of import Moment, iso
from query.features import planning, report
from query.features.asked import MOST_CANDIDATES, MOST_MOMENTS, MOST_ROWS, DatasetAsked
from query.features.gathering import Gathered, gather
from query.features.schema import FeatureRule, LabelRule
from query.moments import length_s, seconds_of
from query.point_in_time.making import digest_of

EVERY_US = 7 * kernel.DAY_US
TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class MadeDataset:
    """``table``: key, at, label, then a column a feature. ``said``: what it was made of, to be asked again as it was."""

    table: pa.Table
    as_of: str
    digest: str
    report: dict[str, Any]
    said: dict[str, Any]


def make(
    log: LogReader,
    tenant: str,
    asked: DatasetAsked,
    label: LabelRule,
    features: Sequence[FeatureRule],
    moment: Moment,
    now_us: int,
    look: Callable[[], None] = lambda: None,
) -> MadeDataset:
    """The dataset as of ``moment``. ``label`` and ``features`` are those that ``asked`` names. ``now_us``: the time of
    ``moment``. ``look`` is called now and then, and may raise.

    Raises ``Rejected`` with the field: a label that cannot be known yet, nobody to ask about, too many rows.
    """
    if asked.horizon is not None:
        label = label.model_copy(update={"horizon": asked.horizon})
    plan, about, after = planning.plan(features), planning.asked_about(label), planning.outcome(label)
    kinds = tuple(dict.fromkeys((*plan.events, *about.events, *after.events)))
    gathered = gather(log, tenant, moment, kinds, look=look)
    moments = _moments(asked, label, gathered, now_us)
    look()
    rows = _Rows(gathered, label, about, moments)
    rows.sample(asked.sample)
    look()
    points = Points(rows.subject, rows.at)
    columns = kernel.features(plan, gathered.happened, points)
    look()
    outcome = _outcome(gathered.happened, after, label, rows)
    table = _table(gathered, rows, outcome, label, columns)
    span = gathered.span or (0, 0)
    found = report.Report(label, features, rows.excluded, moments, span)
    said = found.of(table, gathered.happened, plan, points)
    inline = label.model_dump(mode="json"), [feature.model_dump(mode="json") for feature in features]
    again = {"label": inline[0], "features": inline[1], "at": [iso(int(at)) for at in moments], "sample": asked.sample}
    return MadeDataset(table, moment.token, digest_of(table), said, {**again, "as_of": moment.token})


def features_of_one(
    log: LogReader,
    tenant: str,
    subject: str,
    features: Sequence[FeatureRule],
    moment: Moment,
    at_us: int,
    look: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The features of one subject at ``at_us``, as they were known at ``moment``: plain values by name."""
    plan = planning.plan(features)
    gathered = gather(log, tenant, moment, plan.events, subject=subject, look=look)
    number = gathered.subjects.number(subject)
    columns = kernel.features(plan, gathered.happened, Points(np.array([number]), np.array([at_us], np.int64)))
    return {name: _plain(column[0]) for name, column in columns.items()}


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and value != value else value


class _Rows:
    """Who is asked about, when; and how many are not, and why."""

    def __init__(self, gathered: Gathered, label: LabelRule, about: Plan, moments: I64) -> None:
        n = len(gathered.subjects.names)
        if n * len(moments) > MOST_CANDIDATES:
            raise Rejected(
                "every", f"{n:,} subjects at {len(moments)} moments are too many to look at; ask about fewer moments"
            )
        self.excluded: dict[str, int] = {}
        subject, at = np.tile(np.arange(n, dtype=np.int64), len(moments)), np.repeat(moments, n)
        held = kernel.features(about, gathered.happened, Points(subject, at))
        keep = held["seen"] > 0
        self._leave(~keep, "not seen yet", count=False)
        for i in range(len(label.domain)):
            keep = self._narrowed(keep, _holds(held, f"domain.{i}"), f"not in the domain: {_words(label.domain[i])}")
        for i in range(len(label.exclude)):
            keep = self._narrowed(keep, ~_holds(held, f"exclude.{i}"), f"excluded: {_words(label.exclude[i])}")
        self.subject, self.at = subject[keep], at[keep]
        if not len(self.at):
            why = ", ".join(f"{reason} ({n:,})" for reason, n in self.excluded.items()) or "there are no events"
            raise Rejected("label", f"is about nobody at these moments: {why}")
        self._names = gathered.subjects.names

    def sample(self, most: int | None) -> None:
        """At most ``most`` rows, those with the least hashes, so that the same rows are chosen in every run."""
        if most is None and len(self.at) > MOST_ROWS:
            raise Rejected(
                "sample", f"there are {len(self.at):,} rows; {MOST_ROWS:,} at most: say how many as `sample`"
            )
        if most is not None and len(self.at) > most:
            keys = zip(self.subject.tolist(), self.at.tolist(), strict=True)
            hashes = np.array(
                [xxhash.xxh3_64_intdigest(f"{self._names[s]}\0{at}".encode()) for s, at in keys], np.uint64
            )
            chosen = np.sort(np.argsort(hashes, kind="stable")[:most])
            self.excluded["not in the sample"] = len(self.at) - most
            self.subject, self.at = self.subject[chosen], self.at[chosen]

    def _narrowed(self, keep: Bools, holds: Bools, why: str) -> Bools:
        self._leave(keep & ~holds, why)
        return keep & holds

    def _leave(self, gone: Bools, why: str, count: bool = True) -> None:
        if count and gone.any():
            self.excluded[why] = self.excluded.get(why, 0) + int(gone.sum())


def _holds(held: Mapping[str, Any], name: str) -> Bools:
    """Whether a condition holds: there is such an event, and none after it that ends it."""
    since, ended = held[name], held.get(f"{name}.unless")
    there = ~np.isnan(since)
    return there if ended is None else there & (np.isnan(ended) | (since < ended))


def _words(who: Any) -> str:
    return who.title + ("" if who.within is None else f" within {who.within}")


def _outcome(happened: Mapping[Events, Happened], after: Plan, label: LabelRule, rows: _Rows) -> Any:
    """The label of each row. What is asked is what became of them, so all that is known by now counts."""
    known = {
        events: one._replace(known=one.time) for events in after.events if (one := happened.get(events)) is not None
    }
    found: F64 = kernel.features(after, known, Points(rows.subject, rows.at + label.horizon_us))[planning.OUTCOME]
    if label.of is not None:
        return found
    return ((found > 0) == label.happens).astype(np.int64)


def _moments(asked: DatasetAsked, label: LabelRule, gathered: Gathered, now_us: int) -> I64:
    """The moments of the rows, ascending. Raises ``Rejected`` where the label of one cannot be known yet."""
    if gathered.span is None:
        raise Rejected("label", f"no event of what it is about, or of its features, has come to {label.stream}")
    first, end = gathered.span[0], min(gathered.span[1], now_us)
    last = end - label.horizon_us
    if asked.at is not None:
        moments = np.unique([_us(one, now_us, f"at.{n}") for n, one in enumerate(asked.at)])
        if moments[-1] > last:
            raise Rejected(
                "at",
                f"{iso(int(moments[-1]))} is too late: what came within {label.horizon} is only known of moments up to "
                f"{iso(last)}, for the newest event is of {iso(end)}",
            )
        return moments.astype(np.int64)
    if last < first:
        raise Rejected(
            "horizon",
            f"is {label.horizon}, and the events reach from {iso(first)} to {iso(end)} only: no label can be known yet; "
            "wait, or ask with a shorter horizon",
        )
    every = EVERY_US if asked.every is None else round((length_s(asked.every) or 0) * 1e6)
    until = last if asked.until is None else min(last, _us(asked.until, now_us, "until"))
    since = min(first + every, until) if asked.since is None else _us(asked.since, now_us, "since")
    if since > until:
        raise Rejected("since", f"is after the last moment of which the label is known, {iso(until)}")
    n = (until - since) // every + 1
    if n > MOST_MOMENTS:
        raise Rejected(
            "every", f"gives {n:,} moments; {MOST_MOMENTS:,} at most: ask for longer steps, or a later `since`"
        )
    return np.arange(until - (n - 1) * every, until + 1, every, dtype=np.int64)


def _us(said: str, now_us: int, field: str) -> int:
    return round(seconds_of(said, now_us / 1e6, field) * 1e6)


def _table(gathered: Gathered, rows: _Rows, outcome: Any, label: LabelRule, columns: Mapping[str, Any]) -> pa.Table:
    names = pa.array(gathered.subjects.names, pa.string())
    found: dict[str, Any] = {
        "key": names.take(pa.array(rows.subject)),
        "at": pa.array(rows.at).cast(TIME),
        "label": pa.array(outcome),
    }
    for name, column in columns.items():
        found[name] = arrow_of(column)
    order = np.lexsort((np.array(found["key"].to_pylist()), rows.at))
    return pa.table(found).take(pa.array(order))


def arrow_of(column: Any) -> pa.Array:
    """A column of the kernel in Arrow: float64, or text where its values are not all numbers."""
    if isinstance(column, np.ndarray):
        return pa.array(column, pa.float64(), from_pandas=True)
    if all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in column):
        return pa.array([None if value is None else float(value) for value in column], pa.float64())
    return pa.array([None if value is None else as_text(value) for value in column], pa.string())


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else "true" if value is True else "false" if value is False else f"{value:g}"
