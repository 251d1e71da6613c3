"""The condition language, and what its errors say; the four states of an alert as a story."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.rules import ParseError, Phase, Verdict, judge, parse


@pytest.mark.parametrize(
    ("condition", "verdicts"),
    [
        ("cpu.percent.mean > threshold", "fine fine breached unknown"),
        ("cpu.percent.mean >= threshold", "fine breached breached unknown"),
        ("cpu.percent.mean != 90", "breached fine breached unknown"),
        ("cpu.percent.mean < 90 or cpu.percent.count == 3", "breached fine breached unknown"),
        ("cpu.percent.mean > 80 and cpu.percent.count < 3 or cpu.percent.mean < 85", "breached breached fine unknown"),
        ("cpu.percent.mean > 95 or cpu.percent.count == 4", "fine fine breached breached"),
        ("cpu.percent.mean > 95 and cpu.percent.count == 3", "fine fine breached fine"),
    ],
)
def test_conditions(condition: str, verdicts: str) -> None:
    """The last sample has no mean: what depends on it is unknown, and nothing else is."""
    columns = {"mean": np.array([80.0, 90.0, 100.0, np.nan]), "count": np.array([1.0, 2.0, 3.0, 4.0])}
    found = parse(condition).verdicts(columns, 90.0)
    assert " ".join(Verdict(v).name.lower() for v in found.tolist()) == verdicts
    samples = [{name: column[i] for name, column in columns.items() if column[i] == column[i]} for i in range(4)]
    assert [parse(condition).verdict(sample, 90.0) for sample in samples] == found.tolist()


def test_a_condition_may_be_about_one_key() -> None:
    condition = parse('cpu-total.percent.p99{key="web 1"} > -1.5e3')
    assert (condition.metric, condition.key) == ("cpu-total.percent", "web 1")
    assert condition.shown.bound == -1500.0


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 0, "metric.aggregate"),
        ("cpu.percent > 3", 0, "a metric followed by one of"),
        ("cpu.mean", 8, "one of >="),
        ("cpu.mean > ", 10, "a number or `threshold`"),
        ("cpu.mean > high", 11, "a number or `threshold`"),
        ("cpu.mean > 3 xor cpu.max > 3", 13, "`and`, `or` or the end"),
        ("cpu.mean > 3 and mem.max > 3", 17, "the same metric"),
        ("cpu.mean > 3; import os", 12, "expected"),
        ("__import__('os').count > 1", 10, "expected"),
    ],
)
def test_errors_say_where_and_what_was_expected(text: str, position: int, says: str) -> None:
    with pytest.raises(ParseError, match="expected") as error:
        parse(text)
    assert says in str(error.value)
    assert error.value.position in (position, position + 1)


def test_the_life_of_an_alert() -> None:
    phase, story = Phase.OK, []
    for at, breached in ((0, False), (10, True), (20, True), (70, True), (80, True), (90, False), (95, False)):
        phase = judge(phase, breached, 10, at, 60)
        story.append(phase.name)
    assert story == ["OK", "PENDING", "PENDING", "FIRING", "FIRING", "RESOLVED", "RESOLVED"]
    assert judge(Phase.PENDING, False, 10, 20, 60) is Phase.OK
    assert judge(Phase.OK, True, 10, 10, 0) is Phase.FIRING
