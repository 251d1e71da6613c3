"""What the evaluator says: rows of ``alerts``, and of ``outbox`` for what the world is owed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.alerts.annotations import rendered
from actors.alerts.life import Held
from actors.alerts.raised import Raised
from actors.alerts.routing import Router, nearby
from actors.alerts.state import Instance, Rule, State
from actors.alerts.wording import Wording, iso
from actors.fold import Outputs
from events.catalog import ALERTS, OUTBOX, Stream, rows

HISTORY_US = 3_600_000_000
"""An alert that fired further than this behind the clock has no effects: it is history that was imported. A wide window may
be as far behind as it is wide."""


class Telling:
    """Collects the rows that one call of the fold emits."""

    def __init__(self, bound_us: int, wording: Wording, state: State, tells: bool = True) -> None:
        self._tells = tells
        self._bound_us = bound_us
        self._wording = wording
        self._state = state
        self._alerts: list[dict[str, Any]] = []
        self._effects: list[dict[str, Any]] = []

    def router(self, at: int = 0) -> Router:
        """Who is told of what, as of the newest tick; of ``at`` where there was none."""
        return Router(self._state.life, self, self._state.now or at)

    def tell(
        self,
        rule: Rule,
        key: str,
        instance: Instance,
        type_: str,
        at: int,
        *,
        now: int,
        width: int = 0,
        note: str = "",
        by: str | None = None,
        alert: str | None = None,
    ) -> None:
        """Say that ``type_`` happened at ``at``; ``width`` of the window that showed it, ``now`` by the clock (all us)."""
        alert = alert or instance.alert(rule.name, key)
        bound = rule.bound
        if rule.joint is not None:
            said = self._wording.expression(rule.joint.text, instance.value, bound, note)
        else:
            aggregate = rule.about.shown.aggregate
            said = self._wording.sentence(rule.metric, aggregate, key, instance.value, bound or 0.0, note)
        row = _row(alert, rule.name, rule.severity, type_, at, said, key=key, metric=rule.metric, by=by)
        row |= {"value": instance.value, "threshold": bound}
        self._alerts.append(row)
        if type_ == "alert.fired":
            instance.told = now - at - self._bound_us <= max(HISTORY_US, width)
        if not instance.told or type_ not in ("alert.fired", "alert.resolved"):
            return
        extra: dict[str, Any] = {"labels": rule.labels, "runbook": rule.runbook, "condition": rule.condition}
        extra["annotations"] = rendered(rule.annotations, {**row, "labels": rule.labels, "time": iso(at)})
        extra = {name: value for name, value in extra.items() if value}
        self._turn(row, extra, rule.labels, rule.channels)

    def say(
        self, alert: Raised, type_: str, at: int, *, note: str = "", by: str | None = None, told: bool = True
    ) -> None:
        """The same of an alert that was sent by hand. ``told``: whether people are told, too."""
        said = f"{alert.message} ({note})" if note else alert.message
        row = _row(alert.id, alert.name, alert.severity, type_, at, said, key=alert.key, by=by)
        self._alerts.append(row)
        if told and type_ in ("alert.fired", "alert.resolved"):
            extra = {name: value for name, value in {"labels": alert.labels, "data": alert.data}.items() if value}
            self._turn(row, extra, alert.labels, alert.channels)

    def _turn(
        self, row: dict[str, Any], extra: dict[str, Any], labels: Mapping[str, str], channels: tuple[str, ...]
    ) -> None:
        """Whoever is to be told is told."""
        if not self._tells:
            return
        about = {name: str(row[name]) for name in ("rule", "severity", "metric", "key")}
        held = Held({**labels, **about}, channels, row, extra, max(row["time"], self._state.now), told=True)
        if row["type"] == "alert.resolved":
            self.router(row["time"]).resolved(held)
            return
        if near := nearby(self._state.life, row["alert"], row["time"]):
            extra["nearby"] = near
        held.told = False
        self.router(row["time"]).fired(held)

    def row(self, row: Mapping[str, Any]) -> None:
        self._alerts.append(dict(row))

    def send(self, channel: str, key: str, body: Mapping[str, Any]) -> None:
        self._effects.append(
            {
                "type": "notification.requested",
                "subject": body["alert"],
                "time": body["time"],
                "partition_key": channel,
                "channel": channel,
                "idempotency_key": key,
                "body": self._wording.body(body),
            }
        )

    def outputs(self) -> Outputs:
        outputs = Outputs()
        _emit(outputs, ALERTS, self._alerts)
        _emit(outputs, OUTBOX, self._effects)
        return outputs


def _row(
    alert: str,
    rule: str,
    severity: str,
    type_: str,
    at: int,
    message: str,
    *,
    key: str,
    metric: str = "",
    by: str | None = None,
) -> dict[str, Any]:
    return {
        "type": type_,
        "subject": alert,
        "time": at,
        "partition_key": rule,
        "alert": alert,
        "rule": rule,
        "severity": severity,
        "metric": metric,
        "key": key,
        "value": None,
        "threshold": None,
        "message": message,
        "by": by,
    }


def _emit(outputs: Outputs, stream: Stream, told: list[dict[str, Any]]) -> None:
    if told:
        outputs.emit(stream.name, rows(stream, {c: [row[c] for row in told] for c in told[0]}, len(told)))
