"""Alerts for a program: rules, checks of figures at hand, alerts of its own, and messages to channels.

It speaks to a running system through a ``Client``. Whatever it does is in the log before anybody is told: alerts in the
stream ``alerts``, messages in ``outbox`` and what became of them in ``notifications``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from analytics.rules import Condition, Verdict, parse
from events.errors import Rejected
from events.nearest import did_you_mean

if TYPE_CHECKING:
    from hindcast.client import Client

REQUIRED = ("name", "condition", "threshold", "channels")


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule that is in force; ``id`` is its name."""

    id: str
    condition: str
    threshold: float
    channels: tuple[str, ...]
    severity: str = "medium"
    warnings: tuple[str, ...] = ()
    """What may be a mistake in it."""

    def generate_message(self, data: Mapping[str, Any]) -> str:
        """What people read of figures that meet the condition: each figure of it, and the threshold."""
        condition = parse(self.condition)
        found = _figures(condition, data)
        shown = ", ".join(f"{condition.metric}.{name} is {value:g}" for name, value in sorted(found.items()))
        return f"{self.id}: {shown or 'no figure of it is there'}, threshold {self.threshold:g}"


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that is met by figures; it is in the log, and its channels are told."""

    rule_id: str
    message: str
    severity: str
    timestamp: datetime
    """UTC."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    channels: tuple[str, ...] = ()


class AlertRuleManager:
    """The rules of a system."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add_rule(self, config: Mapping[str, Any]) -> AlertRule:
        """Create a rule, or replace the one of the same name. Raises ``Rejected`` where a field is missing, and ``ApiError``
        for what the system refuses (an unknown channel or metric, a condition that can never hold)."""
        for name in REQUIRED:
            if name not in config:
                raise Rejected(name, f"must be given; a rule has {', '.join(REQUIRED)}")
        made = self._client.set_rule({**config, "channels": list(config["channels"])})
        return _rule(made, made["warnings"])

    def get_active_rules(self) -> list[AlertRule]:
        """Every rule that is in force, those of configuration files, too."""
        return [_rule(rule) for rule in self._client.rules()]


class AlertHistory:
    """The life of alerts is the stream ``alerts``: what is logged here is there, in order with everything else."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def log_alert(self, alert: Mapping[str, Any]) -> None:
        """Record an alert of the program's own; see ``AlertSystem.send_alert``. Nobody is told."""
        self._client.send_alert({**alert, "channels": []})

    def newest(self, last: int = 100) -> list[dict[str, Any]]:
        """The newest turns of alerts, newest last."""
        return self._client.rows("alerts", last=last)["rows"]


class AlertSystem:
    """What a program asks of alerts, in one call each."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.rules = AlertRuleManager(client)
        self.history = AlertHistory(client)

    def create_alert_rule(self, config: Mapping[str, Any]) -> AlertRule:
        """``name, condition, threshold, channels`` are required; ``severity`` is ``medium`` if not said."""
        return self.rules.add_rule(config)

    def evaluate_condition(self, condition: str, data: Mapping[str, Any], threshold: float = 0.0) -> bool:
        """Whether a condition holds for figures such as ``{"cpu.percent.mean": 95}``. One that needs a figure which is not
        there does not hold. Raises ``analytics.rules.ParseError``; nothing is ever evaluated as code."""
        parsed = parse(condition)
        return parsed.verdict(_figures(parsed, data), threshold) is Verdict.BREACHED

    def check_alerts(self, data: Mapping[str, Any], *, of_key: str | None = None) -> list[Alert]:
        """Hold every rule against figures. What is met is logged, then sent; met again, it is the same alert."""
        return [
            Alert(
                found["rule_id"],
                found["message"],
                found["severity"],
                datetime.fromisoformat(found["timestamp"]).astimezone(UTC),
                found["data"],
                tuple(found["channels"]),
            )
            for found in self._client.check_alerts(dict(data), of_key=of_key)
        ]

    def send_alert(self, alert: Mapping[str, Any]) -> dict[str, Any]:
        """Say that something is wrong: ``{"type": "model_performance_degradation", "model_id": …, "severity": "high"}``.

        It is logged, then sent to its ``channels`` (``dashboard`` if not said). There is one for each type and ``key`` (or
        ``model_id``) at a time; ``status: resolved`` ends it.
        """
        return dict(self._client.send_alert(dict(alert)))

    def get_active_alerts(self) -> list[dict[str, Any]]:
        """The alerts that fire now."""
        return self._client.get_active_alerts()

    def send_notifications(self, alert: Alert | Mapping[str, Any], channels: Sequence[str]) -> dict[str, str]:
        """Send a message to each of ``channels``: it is owed from now on, tried for a day, and one that fails stops no
        other. Answers its name in ``notifications``, by channel."""
        if isinstance(alert, Alert):
            said: dict[str, Any] = {"rule": alert.rule_id, "message": alert.message, "severity": alert.severity}
            said |= {"time": alert.timestamp.isoformat(), "data": dict(alert.data)}
        else:
            said = dict(alert)
        return self._client.send_notifications(said, channels)["keys"]


def _rule(said: Mapping[str, Any], warnings: Sequence[str] = ()) -> AlertRule:
    return AlertRule(
        said["name"], said["condition"], said["threshold"], tuple(said["channels"]), said["severity"], tuple(warnings)
    )


def _figures(condition: Condition, data: Mapping[str, Any]) -> dict[str, float]:
    """The figures of the condition's metric, by aggregate. Raises ``Rejected`` for one that is no number."""
    nested = data.get(condition.metric, {})
    found: dict[str, float] = {}
    for aggregate in condition.aggregates:
        name = f"{condition.metric}.{aggregate}"
        value = data.get(name, nested.get(aggregate) if isinstance(nested, Mapping) else None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Rejected(name, f"must be a number, got {str(value)[:40]!r}{did_you_mean(name, data)}")  # pyright: ignore[reportUnknownArgumentType]
        found[aggregate] = float(value)
    return found
