"""Rules and conditions in a program, without a system."""

from __future__ import annotations

from typing import Any, cast

import pytest

from events.errors import Rejected
from hindcast.engine import AlertRule, AlertSystem

SYSTEM = AlertSystem(cast(Any, None))


@pytest.mark.parametrize(
    ("condition", "data", "holds"),
    [
        ("cpu.mean > threshold", {"cpu.mean": 95}, True),
        ("cpu.mean > threshold", {"cpu": {"mean": 85.0}}, False),
        ("cpu.mean > threshold", {}, False),
        ("errors.count / requests.count > 0.05", {"errors.count": 6, "requests": {"count": 100}}, True),
        ("errors.count / requests.count > 0.05", {"errors.count": 6, "requests.count": 0}, False),
        ("errors.count[1h] > 1 or cpu.mean > 90", {"errors.count": 6, "cpu.mean": 91}, True),
        ("errors.count[1h] > 1", {"errors.count": 6}, False),
    ],
)
def test_a_condition_holds_for_figures_or_does_not(condition: str, data: dict[str, Any], holds: bool) -> None:
    assert SYSTEM.evaluate_condition(condition, data, 90) is holds


def test_a_figure_that_is_no_number_is_refused() -> None:
    with pytest.raises(Rejected, match="must be a number"):
        SYSTEM.evaluate_condition("cpu.mean > 1", {"cpu.mean": "__import__('os')"})


def test_a_message_says_the_figures_and_the_threshold() -> None:
    rule = AlertRule("Errors", "errors.count / requests.count > threshold", 0.05, ("dashboard",))
    said = rule.generate_message({"errors.count": 6, "requests.count": 100})
    assert said == "Errors: errors.count is 6, requests.count is 100, threshold 0.05"
    assert "no figure of it is there" in rule.generate_message({})


def test_a_rule_says_what_it_needs() -> None:
    with pytest.raises(Rejected, match="must be given; a rule has name, condition, threshold, channels") as error:
        SYSTEM.create_alert_rule({"name": "x", "condition": "a.count > 1", "threshold": 1})
    assert error.value.field == "channels"
