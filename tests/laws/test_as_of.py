"""Whatever was answered is answered again, to the last bit, as of the moment of the answer, whatever came since."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from actors.dashboards.alert_system import AlertSystem
from actors.dashboards.user_activity import UserActivity
from actors.definitions.then import definitions_then
from actors.looking_back import view_at
from events.errors import Rejected
from query import as_of
from query.engine import Engine
from query.history import History
from tests.laws.systems import SECOND, System

QUESTIONS = (
    "SELECT metric, key, start, count, sum, mean, revision FROM metrics_latest",
    "SELECT * FROM alerts",
    "SELECT type, avg(value) AS mean, sum(value / 3) AS third, count(*) AS n FROM user_interactions GROUP BY type",
    "SELECT a.rule, count(*) FROM alerts a JOIN metrics m USING (metric) GROUP BY ALL ORDER BY ALL",
    "SELECT * FROM late_rows",
)


class Answered(NamedTuple):
    token: str
    at: int
    answers: list[list[list[Any]]]
    last: list[dict[str, Any]]
    views: dict[tuple[str, str], tuple[int, Mapping[str, Any]]]
    """By cell and topic: its commit, and what it showed."""


class Looking(System):
    """A system with dashboards, and somebody who looks at it now and then and writes down what it says."""

    def __init__(self, seed: int, producers: int) -> None:
        super().__init__(seed, producers, folds=(AlertSystem(), UserActivity()))
        self.answered: list[Answered] = []

    def look(self) -> None:
        for cell in self.cells[3:]:
            cell.advance()
        now = as_of.now(self.log, "t")
        views: dict[tuple[str, str], tuple[int, Mapping[str, Any]]] = {}
        for cell in self.cells[3:]:
            fold: Any = cell.fold
            for topic in fold.topics:
                views[cell.name, topic.name] = cell.seq, copy.deepcopy(fold.view(cell.state, topic.name))
        self.answered.append(Answered(now.token, self.now, self.answers(now), self.newest(now), views))
        self.now += SECOND  # what comes has a later time

    def answers(self, moment: as_of.Moment | None) -> list[list[list[Any]]]:
        return [Engine(self.log).run(sql, tenant="t", moment=moment).rows() for sql in QUESTIONS]

    def newest(self, moment: as_of.Moment) -> list[dict[str, Any]]:
        return History(self.log, "t", moment=moment).last("user_interactions", 7).rows.to_pylist()


def told(shown: Mapping[str, Any]) -> str:
    """A topic as it is sent; the order of its names says nothing."""
    return json.dumps(shown, sort_keys=True)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "producers"), [(1, 1), (2, 3), (4, 3)])
def test_what_was_answered_is_answered_again(seed: int, producers: int) -> None:
    system = Looking(seed, producers)
    system.lives(60, system.look)
    assert len(system.answered) > 2
    assert len({repr(one.answers) for one in system.answered}) > 1
    for then in system.answered:
        by_token = as_of.of_token(system.log, "t", then.token)
        by_time = as_of.at(system.log, "t", then.at, system.now)
        assert by_token.cut == {cell: number for cell, number in by_time.cut.items() if cell in by_token.cut}
        for moment in (by_token, by_time):
            assert system.answers(moment) == then.answers
            assert system.newest(moment) == then.last
        for (cell, topic), (commit, shown) in then.views.items():
            fold = AlertSystem() if "alert_system" in cell else UserActivity()
            assert by_time.cut[cell] == commit
            assert told(view_at(system.log, cell, fold, topic, commit)) == told(shown)


def test_an_answer_carries_its_token() -> None:
    system = System(1, 1)
    system.lives(20)
    sql = "SELECT count(*) FROM user_interactions"
    answer = Engine(system.log).run(sql, tenant="t")
    system.lives(20)
    moment = as_of.of_token(system.log, "t", answer.as_of)
    again = Engine(system.log).run(sql, tenant="t", moment=moment)
    assert (again.rows(), again.as_of) == (answer.rows(), answer.as_of)
    assert Engine(system.log).run(sql, tenant="t").rows() > answer.rows()


def test_valid_at_is_the_same_moment_with_hindsight() -> None:
    system = System(5, 1)
    system.lives(40)
    then = system.now
    system.lives(60)
    sql = "SELECT count(*) FROM user_interactions"
    engine = Engine(system.log)
    known = engine.run(sql, tenant="t", moment=as_of.at(system.log, "t", then, system.now)).rows()[0][0]
    hindsight = engine.run(sql, tenant="t", valid_at=then).rows()[0][0]
    rows = system.live("user_interactions")
    assert hindsight == sum(row["time"].timestamp() * 1e6 <= then for row in rows) > known


def test_definitions_are_those_that_held_then() -> None:
    system = System(1, 1)
    system.lives(5)
    then, before = as_of.now(system.log, "t"), definitions_then(system.log, "t")
    system.says("control", 0, 0, type="rule.removed", subject="many", data="{}", time=system.now)
    assert "rule/many" not in definitions_then(system.log, "t")
    assert definitions_then(system.log, "t", then) == before


def test_a_moment_that_cannot_be_is_refused_and_says_why() -> None:
    system = System(1, 1)
    system.lives(5)
    began = as_of.first_commit(system.log, "t")
    assert began is not None
    with pytest.raises(Rejected, match=r"future.*20\d\d-"):
        as_of.at(system.log, "t", system.now + 1, system.now)
    with pytest.raises(Rejected, match=f"before the first event of this log: it came at {as_of.iso(began)[:10]}"):
        as_of.at(system.log, "t", began - 1, system.now)
    with pytest.raises(Rejected, match="there is none yet"):
        as_of.at(system.log, "nobody", system.now, system.now)
    token = as_of.now(system.log, "t").token
    with pytest.raises(Rejected, match="no cut token"):
        as_of.of_token(system.log, "t", token[:-6])
    with pytest.raises(Rejected, match="another system"):
        as_of.of_token(system.log, "other", token)
    later = as_of.Moment({cell: number + 1 for cell, number in as_of.now(system.log, "t").cut.items()}).token
    with pytest.raises(Rejected, match="before it was restored"):
        as_of.of_token(system.log, "t", later)
