"""Eight weeks of both platforms before the demo began: growth, days and weeks, a campaign, an outage, people who leave.

The people and what they do are those of the live simulation (``hindcast.simulator.world``); only how busy it is changes with
the weeks. The same seed and end give the same rows, so whoever was interrupted makes them again and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
import pyarrow as pa

from events.stream import TIME
from hindcast.simulator.course import CoursePlatform
from hindcast.simulator.saas import MarketingPlatform
from hindcast.simulator.stage import Incident, Kind, Script, Stage, Step, Trouble
from hindcast.simulator.world import COURSE, SAAS

DAY_S = 86_400.0
WEEKS = 8
EVENTS = 2_000_000
"""About so many in all."""
FIRST_WEEK = 0.4
"""How busy the first week is, measured by the last one; the weeks between grow evenly."""
MEAN = (1 + FIRST_WEEK) / 2
CAMPAIGN_DAYS = (38.0, 41.0)
CAMPAIGN = 1.5
OUTAGE_S = 2.5 * 3600
ROWS = 20_000
_EVERY_S = 26 * 3600.0
"""About how often something goes wrong for an hour at most, besides the outage."""
_NAMES: dict[Kind, str] = {"page": "page.viewed", "identify": "user.identified", "group": "user.grouped"}


@dataclass(frozen=True, slots=True)
class History:
    """What is simulated: ``end_us`` is where it ends and live begins, µs UTC."""

    seed: int
    end_us: int
    weeks: float = WEEKS
    events: int = EVENTS

    @property
    def name(self) -> str:
        """What the import of it is called."""
        return f"demo-past-{self.seed}-{self.end_us}-{self.weeks:g}-{self.events}"

    @property
    def seconds(self) -> float:
        return self.weeks * 7 * DAY_S

    @property
    def rate(self) -> float:
        """Events a second at its end, on average over a week: the rhythm at which live goes on."""
        return self.events / self.seconds / MEAN

    def tables(self) -> Iterator[pa.Table]:
        """Its rows, in the order of time, as an import takes them: up to 20,000 at once."""
        rows = _Rows(self.name)
        stage = Stage(Random(f"{self.seed}/past"), self.end_us - int(self.seconds * 1e6), tide=self._tide())
        for source, kind, kwargs in self._perform(stage):
            if stage.now_s >= self.seconds:
                break
            if source == COURSE and stage.suffers("quiet") and stage.chance.random() < 0.9:
                continue
            rows.add(stage.now_us, source, kind, kwargs)
            if rows.count % ROWS == 0:
                yield rows.table()
        if rows.ids:
            yield rows.table()

    def _perform(self, stage: Stage) -> Iterator[tuple[str, Kind, dict[str, Any]]]:
        course, saas, rate = CoursePlatform(stage, COURSE), MarketingPlatform(stage, SAAS), self.rate
        spending = 1 / 30 / 40 * rate  # as often, measured by all else, as live at its busiest
        for source, script in (
            (COURSE, course.open(rate / 2)),
            (COURSE, course.trouble(rate)),
            (SAAS, saas.open(rate / 2)),
            (SAAS, saas.trouble(rate)),
            (SAAS, saas.advertise(spending)),
            (COURSE, _calendar(stage, self.seconds)),
        ):
            stage.play(source, script)
        return stage.perform()

    def _tide(self) -> Callable[[float], float]:
        begin, end = (self.seconds * day / (WEEKS * 7) for day in CAMPAIGN_DAYS)

        def tide(now_s: float) -> float:
            grown = FIRST_WEEK + (1 - FIRST_WEEK) * min(1.0, now_s / self.seconds)
            return min(1.0, grown * CAMPAIGN) if begin <= now_s < end else grown

        return tide


def _calendar(stage: Stage, seconds: float) -> Script:
    """What goes wrong: the API is down for hours once, and about once a day something for some minutes."""
    chance, outage = stage.chance, seconds * 0.62
    for at in _moments(chance, seconds):
        if at > outage >= stage.now_s:
            stage.incident = Incident("api", outage, outage + min(OUTAGE_S, seconds / 20))
            yield Step(stage.incident.end_s - stage.now_s)
        trouble: Trouble = chance.choice(("checkout", "api", "quiet", "campaign"))
        begin = max(at, stage.now_s)
        stage.incident = Incident(trouble, begin, begin + chance.uniform(120, 1200))
        yield Step(max(0.0, stage.incident.end_s - stage.now_s))


def _moments(chance: Random, seconds: float) -> Iterator[float]:
    at = chance.expovariate(1 / _EVERY_S)
    while at < seconds:
        yield at
        at += chance.expovariate(1 / _EVERY_S)


Call = tuple[int, str, Kind, dict[str, Any]]
"""When (µs UTC), on which platform, and what the SDK is called with."""


def rows_of(name: str, calls: Iterable[Call]) -> pa.Table:
    """Calls of the SDK as the rows that the door makes of them."""
    rows = _Rows(name)
    for call in calls:
        rows.add(*call)
    return rows.table()


class _Rows:
    """Rows that were not handed out yet, by column."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.count = 0
        self._clear()

    def _clear(self) -> None:
        self.ids: list[str] = []
        self._columns: dict[str, list[object]] = {
            name: [] for name in ("source", "type", "subject", "anonymous_id", "time", "data")
        }

    def add(self, at_us: int, source: str, kind: Kind, kwargs: dict[str, Any]) -> None:
        """A call of the SDK, as the row that the door makes of it."""
        data = kwargs.get("traits") or kwargs.get("properties") or {}
        if kind == "page" and "name" in kwargs:
            data = {**data, "name": kwargs["name"]}
        elif kind == "group":
            data = {**data, "groupId": kwargs["group_id"]}
        columns = self._columns
        columns["source"].append(source)
        columns["type"].append(kwargs["event"] if kind == "track" else _NAMES[kind])
        columns["subject"].append(kwargs.get("user_id") or kwargs.get("anonymous_id"))
        columns["anonymous_id"].append(kwargs.get("anonymous_id"))
        columns["time"].append(at_us)
        columns["data"].append(orjson.dumps(data))
        self.ids.append(f"{self._name}-{self.count}")
        self.count += 1

    def table(self) -> pa.Table:
        columns = self._columns
        found = pa.table(
            {
                "id": pa.array(self.ids, pa.string()),
                "source": pa.array(columns["source"], pa.string()).dictionary_encode(),
                "type": pa.array(columns["type"], pa.string()).dictionary_encode(),
                "subject": pa.array(columns["subject"], pa.string()),
                "anonymous_id": pa.array(columns["anonymous_id"], pa.string()),
                "time": pa.array(columns["time"], pa.int64()).cast(TIME),
                "data": pa.array(columns["data"], pa.binary()).cast(pa.string()),
            }
        )
        self._clear()
        return found
