"""Campaign performance: what became of each campaign so far, live: sent, opened, clicked, converted, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from actors.columns import times
from actors.dashboards.buckets import SECOND
from actors.dashboards.businesses import BusinessView, State
from actors.dashboards.matching import Matching, number_of, written
from actors.fold import Batch, Topic
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.catalog import CLOCK, CONTROL, USER_INTERACTIONS
from events.collected import BUSINESS_EVENTS, EMAIL_CAMPAIGNS
from query.business.meaning import Business, Counting

COUNTS = ("sent", "opened", "clicked", "converted")
MOST = 1_000
"""Campaigns of a business that are kept: those of which something was heard last."""
SHOWN = 100


class Campaign(msgspec.Struct):
    """Counts of events, or what reports said; ``spend`` in minor units by currency; ``t``: of its newest event, us."""

    counts: dict[str, int] = {}
    spend: dict[str, int] = {}
    t: int = 0


class Campaigns(msgspec.Struct):
    campaigns: dict[str, Campaign] = {}


@dataclass
class CampaignPerformance(BusinessView[Campaigns]):
    """Folds the raw streams into the topic ``campaign_performance``: of each business its ``rows``, the newest first.

    A row: ``campaign``, ``sent``, ``opened``, ``clicked``, ``converted`` (None where the business says nothing of it), the
    rates ``open_rate`` (of sent), ``click_rate`` (of opened) and ``conversion_rate`` (of clicked), ``spend`` by currency
    and ``cost_per_acquisition``, each with the counts beside it. A repeated opening counts again, so a rate may exceed 1.
    """

    name: str = "campaign_performance"
    version: int = 1
    reads: tuple[str, ...] = (
        CONTROL.name,
        USER_INTERACTIONS.name,
        EMAIL_CAMPAIGNS.name,
        BUSINESS_EVENTS.name,
        CLOCK.name,
    )
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic("campaign_performance", "upsert"),)

    def empty(self) -> Campaigns:
        return Campaigns()

    def take(self, view: Campaigns, business: Business, rows: Matching, batch: Batch) -> None:
        said = business.campaigns
        if said is None:
            return
        at = times(batch.table, "time")
        changes: list[tuple[int, str, int, str]] = []
        for name in COUNTS:
            match: Counting | None = getattr(said, name)
            if match is not None:
                for row in np.flatnonzero(rows.where(match, business.where)).tolist():
                    number = 1 if match.of is None else number_of(rows.value(row, match.of))
                    if number is not None and abs(number) < 2**53:
                        changes.append((row, name, round(number), ""))
        if said.spend is not None and "amount" in batch.table.schema.names:
            for row in np.flatnonzero(rows.where(said.spend, business.where)).tolist():
                amount = rows.column("amount")[row]
                if amount is not None:
                    changes.append((row, "spend", amount, rows.column("currency")[row] or ""))
        changes.sort(key=lambda change: change[0])  # in the order of the rows, however they were cut
        for row, name, number, currency in changes:
            campaign = rows.value(row, said.of)
            if campaign is not None:
                self._add(view, written(campaign), int(at[row]), name, number, currency)

    def _add(self, view: Campaigns, campaign: str, at_us: int, name: str, number: int, currency: str) -> None:
        known = view.campaigns.pop(campaign, None) or Campaign()
        view.campaigns[campaign] = known  # the last one of which something was heard
        known.t = max(known.t, at_us)
        if name == "spend":
            known.spend[currency] = known.spend.get(currency, 0) + number
        else:
            known.counts[name] = known.counts.get(name, 0) + number
        if len(view.campaigns) > MOST:
            del view.campaigns[next(iter(view.campaigns))]

    def prune(self, view: Campaigns, now_us: int) -> None:
        """Nothing gets too old: the oldest go where there are too many."""

    def show(self, name: str, business: Business, view: Campaigns, now_us: int) -> dict[str, Any]:
        said = business.campaigns
        named = [] if said is None else [count for count in COUNTS if getattr(said, count) is not None]
        newest = list(view.campaigns.items())[-SHOWN:]
        rows = [_row(campaign, one, named) for campaign, one in reversed(newest)]
        totals = {count: sum(row[count] for row in rows) for count in named}
        return {"title": business.title or name, "rows": rows, "total": totals, "campaigns": len(view.campaigns)}

    def dump(self, state: State[Campaigns]) -> bytes:
        return msgspec.msgpack.encode(msgspec.to_builtins(state, str_keys=True))  # in the order of the state: of news

    def load(self, data: bytes) -> State[Campaigns]:
        return msgspec.convert(msgspec.msgpack.decode(data), State[Campaigns], str_keys=True)


def _row(campaign: str, one: Campaign, named: Sequence[str]) -> dict[str, Any]:
    counts = {name: one.counts.get(name, 0) if name in named else None for name in COUNTS}
    acquired = counts["converted"]
    return {
        "campaign": campaign,
        **counts,
        "open_rate": _rate(counts["opened"], counts["sent"]),
        "click_rate": _rate(counts["clicked"], counts["opened"]),
        "conversion_rate": _rate(acquired, counts["clicked"]),
        "spend": dict(sorted(one.spend.items())),
        "cost_per_acquisition": {c: _rate(spent, acquired) for c, spent in sorted(one.spend.items())},
        "t": one.t / SECOND,
    }


def _rate(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    yield CellSpec("dashboards", CampaignPerformance(), within.tenant, beside=f"{within.tenant}/alert_system/0")


PART = Part("campaign_performance", cells=_cells)
