"""Alert conditions: a small language over one metric's samples, and the four states of an alert.

    cpu.percent.mean{key="web-1"} > threshold
    checkout.errors.count > 10 and checkout.errors.count <= 1e6

A comparison is ``metric.aggregate [{key="…"}] operator (number | threshold)``; ``and`` binds tighter than ``or``. All
comparisons of a condition speak of the same metric and key, so that it can be judged sample by sample. Nothing is ever
evaluated as code. A figure that is not there (NaN) makes its comparison unknown, and the condition too where it depends
on it (Kleene's logic): ``count < 1 or mean > 90`` holds without rows, although there is no mean.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from analytics.kernels import F64, I8

AGGREGATES = ("count", "sum", "mean", "min", "max", "p50", "p95", "p99", "distinct", "rate")
"""``rate`` is count per second of the window."""
OPERATORS = (">=", "<=", "==", "!=", ">", "<")
_COMPARE: Mapping[str, Callable[[Any, float], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
"""Of a number or of each number of an array."""

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][\w.\-]*)|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r'|(?P<op>>=|<=|==|!=|>|<)|(?P<matcher>\{\s*key\s*=\s*"(?P<key>[^"]*)"\s*\}))'
)


class Verdict(IntEnum):
    """What a condition says of one sample; the order makes ``and`` the least and ``or`` the greatest."""

    FINE = 0
    """It does not hold."""
    UNKNOWN = 1
    """A figure that decides is not there."""
    BREACHED = 2
    """It holds."""


class ParseError(ValueError):
    """Says where the condition went wrong and what was expected there."""

    def __init__(self, text: str, position: int, expected: str) -> None:
        found = text[position:].strip()[:20]
        where = f"at character {position + 1}, found {found!r}" if found else "at the end"
        super().__init__(f"expected {expected} {where}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Comparison:
    """``aggregate op bound``; ``bound`` None stands for the rule's threshold."""

    aggregate: str
    op: str
    bound: float | None

    def verdicts(self, columns: Mapping[str, F64], threshold: float) -> I8:
        """int8[n] of ``Verdict``. ``columns`` maps aggregates to float64[n]."""
        values, bound = columns[self.aggregate], threshold if self.bound is None else self.bound
        holds: np.ndarray = _COMPARE[self.op](values, bound)
        found: I8 = np.left_shift(holds.view(np.int8), 1)  # FINE or BREACHED, without an array of wider numbers between
        unknown = np.isnan(values)
        if unknown.any():
            found[unknown] = Verdict.UNKNOWN
        return found

    def verdict(self, figures: Mapping[str, float], threshold: float) -> Verdict:
        """As ``verdicts``, of one sample; a figure that is not there is unknown."""
        value = figures.get(self.aggregate, math.nan)
        if math.isnan(value):
            return Verdict.UNKNOWN
        holds = _COMPARE[self.op](value, threshold if self.bound is None else self.bound)
        return Verdict.BREACHED if holds else Verdict.FINE


@dataclass(frozen=True, slots=True)
class Condition:
    """Any of ``alternatives``, each of which holds where all its comparisons hold."""

    metric: str
    key: str | None
    """The one key it is about; None: every key is judged by itself."""
    alternatives: tuple[tuple[Comparison, ...], ...]

    def verdicts(self, columns: Mapping[str, F64], threshold: float) -> I8:
        """int8[n] of ``Verdict``: what the condition says of each sample."""
        if len(self.alternatives) == 1 and len(self.alternatives[0]) == 1:
            return self.shown.verdicts(columns, threshold)
        every = [[c.verdicts(columns, threshold) for c in comparisons] for comparisons in self.alternatives]
        return np.maximum.reduce([np.minimum.reduce(verdicts) for verdicts in every])

    def verdict(self, figures: Mapping[str, float], threshold: float) -> Verdict:
        """As ``verdicts``, of one sample: it costs a hundredth of an array's."""
        return max(min(c.verdict(figures, threshold) for c in comparisons) for comparisons in self.alternatives)

    @property
    def aggregates(self) -> frozenset[str]:
        """The aggregates that it compares."""
        return frozenset(c.aggregate for comparisons in self.alternatives for c in comparisons)

    @property
    def shown(self) -> Comparison:
        """The comparison whose value and bound a message shows: the first."""
        return self.alternatives[0][0]


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def parse(text: str) -> Condition:
    """Read a condition. Raises ``ParseError``."""
    tokens = _tokens(text)
    subject: tuple[str, str | None] | None = None
    alternatives: list[list[Comparison]] = [[]]
    while True:
        about, comparison, start = _comparison(text, tokens)
        if subject is not None and about != subject:
            raise ParseError(text, start, f"the same metric and key as before, {subject[0]},")
        subject = about
        alternatives[-1].append(comparison)
        if not tokens:
            return Condition(*subject, tuple(tuple(a) for a in alternatives))
        word = tokens.pop(0)
        if word.text == "or":
            alternatives.append([])
        elif word.text != "and":
            raise ParseError(text, word.position, "`and`, `or` or the end")


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise ParseError(text, at, "a metric, an operator, a number or `threshold`")
        kind = found.lastgroup if found["matcher"] is None else "matcher"
        start = at + len(found[0]) - len(found[0].lstrip())
        tokens.append(_Token(kind or "", found["key"] if kind == "matcher" else found[0].strip(), start))
        at = found.end()
    return tokens


def _comparison(text: str, tokens: list[_Token]) -> tuple[tuple[str, str | None], Comparison, int]:
    name = _take(text, tokens, ("name",), "`metric.aggregate`")
    metric, _, aggregate = name.text.rpartition(".")
    if not metric or aggregate not in AGGREGATES:
        raise ParseError(text, name.position, f"a metric followed by one of .{', .'.join(AGGREGATES)}")
    key = tokens.pop(0).text if tokens and tokens[0].kind == "matcher" else None
    op = _take(text, tokens, ("op",), f"one of {' '.join(OPERATORS)}")
    bound = _take(text, tokens, ("number", "name"), "a number or `threshold`")
    if bound.kind == "name" and bound.text != "threshold":
        raise ParseError(text, bound.position, "a number or `threshold`")
    value = float(bound.text) if bound.kind == "number" else None
    return (metric, key), Comparison(aggregate, op.text, value), name.position


def _take(text: str, tokens: list[_Token], kinds: tuple[str, ...], expected: str) -> _Token:
    if not tokens:
        raise ParseError(text, len(text), expected)
    if tokens[0].kind not in kinds:
        raise ParseError(text, tokens[0].position, expected)
    return tokens.pop(0)


class Phase(IntEnum):
    """The life of an alert. Names and meaning follow Prometheus; RESOLVED is kept apart from OK to be told once."""

    OK = 0
    """The condition does not hold."""
    PENDING = 1
    """It holds, but not yet for as long as the rule asks."""
    FIRING = 2
    """It has held long enough: people are told."""
    RESOLVED = 3
    """It held and holds no more: people are told that, too."""


def judge(phase: Phase, breached: bool, since_us: int, at_us: int, for_us: int) -> Phase:
    """The phase after a sample (or tick) at ``at_us``; ``since_us``: when the condition began to hold."""
    if not breached:
        return Phase.RESOLVED if phase in (Phase.FIRING, Phase.RESOLVED) else Phase.OK
    if phase is Phase.FIRING or at_us - since_us >= for_us:
        return Phase.FIRING
    return Phase.PENDING
