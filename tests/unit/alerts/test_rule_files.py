"""Rules in files: their unit tests, what lint says of them, and the example that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from actors.backtest.rule_tests import failures, read
from events.errors import Rejected
from hindcast.cli import main

EXAMPLE = Path(__file__).parents[3] / "examples" / "rules" / "orders.yaml"
RULE = {"name": "many", "condition": "errors.count > threshold", "threshold": 5, "for_s": 10}


def wrong_in(count: object, *expect: dict[str, Any], rule: dict[str, Any] = RULE) -> list[str]:
    document = {
        "alerts": [rule],
        "tests": [{"samples": [{"metric": "errors", "count": count}], "expect": list(expect)}],
    }
    return [failure.said for failure in failures(*read(document))]


def expected(at: str, state: str, **more: str) -> dict[str, Any]:
    return {"at": at, "rule": "many", "state": state, **more}


def test_a_test_says_when_each_alert_is_in_which_state() -> None:
    right = [expected("10s", "ok"), expected("20s", "pending"), expected("30s", "firing"), expected("40s", "ok")]
    assert wrong_in("0 8 8 0", *right) == []
    assert wrong_in("0 8 0 0", *right) == [
        "at 30s 'many' is ok, not firing",
    ]


def test_a_value_may_be_repeated_or_missing() -> None:
    assert wrong_in("8*3 _ 0", expected("30s", "firing"), expected("40s", "ok")) == []


@pytest.mark.parametrize(
    ("count", "expect", "why"),
    [
        ("1 two", expected("10s", "ok"), "has 'two'"),
        ("1", expected("10m", "ok"), "is after the last sample"),
        ("1", {**expected("10s", "ok"), "rule": "mny"}, "did you mean 'many'"),
        ("1", expected("10s", "on"), "ok"),
        ("9*999999", expected("10s", "ok"), "more than"),
    ],
)
def test_a_test_that_says_nothing_sure_is_refused(count: str, expect: dict[str, Any], why: str) -> None:
    with pytest.raises(Rejected, match=why):
        wrong_in(count, expect)


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(main, ["rules", *words])
    return found.exit_code, found.output


def test_the_example_passes_its_own_tests_and_is_clean() -> None:
    assert run("test", str(EXAMPLE)) == (0, "4 of 4 tests passed\n")
    code, said = run("lint", str(EXAMPLE))
    assert (code, "2 rules, 0 errors" in said) == (0, True), said


def test_a_test_that_fails_is_named_and_lint_says_what_can_never_fire(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace("threshold: 0.05", "threshold: 0.5").replace("orders.count <", "ordrs.count <")
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    code, said = run("test", str(file))
    assert (code, "many are, until nearly none is left: at 2m 'Orders fail' is ok, not firing" in said) == (1, True), (
        said
    )
    code, said = run("lint", str(file))
    assert (code, "did you mean 'orders'" in said) == (1, True), said
    assert run("lint", str(tmp_path / "none.yaml"))[0] != 0
