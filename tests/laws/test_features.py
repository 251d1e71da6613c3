"""Features told live are those of history: online at a cut of the log equals offline at that cut, to the last bit.

Rows come late, twice, imported, at one moment, in batches cut at random; features come and go; state is thrown away and
folded anew.
"""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple

import numpy as np
import pytest

from actors.analyzers.features import FeatureKeeper, Told
from actors.backfill import Backfill
from actors.cell import Cell, Limits
from actors.edges.backfill import BackfillWorker
from analytics.features import kernel
from analytics.features.kernel import Points
from analytics.features.plan import FOLDS
from events.catalog import CONTROL, USER_INTERACTIONS, rows
from events.entry import encode
from events.log import Commit, Output
from events.memory_log import MemoryLog
from query import as_of
from query.features import planning
from query.features.gathering import gather
from query.features.schema import FeatureRule

DAY = 86_400_000_000
BEGIN = 1_790_000_000_000_000
PRODUCERS = ("t/user_interactions/1", "t/user_interactions/0", "t/imports/0")
SUBJECTS = [*(f"c{n}" for n in range(7)), "pro"]


class Longest:
    """The longest pause between two events, in hours."""

    def initial(self) -> tuple[int, int]:
        return 0, 0

    def step(self, state: tuple[int, int], time_us: int, value: Any) -> tuple[int, int]:
        last, longest = state
        return time_us, max(longest, time_us - last) if last else 0

    def result(self, state: tuple[int, int], at_us: int) -> float | None:
        return state[1] / 3_600_000_000 if state[0] else None


FOLDS["longest_pause"] = Longest
RULES: list[dict[str, Any]] = [
    {"name": "user.events", "aggregate": "count"},
    {"name": "user.first", "aggregate": "days_since_first"},
    {"name": "behavioral.events_3d", "aggregate": "count", "window": "3d"},
    {"name": "behavioral.orders_7d", "aggregate": "count", "event": "order", "window": "7d"},
    {"name": "behavioral.spent", "aggregate": "sum", "of": "value", "event": "order"},
    {"name": "behavioral.mean_5d", "aggregate": "mean", "of": "value", "window": "5d"},
    {"name": "behavioral.pages", "aggregate": "distinct", "of": "path", "event": "page"},
    {"name": "behavioral.plans_4d", "aggregate": "distinct", "of": "plan", "window": "4d"},
    {"name": "behavioral.active_6d", "aggregate": "days_active", "window": "6d"},
    {"name": "behavioral.pause", "fold": "longest_pause", "event": ["page", "order"], "window": "6d"},
    {"name": "contextual.plan", "aggregate": "last", "of": "plan"},
    {"name": "contextual.value", "aggregate": "last", "of": "value", "number": True, "window": "9d"},
    {"name": "temporal.idle", "aggregate": "days_since"},
    {"name": "temporal.hour", "calendar": "hour"},
    {"name": "temporal.trend", "expression": "behavioral.events_3d / (1 + user.events)"},
    {"name": "behavioral.pro", "aggregate": "count", "where": [{"name": "plan", "value": "pro"}], "window": "2d"},
    {"name": "behavioral.by_plan", "aggregate": "count", "key": "plan"},
]


class Looked(NamedTuple):
    token: str
    at: int
    told: Told
    rules: list[FeatureRule]


class World:
    """A log, those who write to it, and the fold that follows."""

    def __init__(self, seed: int, **bounds: int) -> None:
        self.log, self.chance, self.now = MemoryLog(), random.Random(seed), BEGIN
        self.bounds = bounds
        self.rules: dict[str, dict[str, Any]] = {}
        self.looked: list[Looked] = []
        self.written: list[dict[str, Any]] = []
        self.restart()
        self.backfill = Cell(Backfill(), self.log, tenant="t", now=lambda: self.now)
        self.backfill.recover()
        self.worker = BackfillWorker(self.backfill, self.log)

    def restart(self) -> None:
        limits = Limits(read_bytes=self.chance.choice((1, 4 << 20)), snapshot_rows=self.chance.choice((40, 10**6)))
        self.cell = Cell(FeatureKeeper(**self.bounds), self.log, tenant="t", now=lambda: self.now, limits=limits)
        self.cell.recover()

    def put(self, cell: str, stream: Any, columns: dict[str, Any], n: int) -> None:
        lease = self.log.acquire(cell, [stream.name])
        output = Output(stream.name, encode(stream, rows(stream, columns, n)))
        self.log.commit(lease, Commit(lease.commit, f"{lease.epoch}".encode(), self.now, outputs=(output,)))

    def define(self, name: str, spec: dict[str, Any] | None) -> None:
        if spec is None:
            self.rules.pop(name, None)
        else:
            self.rules[name] = FeatureRule.model_validate(spec).model_dump(mode="json")
        said = {"spec": self.rules.get(name), "owner": "api", "by": "ada"}
        type_ = "feature.removed" if spec is None else "feature.defined"
        columns = {
            "id": f"{name}-{self.now}",
            "type": type_,
            "subject": name,
            "time": self.now,
            "data": json.dumps(said),
        }
        self.put("t/control/0", CONTROL, columns, 1)

    def some(self) -> dict[str, Any]:
        """A row: now and then late, of the future, without a subject, one that came before, or imported history."""
        chance = self.chance
        if self.written and chance.random() < 0.1:
            return {**chance.choice(self.written), "received": self.now}
        behind = chance.choice((0, 0, 0, 1, 3_600_000_000, 2 * DAY, 8 * DAY, -DAY))
        told: dict[str, Any] = {}
        if chance.random() < 0.6:
            told["plan"] = chance.choice(("free", "pro", "team", None, 7))
        told["path"] = chance.choice(("/a", "/b", "/c"))
        row = {
            "id": f"e{len(self.written)}",
            "type": chance.choice(("page", "order", "click")),
            "subject": chance.choice((*SUBJECTS, None)),
            "time": (self.now - behind) // 3_600_000_000 * 3_600_000_000,
            "received": self.now,
            "value": chance.choice((None, 0.1, 0.7, 1e9, -3.3)),
            "properties": json.dumps(told),
        }
        self.written.append(row)
        return row

    def live(self) -> None:
        self.now += self.chance.choice((1_000_000, 3_600_000_000, DAY))
        producer = self.chance.choice(PRODUCERS)
        told = [self.some() for _ in range(self.chance.randrange(1, 12))]
        if producer == PRODUCERS[2]:  # imported: known since it happened
            told = [{**row, "received": min(row["time"], self.now)} for row in told]
        columns = {name: [row[name] for row in told] for name in told[0]}
        self.put(producer, USER_INTERACTIONS, columns, len(told))

    def catch_up(self) -> None:
        for _ in range(200):
            moved = self.cell.advance()
            told = self.backfill.advance()
            if not all(job.done for job in self.backfill.state.values()):
                self.worker.step()
            elif not moved and not told and not self.cell.advance():
                break

    def look(self) -> None:
        while self.cell.advance():
            pass
        told = self.cell.fold.tell(self.cell.state, SUBJECTS, self.now)
        rules = [FeatureRule.model_validate(spec) for spec in self.rules.values()]
        self.looked.append(Looked(as_of.now(self.log, "t").token, self.now, told, rules))


def history(log: MemoryLog, looked: Looked) -> dict[str, list[Any]]:
    """The features as history has them at that cut."""
    plan = planning.plan(looked.rules)
    moment = as_of.of_token(log, "t", looked.token)
    found = gather(log, "t", moment, plan.events)
    numbers = [found.subjects.number(name) for name in SUBJECTS]
    points = Points(np.array(numbers, np.int64), np.full(len(numbers), looked.at, np.int64))
    columns = kernel.features(plan, found.happened, points)
    return {
        name: [None if v != v else v for v in (c.tolist() if hasattr(c, "tolist") else c)]
        for name, c in columns.items()
    }


def check(world: World) -> None:
    for looked in world.looked:
        then = history(world.log, looked)
        assert set(looked.told.columns) == set(then)
        gone = [n for n, subject in enumerate(SUBJECTS) if subject in looked.told.gone]
        for name, column in looked.told.columns.items():
            if name in looked.told.lacking:
                continue
            for n, (online, offline) in enumerate(zip(column, then[name], strict=True)):
                assert n in gone or (online, type(online)) == (offline, type(offline)), (name, SUBJECTS[n])


@pytest.mark.parametrize("seed", range(3))
def test_online_at_a_cut_is_offline_at_that_cut(seed: int) -> None:
    world = World(seed)
    for rule in RULES:
        world.define(rule["name"], rule)
    world.look()
    for _ in range(60):
        world.live()
        if world.chance.random() < 0.3:
            world.look()
        if world.chance.random() < 0.1:
            world.restart()
    world.look()
    assert not world.looked[-1].told.lacking
    assert not world.looked[-1].told.gone
    check(world)
    assert any(v for v in world.looked[-1].told.columns["behavioral.pause"])


@pytest.mark.parametrize("seed", range(2))
def test_features_that_come_later_and_change_have_their_past(seed: int) -> None:
    world = World(100 + seed)
    later = [*RULES]
    world.chance.shuffle(later)
    for _ in range(40):
        world.live()
        if later and world.chance.random() < 0.6:
            rule = later.pop()
            if not set(FeatureRule.model_validate(rule).needs) <= set(world.rules):
                later.insert(0, rule)
            else:
                world.define(rule["name"], rule)
        if world.chance.random() < 0.2:  # a longer window needs what was let go
            world.define("behavioral.events_3d", {**RULES[2], "window": world.chance.choice(("1d", "20d"))})
        if world.chance.random() < 0.1 and "behavioral.pro" in world.rules:
            world.define("behavioral.pro", None)
        if world.chance.random() < 0.2:
            world.look()
        if world.chance.random() < 0.2:
            world.catch_up()
    world.catch_up()
    world.look()
    assert world.looked[-1].told.lacking == []
    check(world)


@pytest.mark.parametrize("seed", range(2))
def test_what_is_let_go_is_said_and_the_rest_is_right(seed: int) -> None:
    world = World(200 + seed, most_events=60, most_bytes=4_000, room_every=16)
    for rule in RULES:
        world.define(rule["name"], rule)
    world.look()
    for _ in range(80):
        world.live()
        if world.chance.random() < 0.3:
            world.look()
    world.look()
    check(world)
    assert any(0 < len(looked.told.gone) < len(SUBJECTS) for looked in world.looked)
    for kept in world.cell.state.saved.kept:
        assert kept.group.size < 2 * 4_000


def test_with_windows_alone_nobody_is_let_go_for_what_is_long_ago() -> None:
    world = World(300, most_events=400, room_every=16)
    for rule in RULES:
        if "window" in rule:
            world.define(rule["name"], rule)
    world.look()
    for _ in range(150):
        world.live()
        if world.chance.random() < 0.1:
            world.look()
    world.look()
    assert len(world.written) > 500
    assert not any(looked.told.gone for looked in world.looked)
    check(world)
