"""Revenue tracking: what each business takes in, hour by hour, in each currency, and from which products, live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from actors.columns import times
from actors.dashboards.buckets import HOUR
from actors.dashboards.businesses import BusinessView, State, Sums, closed, seconds
from actors.dashboards.matching import Matching, written
from actors.fold import Batch, Topic
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.catalog import CLOCK, CONTROL, USER_INTERACTIONS
from events.collected import BUSINESS_EVENTS
from query.business.meaning import Business

HOURS = 48
KEPT_HOURS = 72
MOST = 100
"""Values of the segment that are counted by name in an hour; further ones are counted together as ``OTHERS``."""
OTHERS = "(others)"
SHOWN = 12


class Revenue(msgspec.Struct):
    """By hour: ``paid<tab>EUR`` and ``refunded<tab>EUR`` in minor units, ``n<tab>EUR`` payments; ``by<tab>EUR<tab>pro``."""

    sums: Sums = msgspec.field(default_factory=Sums)


@dataclass
class RevenueTracking(BusinessView[Revenue]):
    """Folds the raw streams into the topic ``revenue_tracking``: an entry for each business, with its currencies.

    Of a currency: ``v`` and ``prev`` over the last 24 whole hours and the 24 before, ``now`` in the hour that goes on, each
    less what was paid back; ``payments`` and their ``average``; ``hours``: start and revenue of the last 48; ``by``: the
    first segment that payments say themselves, such as the plan.
    """

    name: str = "revenue_tracking"
    version: int = 1
    reads: tuple[str, ...] = (CONTROL.name, USER_INTERACTIONS.name, BUSINESS_EVENTS.name, CLOCK.name)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic("revenue_tracking", "upsert"),)

    def empty(self) -> Revenue:
        return Revenue()

    def take(self, view: Revenue, business: Business, rows: Matching, batch: Batch) -> None:
        at = times(batch.table, "time")
        segment = _segment(business)
        for what, match in (("paid", business.revenue), ("refunded", business.refunds)):
            if match is None:
                continue
            for row in np.flatnonzero(rows.where(match, business.where)).tolist():
                amount = rows.column("amount")[row]
                if amount is None:
                    continue
                time, currency = int(at[row]), rows.column("currency")[row] or ""
                view.sums.add(time, f"{what}\t{currency}", amount)
                if what == "paid":
                    view.sums.add(time, f"n\t{currency}", 1)
                if segment:
                    said = rows.value(row, segment)
                    name = f"by\t{currency}\t{'' if said is None else written(said)}"
                    hour = view.sums.hours[time // HOUR * HOUR]
                    if name not in hour and sum(key.startswith("by\t") for key in hour) >= MOST:
                        name = f"by\t{currency}\t{OTHERS}"
                    view.sums.add(time, name, amount if what == "paid" else -amount)

    def prune(self, view: Revenue, now_us: int) -> None:
        view.sums.prune(now_us, KEPT_HOURS)

    def show(self, name: str, business: Business, view: Revenue, now_us: int) -> dict[str, Any]:
        before, since, end = closed(now_us)
        names = view.sums.names(before, end + HOUR)
        currencies = sorted({key.split("\t")[1] for key in names})
        return {
            "title": business.title or name,
            "from": seconds(since),
            "to": seconds(end),
            "segment": _segment(business),
            "currencies": {c: _of_currency(view.sums, c, names, (before, since, end)) for c in currencies},
        }

    def dump(self, state: State[Revenue]) -> bytes:
        return msgspec.msgpack.encode(msgspec.to_builtins(state, str_keys=True), order="deterministic")

    def load(self, data: bytes) -> State[Revenue]:
        return msgspec.convert(msgspec.msgpack.decode(data), State[Revenue], str_keys=True)


def _of_currency(sums: Sums, currency: str, names: set[str], edges: tuple[int, int, int]) -> dict[str, Any]:
    before, since, end = edges

    def net(start: int, stop: int) -> int:
        return sums.between(start, stop, f"paid\t{currency}") - sums.between(start, stop, f"refunded\t{currency}")

    paid, n = sums.between(since, end, f"paid\t{currency}"), sums.between(since, end, f"n\t{currency}")
    by = [key for key in names if key.startswith(f"by\t{currency}\t")]
    rows: list[dict[str, Any]] = [
        {"value": key.split("\t", 2)[2], "v": sums.between(since, end, key), "prev": sums.between(before, since, key)}
        for key in by
    ]
    rows.sort(key=lambda row: (-row["v"], row["value"]))
    return {
        "v": net(since, end),
        "prev": net(before, since),
        "now": net(end, end + HOUR),
        "refunded": sums.between(since, end, f"refunded\t{currency}"),
        "payments": n,
        "average": round(paid / n) if n else None,
        "hours": [
            {"t": seconds(hour), "v": net(hour, hour + HOUR)}
            for hour in range(end - (HOURS - 1) * HOUR, end + HOUR, HOUR)
        ],
        "by": rows[:SHOWN],
    }


def _segment(business: Business) -> str | None:
    return next((segment.of for segment in business.segments if segment.by == "event"), None)


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    yield CellSpec("dashboards", RevenueTracking(), within.tenant, beside=f"{within.tenant}/alert_system/0")


PART = Part("revenue_tracking", cells=_cells)
