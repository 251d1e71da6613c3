"""What the evaluator says: rows of ``alerts``, and of ``outbox`` for what the world is owed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.alerts.raised import Raised
from actors.alerts.state import Instance, Rule
from actors.alerts.wording import Wording
from actors.fold import Outputs
from events.catalog import ALERTS, OUTBOX, Stream, rows

HISTORY_US = 3_600_000_000
"""An alert that fired further than this behind the clock has no effects: it is history that was imported. A wide window may
be as far behind as it is wide."""
EFFECTS = ("alert.fired", "alert.resolved")
"""What people are told; of the second where they were told of the first."""


class Telling:
    """Collects the rows that one call of the fold emits."""

    def __init__(self, bound_us: int, wording: Wording) -> None:
        self._bound_us = bound_us
        self._wording = wording
        self._alerts: list[dict[str, Any]] = []
        self._effects: list[dict[str, Any]] = []

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
        condition = rule.about
        alert = alert or instance.alert(rule.name, key)
        aggregate = condition.shown.aggregate
        said = self._wording.sentence(condition.metric, aggregate, key, instance.value, rule.bound, note)
        row = {
            "type": type_,
            "subject": alert,
            "time": at,
            "partition_key": rule.name,
            "alert": alert,
            "rule": rule.name,
            "severity": rule.severity,
            "metric": condition.metric,
            "key": key,
            "value": instance.value,
            "threshold": rule.bound,
            "message": said,
            "by": by,
        }
        self._alerts.append(row)
        if type_ == "alert.fired":
            instance.told = now - at - self._bound_us <= max(HISTORY_US, width)
        if type_ in EFFECTS and instance.told:
            self._effects += [_effect(row, channel, self._wording) for channel in rule.channels]

    def say(
        self, alert: Raised, type_: str, at: int, *, note: str = "", by: str | None = None, told: bool = True
    ) -> None:
        """The same of an alert that was sent by hand. ``told``: whether people are told, too."""
        row = {
            "type": type_,
            "subject": alert.id,
            "time": at,
            "partition_key": alert.name,
            "alert": alert.id,
            "rule": alert.name,
            "severity": alert.severity,
            "metric": "",
            "key": alert.key,
            "value": None,
            "threshold": None,
            "message": f"{alert.message} ({note})" if note else alert.message,
            "by": by,
        }
        self._alerts.append(row)
        if type_ in EFFECTS and told:
            said = {**row, "labels": alert.labels, "data": alert.data}
            self._effects += [_effect(said, channel, self._wording) for channel in alert.channels]

    def outputs(self) -> Outputs:
        outputs = Outputs()
        _emit(outputs, ALERTS, self._alerts)
        _emit(outputs, OUTBOX, self._effects)
        return outputs


def _effect(row: Mapping[str, Any], channel: str, wording: Wording) -> dict[str, Any]:
    return {
        "type": "notification.requested",
        "subject": row["alert"],
        "time": row["time"],
        "partition_key": channel,
        "channel": channel,
        "idempotency_key": f"{row['alert']}:{row['type']}:{row['time']}:{channel}",
        "body": wording.body(row),
    }


def _emit(outputs: Outputs, stream: Stream, told: list[dict[str, Any]]) -> None:
    if told:
        outputs.emit(stream.name, rows(stream, {c: [row[c] for row in told] for c in told[0]}, len(told)))
