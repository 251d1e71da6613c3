"""Business metrics: revenue, active users and conversions of each business over its last 24 whole hours, live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from actors.columns import times
from actors.dashboards.buckets import HOUR
from actors.dashboards.businesses import BusinessView, State, Sums, closed, seconds
from actors.dashboards.matching import Matching
from actors.dashboards.subjects import Subjects
from actors.fold import Batch, Topic
from actors.hashing import hashes
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from analytics.kernels import I64, Bools
from events.catalog import CLOCK, CONTROL, USER_INTERACTIONS
from events.collected import BUSINESS_EVENTS
from query.business.meaning import Business

SPARK = 24


class Metrics(msgspec.Struct):
    sums: Sums = msgspec.field(default_factory=Sums)
    """``revenue<tab>EUR``, ``spend<tab>EUR`` in minor units; ``eligible``, ``converted``, ``events``: counts of events."""
    users: dict[int, Subjects] = {}
    """By hour (us): who was active."""


@dataclass
class BusinessMetrics(BusinessView[Metrics]):
    """Folds the raw streams into the topic ``business_metrics``: an entry for each business.

    ``v``: over the last 24 whole hours (``from``, ``to``), ``prev``: over the 24 before, ``now``: in the hour that goes on.
    Active users are distinct subjects, whoever they belong to; ``eligible`` and ``converted`` count events.
    """

    name: str = "business_metrics"
    version: int = 1
    reads: tuple[str, ...] = (CONTROL.name, USER_INTERACTIONS.name, BUSINESS_EVENTS.name, CLOCK.name)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic("business_metrics", "upsert"),)

    def empty(self) -> Metrics:
        return Metrics()

    def take(self, view: Metrics, business: Business, rows: Matching, batch: Batch) -> None:
        at = times(batch.table, "time")
        ours = business.where
        active = rows.where(business.active, ours)
        subjects = hashes(batch.table, ("subject",))
        for hour in np.unique(at[active] // HOUR).tolist():
            here = active & (at // HOUR == hour)
            view.users.setdefault(hour * HOUR, Subjects()).add(subjects[here])
        self._count(view, at, active, "events")
        self._count(view, at, rows.where(business.eligible, ours), "eligible")
        self._count(view, at, rows.where(business.converted, ours), "converted")
        for name, match, sign in (("revenue", business.revenue, 1), ("revenue", business.refunds, -1),
                                  ("spend", business.spend, 1)):  # fmt: skip
            if match is not None:
                for row in np.flatnonzero(rows.where(match, ours)).tolist():
                    amount = rows.column("amount")[row]
                    if amount is not None:
                        currency = rows.column("currency")[row] or ""
                        view.sums.add(int(at[row]), f"{name}\t{currency}", sign * amount)

    def _count(self, view: Metrics, at: I64, chosen: Bools, name: str) -> None:
        hours, counts = np.unique(at[chosen] // HOUR, return_counts=True)
        for hour, count in zip(hours.tolist(), counts.tolist(), strict=True):
            view.sums.add(hour * HOUR, name, count)

    def prune(self, view: Metrics, now_us: int) -> None:
        view.sums.prune(now_us)
        floor = closed(now_us)[0]
        view.users = {hour: subjects for hour, subjects in view.users.items() if hour >= floor}

    def show(self, name: str, business: Business, view: Metrics, now_us: int) -> dict[str, Any]:
        before, since, end = closed(now_us)
        sums = view.sums

        def figure(what: str) -> dict[str, Any]:
            return {
                "v": sums.between(since, end, what),
                "prev": sums.between(before, since, what),
                "now": sums.between(end, end + HOUR, what),
                "spark": [sums.between(hour, hour + HOUR, what) for hour in range(end - SPARK * HOUR, end, HOUR)],
            }

        money = sorted(sums.names(before, end + HOUR))
        return {
            "title": business.title or name,
            "domain": business.domain,
            "from": seconds(since),
            "to": seconds(end),
            "active_users": {
                "v": _together(view, since, end),
                "prev": _together(view, before, since),
                "now": _together(view, end, end + HOUR),
            },
            **{what: figure(what) for what in ("events", "eligible", "converted")},
            **{
                what: {key.split("\t")[1]: figure(key) for key in money if key.startswith(f"{what}\t")}
                for what in ("revenue", "spend")
            },
        }

    def dump(self, state: State[Metrics]) -> bytes:
        plain = msgspec.to_builtins(state, str_keys=True, builtin_types=(bytes,), enc_hook=Subjects.dump)
        return msgspec.msgpack.encode(plain, order="deterministic")

    def load(self, data: bytes) -> State[Metrics]:
        plain = msgspec.msgpack.decode(data)
        return msgspec.convert(plain, State[Metrics], str_keys=True, builtin_types=(bytes,), dec_hook=_subjects)


def _together(view: Metrics, start_us: int, end_us: int) -> int:
    found = [view.users[hour] for hour in range(start_us, end_us, HOUR) if hour in view.users]
    return Subjects.together(found)


def _subjects(_: type, data: bytes) -> Subjects:
    return Subjects.load(data)


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    yield CellSpec("dashboards", BusinessMetrics(), within.tenant, beside=f"{within.tenant}/alert_system/0")


PART = Part("business_metrics", cells=_cells)
