"""What fired live fires in a backtest of the same rules over the same range, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from actors.alerts.state import Rule
from actors.analyzers.anomaly_watch import AnomalySpec
from actors.backtest import alerting, run, taken
from actors.backtest.asked import Asked
from actors.backtest.run import TURNS, backtest
from actors.backtest.watching import scored
from events.errors import Rejected
from query.as_of import iso
from tests.laws.feeds import BASE_US
from tests.laws.systems import RULES, WATCHES, System

COLUMNS = ("type", "alert", "rule", "severity", "metric", "key", "value", "threshold", "message", "by")


def by_rule(found: Sequence[dict[str, Any]]) -> dict[str, list[tuple[Any, ...]]]:
    """The turns of each rule, in order, to the last bit; who was told of them is another matter."""
    turns: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        if row["type"] not in TURNS:
            continue
        turns.setdefault(row["rule"], []).append((row["time"], *(repr(row[name]) for name in COLUMNS)))
    return turns


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("producers", "block"), [(1, 50_000), (1, 60), (3, 7), (3, 200)])
def test_live_turns_and_backtest_turns_are_equal(seed: int, producers: int, block: int) -> None:
    """With late rows, any cuts, silences that last, gauges that fall silent, and acknowledgements in between."""
    system = System(seed, producers)
    system.lives(120)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(taken, "BLOCK_ROWS", block)
        rules = [Rule(**rule) for rule in RULES]
        groups = alerting.grouped(rules, {"events", "orders"})
        assert len(groups) == 5
        found = alerting.evaluated(system.log, "t", groups, {"events", "orders"})
    assert by_rule(found.turns.to_pylist()) == by_rule(system.live("alerts"))


@pytest.mark.slow
def test_the_lives_of_that_law_are_full_of_turns() -> None:
    kinds: set[str] = set()
    for seed in range(6):
        system = System(seed, 1 + 2 * (seed % 2))
        system.lives(120)
        kinds |= {f"{row['rule']} {row['type']}" for row in system.live("alerts")}
        kinds |= {row["message"].partition("(")[2] for row in system.live("alerts")}
    turns = {kind.rpartition(" ")[2] for kind in kinds}
    assert turns >= {
        "alert.pending",
        "alert.fired",
        "alert.resolved",
        "alert.calmed",
        "alert.revised",
        "alert.acknowledged",
    }
    assert {kind.split(" ")[0] for kind in kinds} >= {rule["name"] for rule in RULES}
    assert "no data for 10 minutes)" in kinds
    assert "late rows)" in kinds


@pytest.mark.parametrize(("seed", "producers"), [(1, 1), (2, 3), (3, 3)])
def test_a_watch_scores_in_a_backtest_what_it_scored_live(seed: int, producers: int) -> None:
    system = System(seed, producers)
    system.lives(120)
    watches = [AnomalySpec.of_said(spec) for spec in WATCHES]
    again = [row for _, part in scored(system.log, "t", watches) for row in part.to_pylist()]
    live = system.live("anomalies")
    for watch in watches:
        mine = [[row for row in rows_ if row["metric"] == watch.metric] for rows_ in (again, live)]
        assert repr(mine[0]) == repr(mine[1])


def test_the_answer_of_a_backtest_of_the_rules_that_hold_is_what_happened() -> None:
    system = System(3, 3)
    system.lives(150)
    answer = backtest(system.log, "t", Asked.model_validate({"limit": 100_000}))
    live = [row for row in system.live("alerts") if row["type"] in TURNS]
    assert len(answer["timeline"]) == len(live) > 50
    assert answer["pages"] == sum(row["type"] == "alert.fired" for row in live) > 5
    assert answer["pages"] == answer["against"]["pages"]
    assert answer["difference"] == {"both": answer["pages"], "only_here": [], "only_there": []}
    assert answer["samples"] > 0


def test_other_settings_are_compared_with_what_happened() -> None:
    system = System(3, 1)
    system.lives(150)
    rules = [{"name": "many", "condition": "events.count > threshold", "threshold": 1_000_000}]
    answer = backtest(system.log, "t", Asked.model_validate({"rules": rules}))
    assert answer["pages"] == 0
    fired = [row for row in system.live("alerts") if row["rule"] == "many" and row["type"] == "alert.fired"]
    assert answer["against"]["pages"] == len(fired) > 0
    assert len(answer["difference"]["only_there"]) == len(fired)


def test_divided_work_gives_the_same_answer() -> None:
    system = System(11, 3)
    system.lives(100)
    asked = Asked.model_validate({"against": {"set": {"for_s": 0}}})
    ways: list[int] = []

    def runs(parts: Sequence[Any]) -> list[Any]:
        ways.append(len(parts))
        return [part.run(system.log) for part in parts]

    assert backtest(system.log, "t", asked, parts=3, runs=runs) == backtest(system.log, "t", asked)
    assert ways == [3, 3]


BROUGHT = {"name": "happened", "stream": "user_interactions", "width_s": 10, "lateness_s": 30, "sketches": False}


@pytest.mark.parametrize("seed", range(2))
def test_a_metric_that_is_brought_along_is_counted_as_it_would_have_been(seed: int) -> None:
    system = System(seed, 1)
    system.lives(120)
    rule = {**RULES[0], "name": "many", "condition": "happened.count > threshold"}
    answer = backtest(system.log, "t", Asked.model_validate({"rules": [rule], "metrics": [BROUGHT], "limit": 100_000}))
    live = sorted((row for row in system.live("alerts") if row["rule"] == "many"), key=lambda row: row["time"])

    def turns(found: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [(row["type"], row["value"], row["threshold"]) for row in found]

    assert turns(answer["timeline"]) == turns(live)
    assert answer["pages"] == answer["difference"]["both"] > 0
    assert answer["samples"] > 0


def test_a_metric_that_is_brought_along_takes_the_place_of_one_of_its_name() -> None:
    system = System(1, 1)
    system.lives(120)
    rule = {"name": "any", "condition": "orders.count > threshold", "threshold": 0}
    other = {"name": "orders", "stream": "user_interactions", "types": ["nothing.such"]}
    asked = {"rules": [rule], "metrics": [other]}
    assert backtest(system.log, "t", Asked.model_validate({"rules": [rule]}))["pages"] > 0
    assert backtest(system.log, "t", Asked.model_validate(asked))["pages"] == 0


def test_metrics_that_cannot_be_counted_are_refused() -> None:
    system = System(1, 1)
    family = {"name": "{type}", "stream": "user_interactions"}
    with pytest.raises(Rejected, match="names a metric for each value"):
        backtest(system.log, "t", Asked.model_validate({"metrics": [family]}))
    with pytest.raises(Rejected, match="define them first"):
        backtest(system.log, "t", Asked.model_validate({"fold": "anomaly", "metrics": [BROUGHT]}))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("metrics", [[], [BROUGHT]], ids=["told", "counted"])
def test_only_what_can_matter_to_a_span_is_read_and_the_answer_is_the_same(seed: int, metrics: list[Any]) -> None:
    """A span that begins and ends within a life: rows of before and after are not looked at, turns are as they were."""
    system = System(seed, 1)
    system.lives(400)
    rules = [{**RULES[0], "condition": "happened.count > threshold"} if metrics else dict(RULES[0])]
    begun, ended = BASE_US, system.now
    start, end = begun + (ended - begun) * 6 // 10, begun + (ended - begun) * 8 // 10
    asked = {"rules": rules, "metrics": metrics, "limit": 100_000}
    within = {**asked, "from": iso(start), "to": iso(end)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "LEAD_S", 1_200.0)
        patch.setattr(run, "AFTER_S", 800.0)
        found = backtest(system.log, "t", Asked.model_validate(within))
    every = backtest(system.log, "t", Asked.model_validate(asked))
    assert 0 < found["samples"] < every["samples"]
    wanted = [turn for turn in every["timeline"] if iso(start) <= turn["time"] <= iso(end)]
    shown = ("time", "type", "value")
    assert [[turn[name] for name in shown] for turn in found["timeline"]] == [
        [t[name] for name in shown] for t in wanted
    ]
