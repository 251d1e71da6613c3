"""Whether a rule can ever fire: is there such a metric, does it have that aggregate and keys, can the condition hold.

What cannot be is refused. What may be but has not been seen yet (a metric or key whose name comes from the data) is a
warning. Configuration files, HTTP, Python and the command line all ask here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, nextafter

from analytics.expressions import Joint, Threshold, duration
from analytics.rules import Comparison, Condition
from events.errors import Rejected
from events.nearest import did_you_mean

ROWS = ("count", "rate")
"""Aggregates that every metric has."""
VALUES = ("sum", "mean", "min", "max")
QUANTILES = ("p50", "p95", "p99")
WHOLE = ("count", "distinct")
NEVER_BELOW_ZERO = ("count", "distinct", "rate")
OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
Seen = Mapping[str, Collection[str]]
"""Metrics that have samples, and the keys of each."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One configured metric, as far as a rule depends on it."""

    name: str
    """As configured; ``{column}`` where each value of a column is a metric of its own."""
    names: tuple[str, ...] | None = None
    """The names that its samples can have; None: any, they come with the data."""
    key: str | None = None
    """The column of its keys; None: it has one series."""
    value: bool = False
    distinct: bool = False
    sketches: bool = True
    width_s: float = 10.0

    @property
    def aggregates(self) -> tuple[str, ...]:
        """What its samples hold."""
        values = (*VALUES, *(QUANTILES if self.sketches else ())) if self.value else ()
        return (*ROWS, *values, *(("distinct",) if self.distinct and self.sketches else ()))

    def lacks(self, aggregate: str) -> str:
        """Why its samples do not hold ``aggregate``, and how they would; empty where they do."""
        if aggregate in self.aggregates:
            return ""
        if aggregate == "distinct" and not self.distinct:
            remedy = "give the metric a `distinct` column"
        elif aggregate != "distinct" and not self.value:
            remedy = "give the metric a `value` column"
        else:
            remedy = "let the metric have `sketches: true`"
        has = ", ".join(self.aggregates)
        return f"asks for {aggregate}, which the metric {self.name!r} does not have: it has {has}; {remedy}"


def check(
    condition: Condition | Joint, threshold: float, measures: Sequence[Measure], seen: Seen | None = None
) -> list[str]:
    """What to warn of, a sentence each. ``seen``: None where it is not known what has samples.

    Raises ``Rejected("condition", why)`` for a condition that can never hold.
    """
    if isinstance(condition, Joint):
        return _check_joint(condition, threshold, measures, seen)
    fitting = _fitting(condition, measures)
    impossible = [not _can_hold(group, threshold) for group in condition.alternatives]
    if all(impossible):
        raise Rejected("condition", _contradiction(condition, threshold))
    warnings = [f"part {i} of the condition can never hold" for i, never in enumerate(impossible, 1) if never]
    if any(all(_always(c, threshold) for c in group) for group in condition.alternatives):
        warnings.append("the condition holds for every window: the rule fires at the first one and never resolves")
    bounds = {c.bound for group in condition.alternatives for c in group}
    if None not in bounds and threshold not in bounds:
        warnings.append(f"the threshold {threshold:g} is not used: the condition does not say `threshold`")
    if seen is not None:
        warnings += _unseen(condition, fitting, seen)
    return warnings


def _check_joint(joint: Joint, threshold: float, measures: Sequence[Measure], seen: Seen | None) -> list[str]:
    """The same for a condition over several series: each must be one that there can be, and their keys must go together."""
    warnings: list[str] = []
    fitting: dict[str, Measure] = {}
    widths: dict[str, float] = {}
    for series in joint.series:
        one = Condition(series.metric, series.key, ((Comparison(series.aggregate, ">", None),),))
        found = _fitting(one, measures)
        fitting[series.metric] = found[0]
        widths[series.metric] = found[0].width_s
        if series.over_us and series.over_us < found[0].width_s * 1e6:
            raise Rejected(
                "condition",
                f"has the range {duration(series.over_us)}, but {series.metric!r} has windows of {found[0].width_s:g} s",
            )
        if series.back_us and not series.over_us:
            warnings.append(
                f"{series.metric}.{series.aggregate} is compared with one single window of the past; a range such as [1h] "
                "is steadier"
            )
        if seen is not None:
            warnings += _unseen(one, found, seen)
    keys = {fitting[s.metric].key for s in joint.series if s.key is None and fitting[s.metric].key}
    if len(keys) > 1:
        raise Rejected(
            "condition",
            f"joins metrics with different keys ({', '.join(sorted(map(str, keys)))}), which never are the same; name one "
            'with {key="…"}',
        )
    if not joint.uses_threshold():
        warnings.append(f"the threshold {threshold:g} is not used: the condition does not say `threshold`")
    return list(dict.fromkeys(warnings))


def check_clear(condition: Condition | Joint, threshold: float, clear: float | None) -> None:
    """Raises ``Rejected`` for a clear threshold at which an alert would end before it can begin."""
    if clear is None:
        return
    if isinstance(condition, Joint):
        if not condition.uses_threshold():
            raise Rejected("clear_threshold", "needs a condition that says `threshold`")
        first = condition.first
        ops = {first.op} if isinstance(first.right, Threshold) else set[str]()
    else:
        ops = {c.op for group in condition.alternatives for c in group if c.bound is None}
        if not ops:
            raise Rejected("clear_threshold", "needs a condition that says `threshold`")
    for op in ops:
        if (op in (">", ">=") and clear > threshold) or (op in ("<", "<=") and clear < threshold):
            side = "below" if op in (">", ">=") else "above"
            raise Rejected("clear_threshold", f"must be {side} the threshold {threshold:g}, or equal, got {clear:g}")
        if op in ("==", "!="):
            raise Rejected("clear_threshold", f"means nothing beside `{op} threshold`")


def _fitting(condition: Condition, measures: Sequence[Measure]) -> list[Measure]:
    """The measures that the condition may be about. Raises ``Rejected`` where there is none."""
    named = [m for m in measures if m.names is not None and condition.metric in m.names]
    open_ = [m for m in measures if m.names is None]
    if not named and not open_:
        known = sorted({name for m in measures for name in m.names or ()})
        hint = did_you_mean(condition.metric, known)
        listed = ", ".join(known) or "none"
        raise Rejected("condition", f"is about {condition.metric!r}, which is no metric{hint}; there are {listed}")
    reasons = {m.name: _misfit(condition, m, measures) for m in (*named, *open_)}
    fitting = [m for m in (*named, *open_) if not reasons[m.name]]
    if not fitting:
        raise Rejected("condition", next(iter(reasons.values())))
    return fitting


def _misfit(condition: Condition, measure: Measure, measures: Sequence[Measure]) -> str:
    """Why the condition cannot be about ``measure``; empty where it can."""
    for aggregate in dict.fromkeys(c.aggregate for group in condition.alternatives for c in group):
        if reason := measure.lacks(aggregate):
            return reason
    if condition.key and measure.key is None:
        keyed = ", ".join(m.name for m in measures if m.key) or "none"
        return (
            f"asks for the key {condition.key!r}, but the metric {measure.name!r} has no keys: leave "
            f"{{key=…}} out, or give the metric a `key` column (metrics with keys: {keyed})"
        )
    return ""


def _unseen(condition: Condition, fitting: Sequence[Measure], seen: Seen) -> Iterator[str]:
    metric, key = condition.metric, condition.key
    if metric not in seen:
        if all(m.names is None for m in fitting):
            hint = did_you_mean(metric, seen)
            yield f"no sample of a metric {metric!r} has been seen lately{hint}"
        elif key:
            yield f"no sample of {metric!r} has been seen lately, so none with the key {key!r}"
    elif key and key not in seen[metric]:
        hint = did_you_mean(key, seen[metric])
        yield f"no sample of {metric!r} with the key {key!r} has been seen lately{hint}"


def _can_hold(group: Sequence[Comparison], threshold: float) -> bool:
    """Whether some values meet every comparison of ``group``."""
    for aggregate in {c.aggregate for c in group}:
        low, high = _domain(aggregate)
        unlike: set[float] = set()
        for c in group:
            if c.aggregate != aggregate:
                continue
            bound = threshold if c.bound is None else c.bound
            if c.op == "!=":
                unlike.add(bound)
                continue
            least, most = _interval(c.op, bound, aggregate in WHOLE)
            low, high = max(low, least), min(high, most)
        if low > high or (low == high and low in unlike):
            return False
    return True


def _domain(aggregate: str) -> tuple[float, float]:
    largest = nextafter(inf, 0)
    return (0.0 if aggregate in NEVER_BELOW_ZERO else -largest, largest)


def _interval(op: str, bound: float, whole: bool) -> tuple[float, float]:
    """The least and the greatest value that meet ``op bound``; ``whole``: among whole numbers."""
    if whole and abs(bound) < 2**53:
        below, above = float(ceil(bound) - 1), float(floor(bound) + 1)
        up, down = float(ceil(bound)), float(floor(bound))
    else:
        below, above, up, down = nextafter(bound, -inf), nextafter(bound, inf), bound, bound
    return {">": (above, inf), ">=": (up, inf), "<": (-inf, below), "<=": (-inf, down)}.get(op, (up, down))


def _always(comparison: Comparison, threshold: float) -> bool:
    """Whether every value that the aggregate can have meets the comparison."""
    opposite = Comparison(comparison.aggregate, OPPOSITE[comparison.op], comparison.bound)
    return comparison.aggregate in NEVER_BELOW_ZERO and not _can_hold([opposite], threshold)


def _contradiction(condition: Condition, threshold: float) -> str:
    said = " and ".join(
        f"{c.aggregate} {c.op} {threshold if c.bound is None else c.bound:g}" for c in condition.alternatives[0]
    )
    whole = any(c.aggregate in WHOLE for c in condition.alternatives[0])
    about = " (counts are whole numbers from 0 on)" if whole else ""
    return f"can never hold: no window has {said}{about}; mend the operator or the number"
