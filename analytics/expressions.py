"""Conditions over several series: arithmetic, ranges, and the past as a measure.

    errors.count / requests.count > 0.05
    errors.count[1h] / requests.count[1h] > threshold and errors.count[5m] / requests.count[5m] > threshold
    orders.count[1h] vs 1w < -0.3

A series is ``metric.aggregate [{key="…"}] [[range]] [offset duration]``. ``a vs d`` is the change of ``a`` against what it
was ``d`` before, as a fraction: ``(a - a offset d) / (a offset d)``. A division by zero, and whatever is computed of a
figure that is not there, is unknown (NaN), and so is a comparison with it. Nothing is ever evaluated as code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from analytics.rules import AGGREGATES, OPERATORS, Comparison, Condition, ParseError, Verdict, parse

ADDITIVE = ("count", "sum", "rate", "mean", "min", "max")
"""What can be put together over a range; quantiles and distinct counts of windows cannot."""
MOST_DEPTH = 40
MOST_SERIES = 20
LONGEST_US = 32 * 86_400 * 1_000_000
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_TOKEN = re.compile(
    r"\s*(?:(?P<duration>\d+(?:\.\d+)?[smhdw])(?![\w.])|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][\w.\-]*)|(?P<op>>=|<=|==|!=|>|<)|(?P<sign>[-+*/()\[\]])"
    r'|(?P<matcher>\{\s*key\s*=\s*"(?P<key>[^"]*)"\s*\}))'
)
_JOINT = re.compile(r"[+*/()\[\]]|\s-\s|\b(?:vs|offset)\b")
"""What a condition about one series never has."""


@dataclass(frozen=True, slots=True)
class Series:
    """One figure of one metric; ``key`` None: of each key."""

    metric: str
    aggregate: str
    key: str | None = None
    over_us: int = 0
    """Over so long a range; 0: of one window."""
    back_us: int = 0
    """So long ago."""


class Number(NamedTuple):
    value: float


class Threshold(NamedTuple):
    """The threshold of the rule."""


class Figure(NamedTuple):
    """A series, by its place among those of the condition."""

    place: int


class Term(NamedTuple):
    op: str
    left: Arithmetic
    right: Arithmetic


Arithmetic: TypeAlias = "Number | Threshold | Figure | Term"


class Compared(NamedTuple):
    op: str
    left: Arithmetic
    right: Arithmetic


class Several(NamedTuple):
    """``and`` or ``or`` of conditions."""

    word: str
    parts: tuple[Logic, ...]


Logic: TypeAlias = "Compared | Several"


@dataclass(frozen=True, slots=True)
class Joint:
    """A condition over ``series``; what a message shows are the two sides of its first comparison."""

    series: tuple[Series, ...]
    logic: Logic
    text: str
    """Its first comparison's left side, as written."""

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.metric for one in self.series))

    @property
    def first(self) -> Compared:
        found = self.logic
        while isinstance(found, Several):
            found = found.parts[0]
        return found

    def verdict(self, figures: Sequence[float], threshold: float) -> Verdict:
        """What the condition says; ``figures``: float of each of ``series``, NaN where there is none (Kleene's logic)."""
        return _verdict(self.logic, figures, threshold)

    def shown(self, figures: Sequence[float], threshold: float) -> tuple[float | None, float | None]:
        """(value, bound) of the first comparison; None: unknown."""
        sides = (_value(side, figures, threshold) for side in (self.first.left, self.first.right))
        value, bound = (None if math.isnan(side) else side for side in sides)
        return value, bound

    def uses_threshold(self) -> bool:
        return _mentions(self.logic)


def read(text: str) -> Condition | Joint:
    """A condition about one series, judged sample by sample, or one over several. Raises ``ParseError``."""
    try:
        return parse(text)
    except ParseError as plain:
        try:
            return parse_joint(text)
        except ParseError as joint:
            raise (joint if _JOINT.search(text) else plain) from None


def parse_joint(text: str) -> Joint:
    """Read a condition over several series. Raises ``ParseError``."""
    return _Reader(text).condition()


def _value(node: Arithmetic, figures: Sequence[float], threshold: float) -> float:
    match node:
        case Number(value):
            return value
        case Threshold():
            return threshold
        case Figure(place):
            return figures[place]
        case Term(op, left, right):
            a, b = _value(left, figures, threshold), _value(right, figures, threshold)
            if op == "/":
                return a / b if b else math.nan
            found = a + b if op == "+" else a - b if op == "-" else a * b
            return found if math.isfinite(found) else math.nan


def _verdict(node: Logic, figures: Sequence[float], threshold: float) -> Verdict:
    if isinstance(node, Several):
        verdicts = [_verdict(part, figures, threshold) for part in node.parts]
        return max(verdicts) if node.word == "or" else min(verdicts)
    left, right = _value(node.left, figures, threshold), _value(node.right, figures, threshold)
    if math.isnan(left) or math.isnan(right):
        return Verdict.UNKNOWN
    return Comparison("", node.op, right).verdict({"": left}, 0.0)


def _mentions(node: Logic | Arithmetic) -> bool:
    match node:
        case Several(_, parts):
            return any(_mentions(part) for part in parts)
        case Compared(_, left, right) | Term(_, left, right):
            return _mentions(left) or _mentions(right)
        case Threshold():
            return True
        case _:
            return False


class _Reader:
    """Reads from left to right; ``at`` is the next token."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        self._series: list[Series] = []
        self._at = self._depth = 0
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise ParseError(text, at, "a metric, an operator, a number or `threshold`")
            start = at + len(found[0]) - len(found[0].lstrip())
            kind = "matcher" if found["matcher"] is not None else found.lastgroup or ""
            self._tokens.append((kind, found["key"] if kind == "matcher" else found[0].strip(), start))
            at = found.end()

    def condition(self) -> Joint:
        logic = self._either()
        if self._at < len(self._tokens):
            raise self._expected("`and`, `or`, an operator or the end")
        if not self._series:
            raise ParseError(self._text, 0, "a `metric.aggregate` somewhere")
        first = Joint(tuple(self._series), logic, "").first
        return Joint(tuple(self._series), logic, _said(first.left, self._series))

    def _either(self) -> Logic:
        parts = [self._both()]
        while self._took("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Several("or", tuple(parts))

    def _both(self) -> Logic:
        parts = [self._one()]
        while self._took("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Several("and", tuple(parts))

    def _one(self) -> Logic:
        if self._peek() == "(":  # of conditions, or of numbers: what follows says it
            before, series = self._at, list(self._series)
            try:
                self._deeper()
                self._at += 1
                found = self._either()
                if self._took(")") and self._peek() in ("", "and", "or", ")"):
                    return found
            except ParseError:
                pass
            finally:
                self._depth -= 1
            self._at, self._series = before, series
        left = self._sum()
        kind, op, _ = self._next("an operator: " + " ".join(OPERATORS))
        if kind != "op":
            self._at -= 1
            raise self._expected("one of " + " ".join(OPERATORS))
        return Compared(op, left, self._sum())

    def _sum(self) -> Arithmetic:
        left = self._product()
        while (op := self._peek()) in ("+", "-"):
            self._at += 1
            left = Term(op, left, self._product())
        return left

    def _product(self) -> Arithmetic:
        left = self._factor()
        while (op := self._peek()) in ("*", "/"):
            self._at += 1
            left = Term(op, left, self._factor())
        return left

    def _factor(self) -> Arithmetic:
        kind, said, _ = self._next("a metric, a number or `threshold`")
        if said == "(" or said == "-":
            self._deeper()
            found = self._sum() if said == "(" else Term("-", Number(0.0), self._factor())
            self._depth -= 1
            if said == "(" and not self._took(")"):
                raise self._expected("`)`")
            return found
        if kind == "number":
            return Number(float(said))
        if said == "threshold":
            return Threshold()
        if kind != "name":
            self._at -= 1
            raise self._expected("a metric, a number or `threshold`")
        return self._figure(said)

    def _figure(self, name: str) -> Arithmetic:
        metric, _, aggregate = name.rpartition(".")
        if not metric or aggregate not in AGGREGATES:
            self._at -= 1
            raise self._expected(f"a metric followed by one of .{', .'.join(AGGREGATES)}")
        key = self._next("")[1] if self._kind() == "matcher" else None
        over = back = 0
        if self._took("["):
            over = self._duration()
            if not self._took("]"):
                raise self._expected("`]`")
            if aggregate not in ADDITIVE:
                self._at -= 1
                raise self._expected(
                    f"one of {', '.join(ADDITIVE)} over a range, for {aggregate} of windows cannot be put together; "
                    "make a metric with wider windows, or leave the range out,"
                )
        if self._took("offset"):
            back = self._duration()
        now = self._place(Series(metric, aggregate, key, over, back))
        if self._took("vs"):
            then = self._place(Series(metric, aggregate, key, over, back + self._duration()))
            return Term("/", Term("-", now, then), then)
        return now

    def _place(self, series: Series) -> Figure:
        if series not in self._series:
            if len(self._series) == MOST_SERIES:
                raise self._expected(f"{MOST_SERIES} different series at most")
            self._series.append(series)
        return Figure(self._series.index(series))

    def _duration(self) -> int:
        kind, said, _ = self._next("a duration such as 5m, 1h or 1w")
        us = int(float(said[:-1]) * UNITS[said[-1]] * 1e6) if kind == "duration" else 0
        if not 0 < us <= LONGEST_US:
            self._at -= 1
            raise self._expected("a duration such as 5m, 1h or 1w, up to 32d,")
        return us

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self._expected(f"brackets {MOST_DEPTH} deep at most")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._kind() not in ("", "matcher") else ""

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _took(self, said: str) -> bool:
        if self._peek() != said:
            return False
        self._at += 1
        return True

    def _next(self, expected: str) -> tuple[str, str, int]:
        if self._at >= len(self._tokens):
            raise self._expected(expected)
        self._at += 1
        return self._tokens[self._at - 1]

    def _expected(self, expected: str) -> ParseError:
        at = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
        return ParseError(self._text, at, expected)


def _said(node: Arithmetic, series: Sequence[Series]) -> str:
    match node:
        case Number(value):
            return f"{value:g}"
        case Threshold():
            return "threshold"
        case Figure(place):
            return _series_said(series[place])
        case Term("/", Term("-", Figure(a), Figure(b)), Figure(c)) if b == c:
            ago = series[b].back_us - series[a].back_us
            return f"{_series_said(series[a])} vs {duration(ago)}"
        case Term(op, left, right):
            inner = [
                f"({_said(x, series)})" if isinstance(x, Term) and x.op in "+-" else _said(x, series)
                for x in (left, right)
            ]
            return f"{inner[0]} {op} {inner[1]}"


def _series_said(one: Series) -> str:
    key = "" if one.key is None else f'{{key="{one.key}"}}'
    over = f"[{duration(one.over_us)}]" if one.over_us else ""
    back = f" offset {duration(one.back_us)}" if one.back_us else ""
    return f"{one.metric}.{one.aggregate}{key}{over}{back}"


def duration(us: int) -> str:
    """``90_000_000`` as ``90s``: the largest unit of which it is a whole number."""
    for unit in reversed(UNITS):
        if us % (UNITS[unit] * 1_000_000) == 0:
            return f"{us // (UNITS[unit] * 1_000_000)}{unit}"
    return f"{us / 1e6:g}s"
