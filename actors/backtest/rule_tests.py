"""Unit tests of rules in YAML: series as they come, window by window, and what is to fire when. The live fold judges.

alerts: rules.yaml                  # or the rules themselves
tests:
  - name: a few errors are no alert
    samples:
      - {metric: errors, count: 0 1 0 8*3 0}
    expect:
      - {at: 40s, rule: Many errors, state: ok}
      - {at: 60s, rule: Many errors, state: firing}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actors.alerts.definition import RuleFields
from actors.alerts.evaluator import AlertEvaluator
from actors.alerts.state import Rule, State
from actors.backtest.asked import micros
from actors.fold import Batch
from analytics.rules import AGGREGATES, Phase
from events.catalog import CLOCK, METRICS, rows
from events.entry import EntryHeader
from events.errors import Rejected
from events.nearest import did_you_mean

MONDAY = datetime.fromisoformat("2026-01-05T00:00:00Z")
MOST_WINDOWS = 100_000
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
STATES = {Phase.OK: "ok", Phase.RESOLVED: "ok", Phase.PENDING: "pending", Phase.FIRING: "firing"}
Values = Annotated[str, Field(min_length=1, max_length=20_000)]


class Samples(BaseModel):
    """One series: of each aggregate a value for each window, ``_`` where there is none; ``8*3`` is three times 8."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    metric: str
    key: str = ""
    count: Values | None = None
    sum: Values | None = None
    mean: Values | None = None
    min: Values | None = None
    max: Values | None = None
    p50: Values | None = None
    p95: Values | None = None
    p99: Values | None = None
    distinct: Values | None = None


class Expectation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: Annotated[str, Field(pattern=r"^\d+(\.\d+)?[smhd]$")]
    """After so long; the windows that ended by then are known."""
    rule: str
    key: str = ""
    state: Literal["ok", "pending", "firing"]


class RuleTest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = ""
    start: datetime = MONDAY
    width_s: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    samples: Annotated[list[Samples], Field(min_length=1, max_length=1_000)]
    expect: Annotated[list[Expectation], Field(min_length=1, max_length=10_000)]


class RuleTests(BaseModel):
    """A file of tests, with its rules."""

    model_config = ConfigDict(extra="forbid")

    alerts: Annotated[list[dict[str, Any]], Field(min_length=1)]
    tests: Annotated[list[RuleTest], Field(min_length=1)]
    metrics: list[Any] = []
    """For `lint`; the tests need no metrics."""
    channels: list[Any] = []
    routes: list[Any] = []
    inhibitions: list[Any] = []


@dataclass(frozen=True, slots=True)
class Failure:
    test: str
    said: str


def read(document: Mapping[str, Any]) -> tuple[list[Rule], list[RuleTest]]:
    """The rules and tests of a document. Raises ``Rejected`` with field and reason."""
    try:
        found = RuleTests.model_validate(document)
        specs = [RuleFields.model_validate({k: v for k, v in rule.items() if k != "channels"}) for rule in found.alerts]
    except ValidationError as error:
        first = error.errors()[0]
        raise Rejected(".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")) from None
    return [msgspec.convert(spec.model_dump(mode="json"), Rule) for spec in specs], found.tests


def failures(rules: Sequence[Rule], tests: Sequence[RuleTest]) -> Iterator[Failure]:
    """What did not come as expected. Raises ``Rejected`` for a test that cannot be run."""
    for number, test in enumerate(tests, 1):
        name = test.name or f"test {number}"
        for expected, found in _run(rules, test, name):
            if expected.state != found:
                key = f" of key {expected.key!r}" if expected.key else ""
                yield Failure(name, f"at {expected.at} {expected.rule!r}{key} is {found}, not {expected.state}")


def _run(rules: Sequence[Rule], test: RuleTest, name: str) -> Iterator[tuple[Expectation, str]]:
    names = [rule.name for rule in rules]
    for expected in test.expect:
        if expected.rule not in names:
            raise Rejected(
                f"{name}: expect.rule", f"there is no rule {expected.rule!r}{did_you_mean(expected.rule, names)}"
            )
    width, begin = int(test.width_s * 1e6), micros(test.start)
    series = [(one, _columns(one, name)) for one in test.samples]
    length = max(len(values) for _, columns in series for values in columns.values())
    about = {metric for rule in rules for metric in rule.metrics}
    counted = {s.metric for s, columns in series if "count" in columns} | (about - {s.metric for s, _ in series})
    fold, state = AlertEvaluator(tells=False), State(rules={rule.name: rule for rule in rules})
    waiting = sorted(test.expect, key=_after)
    for number in range(length):
        end = begin + (number + 1) * width
        while waiting and begin + _after(waiting[0]) < end:
            expected = waiting.pop(0)
            yield expected, _state(state, expected)
        state = _window(fold, state, series, number, end, width, sorted(about), counted)
    for expected in waiting:
        if begin + _after(expected) > begin + (length + 1) * width:
            raise Rejected(f"{name}: expect.at", f"{expected.at} is after the last sample; say what comes until then")
        yield expected, _state(state, expected)


def _window(
    fold: AlertEvaluator,
    state: State,
    series: Sequence[tuple[Samples, Mapping[str, list[float | None]]]],
    number: int,
    end: int,
    width: int,
    about: Sequence[str],
    counted: set[str],
) -> State:
    """One window: its samples, its end, the clock."""
    told: list[dict[str, Any]] = []
    for one, columns in series:
        values = {name: found[number] if number < len(found) else None for name, found in columns.items()}
        if any(value is not None for value in values.values()):
            told.append({"type": "metric.sampled", "metric": one.metric, "key": one.key, "revision": 0, **values})
    keyed = {one.metric for one, _ in series if one.key}
    for metric in about:
        silence = 0 if metric in counted else None
        key = None if metric in keyed else ""
        told.append({"type": "window.closed", "metric": metric, "key": key, "count": silence, "sum": silence})
    names = ["type", "metric", "key", "revision", *(name for name in AGGREGATES if name != "rate")]
    found = {name: [row.get(name) for row in told] for name in names}
    found["count"] = [None if value is None else int(value) for value in found["count"]]
    found["distinct"] = [None if value is None else int(value) for value in found["distinct"]]
    found |= {"source": [row["metric"] for row in told], "time": [end] * len(told), "start": [end - width] * len(told)}
    found["width_us"] = [width] * len(told)
    header = EntryHeader(METRICS.name, "", "", 0, len(told), 0, 0, 0, METRICS.version)
    state, _ = fold.fold(state, Batch(header, 0, rows(METRICS, found, len(told)), False))
    header = EntryHeader(CLOCK.name, "", "", 0, 1, 0, 0, 0, CLOCK.version)
    state, _ = fold.fold(state, Batch(header, 0, rows(CLOCK, {"time": [end]}, 1), False))
    return state


def _state(state: State, expected: Expectation) -> str:
    instance = state.instances.get(expected.rule, {}).get(expected.key)
    return STATES[instance.phase] if instance else "ok"


def _after(expected: Expectation) -> int:
    return int(float(expected.at[:-1]) * UNITS[expected.at[-1]] * 1e6)


def _columns(one: Samples, name: str) -> dict[str, list[float | None]]:
    said = {a: getattr(one, a) for a in AGGREGATES if a != "rate"}
    found = {a: list(_values(text, f"{name}: samples.{a}")) for a, text in said.items() if text is not None}
    if not found:
        raise Rejected(
            f"{name}: samples", f"{one.metric!r} has no values: give it `count: 0 1 5*3`, or another aggregate"
        )
    return found


def _values(text: str, field: str) -> Iterator[float | None]:
    total = 0
    for word in text.split():
        match = re.fullmatch(r"(_|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?:\*(\d{1,6}))?", word)
        if match is None:
            raise Rejected(field, f"has {word!r}: write numbers, `_` for no sample, `8*3` for three times 8")
        times = int(match[2] or 1)
        total += times
        if total > MOST_WINDOWS:
            raise Rejected(field, f"has more than {MOST_WINDOWS:,} windows")
        yield from [None if match[1] == "_" else float(match[1])] * times
