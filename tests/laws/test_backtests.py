"""What fired live fires in a backtest of the same rules over the same range, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from actors.alerts.state import Rule
from actors.analyzers.anomaly_watch import AnomalySpec
from actors.backtest import alerting, taken
from actors.backtest.asked import Asked
from actors.backtest.run import TURNS, backtest
from actors.backtest.watching import scored
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
