"""From definitions to the terms of the kernel: which events a feature, or a condition of a label, is about."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.features.plan import Condition, Events, Plan, Spec, Taken, plan_of
from events.errors import Rejected
from events.nearest import did_you_mean
from query.features.schema import Condition as Who
from query.features.schema import FeatureRule, LabelRule
from query.questions.schema import Match

_TAKEN: dict[str, Taken] = {"sum": "number", "mean": "number", "distinct": "identity", "last": "value"}
OUTCOME = "outcome"


def spec_of(rule: FeatureRule) -> Spec:
    """A feature as the kernel takes it."""
    if rule.expression is not None:
        return Spec(rule.name, expression=rule.expression)
    if rule.calendar is not None:
        return Spec(rule.name, calendar=rule.calendar)
    aggregate = rule.aggregate or "fold"
    taken = _TAKEN.get(aggregate, "nothing")
    if rule.fold is not None and rule.of is not None:
        taken = "value"
    events = events_of(rule, rule.stream, rule.key)._replace(of=rule.of or "", taken=taken, number=rule.number)
    return Spec(rule.name, aggregate, events, rule.window_us, fold=rule.fold or "")


def events_of(match: Match, stream: str, key: str) -> Events:
    """The events that a ``Match`` means."""
    where = tuple(Condition(one.name, one.op, one.values) for one in match.where)
    return Events(stream, key, tuple(sorted(set(match.types))), where)


def plan(rules: Sequence[FeatureRule]) -> Plan:
    """The plan of several features. Raises ``Rejected`` where an expression needs one that is not among them."""
    names = [rule.name for rule in rules]
    for rule in rules:
        for name in rule.needs:
            if name not in names:
                raise Rejected(
                    "features", f"{rule.name} needs {name}{did_you_mean(name, names)}; ask for that one, too"
                )
    try:
        return plan_of([spec_of(rule) for rule in rules])
    except KeyError as error:
        raise Rejected("features", str(error.args[0])) from None


def asked_about(label: LabelRule) -> Plan:
    """What decides who is asked about: for each condition how long its latest event is ago, and that of its ``unless``."""
    specs: list[Spec] = [Spec("seen", "count", Events(label.stream, label.key))]
    for kind, whos in (("domain", label.domain), ("exclude", label.exclude)):
        for n, who in enumerate(whos):
            specs += _since(f"{kind}.{n}", who, label)
    return plan_of(specs)


def _since(name: str, who: Who, label: LabelRule) -> list[Spec]:
    found = [Spec(name, "days_since", events_of(who, label.stream, label.key), who.within_us)]
    if who.unless is not None:
        found.append(Spec(f"{name}.unless", "days_since", events_of(who.unless, label.stream, label.key)))
    return found


def outcome(label: LabelRule) -> Plan:
    """What the label says, at the end of its horizon."""
    assert label.outcome is not None
    events = events_of(label.outcome, label.stream, label.key)
    if label.of is None:
        return plan_of([Spec(OUTCOME, "count", events, label.horizon_us)])
    return plan_of([Spec(OUTCOME, "sum", events._replace(of=label.of, taken="number"), label.horizon_us)])
