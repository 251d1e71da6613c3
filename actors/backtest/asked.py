"""What a backtest is asked for: rules or watches, a span, labelled incidents, and what to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actors.alerts.state import Rule
from actors.analyzers.anomaly_watch import AnomalySpec
from actors.backtest import alerting, watching
from actors.definitions.checking import Wanted, accept
from actors.definitions.inventory import Inventory
from actors.definitions.kinds import KINDS
from analytics.episodes import Span
from events.errors import Rejected
from events.nearest import did_you_mean

RULES, WATCHES = "alert_evaluator", "anomaly"
KIND = {RULES: "rule", WATCHES: "anomaly"}
_DECIDE = {
    RULES: ("threshold", "clear_threshold", "for_s", "keep_firing_for_s", "no_data", "severity", "condition"),
    WATCHES: ("false_alarms_per_week",),
}
"""What ``set`` may change."""
assert (alerting.CELL, watching.CELL) == (RULES, WATCHES)


class Incident(BaseModel):
    """A span in which something was really wrong; ISO 8601, UTC where it names no zone."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: Annotated[datetime, Field(alias="from")]
    end: Annotated[datetime, Field(alias="to")]
    name: str = ""

    @property
    def span(self) -> Span:
        return Span(micros(self.start), micros(self.end))


class Other(BaseModel):
    """The settings to compare with."""

    model_config = ConfigDict(extra="forbid")

    rules: list[dict[str, Any]] | None = None
    anomalies: list[dict[str, Any]] | None = None
    changes: Annotated[dict[str, Any], Field(alias="set", default_factory=dict[str, Any])]


class Asked(BaseModel):
    """One backtest. Without ``rules`` (or ``anomalies``) it takes those that hold now; ``set`` changes a field of each.

    ``metrics``: definitions of metrics that the rules are about, and that are not there, or say something else; they are
    counted from the log. ``against``: other settings; or ``live``: what really happened.
    """

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [{"rules": [{"name": "busy", "condition": "events.count > 100", "threshold": 100}]}]
        },
    )

    fold: Literal["alert_evaluator", "anomaly"] = "alert_evaluator"
    rules: list[dict[str, Any]] | None = None
    anomalies: list[dict[str, Any]] | None = None
    metrics: Annotated[list[dict[str, Any]], Field(max_length=100)] = []
    changes: Annotated[dict[str, Any], Field(alias="set", default_factory=dict[str, Any])]
    start: Annotated[datetime | None, Field(alias="from")] = None
    end: Annotated[datetime | None, Field(alias="to")] = None
    incidents: Annotated[list[Incident], Field(max_length=10_000)] = []
    tolerance_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    """A page may come so long after the end of its incident and still be right."""
    against: Other | Literal["live"] = "live"
    limit: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Turns in the timeline at most; the figures are about all."""

    @property
    def span(self) -> tuple[int | None, int | None]:
        """Raises ``Rejected`` where it ends before it starts."""
        start, end = (None if at is None else micros(at) for at in (self.start, self.end))
        if start is not None and end is not None and start >= end:
            raise Rejected("from", "must be before `to`")
        for number, incident in enumerate(self.incidents):
            if incident.span.start >= incident.span.end:
                raise Rejected(f"incidents.{number}.from", "must be before `to`")
        return start, end


def read(content: bytes) -> Asked:
    """From JSON. Raises ``Rejected`` with the first field that is wrong."""
    try:
        return Asked.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise Rejected(".".join(str(part) for part in first["loc"]), first["msg"]) from None


class Setting(NamedTuple):
    """What to run: rules, or watches."""

    rules: tuple[Rule, ...] = ()
    watches: tuple[AnomalySpec, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(one.name for one in (*self.rules, *self.watches)))


def setting(
    fold: str,
    rules: Sequence[Mapping[str, Any]] | None,
    anomalies: Sequence[Mapping[str, Any]] | None,
    changes: Mapping[str, Any],
    among: Inventory,
) -> Setting:
    """What is asked for, or else what holds in ``among``, with ``changes`` laid over each. Raises ``Rejected``."""
    kind = KIND[fold]
    other, given = (("anomalies", anomalies), rules) if fold == RULES else (("rules", rules), anomalies)
    if other[1] is not None:
        fitting = WATCHES if fold == RULES else RULES
        raise Rejected(other[0], f"are not what the fold {fold} goes by; ask for the fold {fitting}")
    held = [spec for key, spec in among.specs.items() if key.kind == kind]
    specs = [dict(spec) for spec in (held if given is None else given)]
    if not specs:
        section = KINDS[kind].section
        raise Rejected("rules" if fold == RULES else "anomalies", f"there are none; give `{section}:` with a list")
    for field in changes:
        if field not in _DECIDE[fold]:
            can = ", ".join(_DECIDE[fold])
            raise Rejected("set", f"{field!r} is nothing that it can change{did_you_mean(field, _DECIDE[fold])}: {can}")
    for spec in specs:
        spec.update(changes)
        if fold == RULES:
            spec["channels"] = []  # nobody is told
    accepted = accept([Wanted(kind, None, spec) for spec in specs], among)
    if fold == RULES:
        made = tuple(Rule(**_fields(one.spec)) for one in accepted)
        return Setting(rules=made)
    return Setting(watches=tuple(AnomalySpec.of_said(one.spec) for one in accepted))


_OF_RULE = tuple(name for name in Rule.__struct_fields__ if name != "channels")


def _fields(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: spec[name] for name in _OF_RULE}


def brought(metrics: Sequence[Mapping[str, Any]], fold: str, among: Inventory) -> tuple[dict[str, Any], ...]:
    """The metrics that have to be counted: they do not hold, or say something else. Raises ``Rejected``."""
    if metrics and fold != RULES:
        raise Rejected(
            "metrics", f"are counted for rules; the fold {fold} goes by metrics that are there: define them first"
        )
    others = Inventory({key: spec for key, spec in among.specs.items() if key.kind == "metric"})  # nothing else changes
    accepted = accept([Wanted("metric", None, spec) for spec in metrics], others) if metrics else []
    for one in accepted:
        if one.key.name.startswith("{"):
            raise Rejected(
                "metrics", f"{one.key.name!r} names a metric for each value; give each one that a rule needs"
            )
    return tuple(one.spec for one in accepted if among.specs.get(one.key) != one.spec)


def micros(at: datetime) -> int:
    """Microseconds UTC; a time without a zone is UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1e6)
