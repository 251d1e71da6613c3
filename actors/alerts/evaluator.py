"""The alert evaluator: OK -> PENDING -> FIRING -> RESOLVED on event time, with effects as events on the outbox.

Rules and acknowledgements come on ``control``, so each has one exact place among the samples. Samples of long ago (an
import of history) give transitions without effects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
import xxhash

from actors.columns import floats, labels, times
from actors.fold import Batch, Outputs
from analytics.rules import Condition, Phase, judge, parse
from events.catalog import ALERTS, CLOCK, CONTROL, METRICS, OUTBOX, rows

HISTORY_US = 3_600_000_000
"""Transitions further than this behind the clock have no effects."""
STALE_US = 600_000_000
"""A pending alert does not fire on the clock's word alone once its last sample is older than this."""

parsed = lru_cache(maxsize=1024)(parse)


class Rule(msgspec.Struct, frozen=True):
    name: str
    condition: str
    threshold: float
    channels: tuple[str, ...] = ()
    severity: str = "medium"
    for_s: float = 0.0


class Instance(msgspec.Struct):
    """One rule at one key."""

    phase: Phase
    since: int
    """When the condition began to hold, us."""
    last: int
    """Event time of the last sample judged, us."""
    value: float
    bound: float

    def alert(self, rule: str, key: str) -> str:
        return xxhash.xxh3_64_hexdigest(f"{rule}\0{key}\0{self.since}".encode())


class _Judged(NamedTuple):
    """One sample in the eyes of one rule."""

    key: str
    at: int
    breached: bool
    value: float
    bound: float


class State(msgspec.Struct):
    now: int = 0
    rules: dict[str, Rule] = {}
    instances: dict[str, dict[str, Instance]] = {}
    """By rule, by key; only those that are not OK, or were judged lately."""


@dataclass
class AlertEvaluator:
    """The fold."""

    name: str = "alert_evaluator"
    version: int = 1
    reads: tuple[str, ...] = (CONTROL.name, METRICS.name, CLOCK.name)
    writes: tuple[str, ...] = (ALERTS.name, OUTBOX.name)
    _alerts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]], repr=False)
    _effects: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]], repr=False)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        self._alerts, self._effects = [], []
        match batch.stream:
            case CONTROL.name:
                for row in batch.table.select(["type", "subject", "data", "time"]).to_pylist():
                    at = int(row["time"].timestamp() * 1e6)
                    self._command(state, row["type"], row["subject"], json.loads(row["data"]), at)
            case METRICS.name:
                self._samples(state, batch)
            case _:
                for now in times(batch.table, "time").tolist():
                    self._tick(state, now)
        return state, self._outputs()

    def _command(self, state: State, type_: str, subject: str, data: Mapping[str, Any], at: int) -> None:
        match type_:
            case "rule.created":
                rule = msgspec.convert(data, Rule)
                if state.rules.get(subject) != rule:
                    self._withdraw(state, subject, at)
                    state.rules[subject] = rule
            case "rule.deleted":
                self._withdraw(state, subject, at)
                state.rules.pop(subject, None)
            case "alert.acknowledged":
                self._acknowledge(state, subject, str(data.get("by", "")), at)
            case _:
                pass

    def _withdraw(self, state: State, name: str, at: int) -> None:
        """A rule goes or changes: what it had firing is resolved."""
        rule = state.rules.get(name)
        for key, instance in sorted(state.instances.pop(name, {}).items()):
            if rule and instance.phase is Phase.FIRING:
                self._tell(state, rule, key, instance, "alert.resolved", at, "the rule was changed")
            elif rule and instance.phase is Phase.PENDING:
                self._tell(state, rule, key, instance, "alert.calmed", at, "the rule was changed")

    def _acknowledge(self, state: State, alert: str, by: str, at: int) -> None:
        for name, instances in sorted(state.instances.items()):
            for key, instance in sorted(instances.items()):
                if instance.phase is not Phase.OK and instance.alert(name, key) == alert:
                    rule = state.rules[name]
                    self._tell(state, rule, key, instance, "alert.acknowledged", at, f"by {by}", by=by, effect=False)

    def _samples(self, state: State, batch: Batch) -> None:
        """Judge each sample by each rule that is about its metric, in the order of the samples."""
        codes, metrics = labels(batch.table, "metric")
        judged: list[tuple[int, str, _Judged]] = []
        for name in sorted(state.rules):
            rule = state.rules[name]
            condition = parsed(rule.condition)
            if condition.metric in metrics:
                chosen = np.flatnonzero(codes == metrics.index(condition.metric))
                judged += [(row, name, sample) for row, sample in _judged(rule, condition, batch, chosen)]
        for _, name, sample in sorted(judged, key=lambda j: j[:2]):
            self._sample(state, state.rules[name], sample)

    def _sample(self, state: State, rule: Rule, sample: _Judged) -> None:
        instances = state.instances.setdefault(rule.name, {})
        instance = instances.get(sample.key)
        if instance is None:
            if not sample.breached:
                return
            instance = instances[sample.key] = Instance(Phase.OK, sample.at, 0, sample.value, sample.bound)
        if sample.at <= instance.last:
            return  # a late revision: what was told then stays told
        if sample.breached and instance.phase in (Phase.OK, Phase.RESOLVED):
            instance.since = sample.at
        instance.last, instance.value, instance.bound = sample.at, sample.value, sample.bound
        phase = judge(instance.phase, sample.breached, instance.since, sample.at, _us(rule))
        self._move(state, rule, sample.key, instance, phase, sample.at)
        if instance.phase is Phase.OK:
            del instances[sample.key]

    def _tick(self, state: State, now: int) -> None:
        state.now = max(state.now, now)
        for name in sorted(state.instances):
            rule = state.rules[name]
            for key, instance in sorted(state.instances[name].items()):
                if instance.phase is Phase.PENDING and now - instance.last <= STALE_US:
                    self._move(
                        state, rule, key, instance, judge(instance.phase, True, instance.since, now, _us(rule)), now
                    )

    def _move(self, state: State, rule: Rule, key: str, instance: Instance, phase: Phase, at: int) -> None:
        before, instance.phase = instance.phase, phase
        if phase is before:
            return
        if phase is Phase.OK:
            if before is Phase.PENDING:
                self._tell(state, rule, key, instance, "alert.calmed", at, "", effect=False)
            return
        type_ = {Phase.PENDING: "alert.pending", Phase.FIRING: "alert.fired", Phase.RESOLVED: "alert.resolved"}[phase]
        self._tell(state, rule, key, instance, type_, at, "", effect=phase is not Phase.PENDING)

    def _tell(
        self,
        state: State,
        rule: Rule,
        key: str,
        instance: Instance,
        type_: str,
        at: int,
        note: str,
        *,
        by: str | None = None,
        effect: bool = True,
    ) -> None:
        condition = parsed(rule.condition)
        alert = instance.alert(rule.name, key)
        said = f"{condition.metric}.{condition.shown.aggregate} is {instance.value:.4g}, limit {instance.bound:.4g}"
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
            "threshold": instance.bound,
            "message": f"{said} ({note})" if note else said,
            "by": by,
        }
        self._alerts.append(row)
        if not effect or state.now - at > HISTORY_US:
            return
        body = json.dumps(row, sort_keys=True)
        self._effects += [
            {
                "type": "notification.requested",
                "subject": alert,
                "time": at,
                "partition_key": channel,
                "channel": channel,
                "idempotency_key": f"{alert}:{type_}:{at}:{channel}",
                "body": body,
            }
            for channel in rule.channels
        ]

    def _outputs(self) -> Outputs:
        outputs = Outputs()
        for stream, told in ((ALERTS, self._alerts), (OUTBOX, self._effects)):
            if told:
                outputs.emit(stream.name, rows(stream, {c: [row[c] for row in told] for c in told[0]}, len(told)))
        self._alerts, self._effects = [], []
        return outputs

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _judged(rule: Rule, condition: Condition, batch: Batch, chosen: np.ndarray) -> Iterator[tuple[int, _Judged]]:
    """(row, verdict) of the ``chosen`` rows that the rule is about."""
    table = batch.table.take(chosen)
    codes, keys = labels(table, "key")
    ends = times(table, "time")
    columns = {c.aggregate: _values(table, c.aggregate) for group in condition.alternatives for c in group}
    breach = condition.holds(columns, rule.threshold)
    values = columns[condition.shown.aggregate]
    bound = rule.threshold if condition.shown.bound is None else condition.shown.bound
    for i, row in enumerate(chosen.tolist()):
        key = keys[codes[i]]
        if condition.key is None or key == condition.key:
            yield row, _Judged(key, int(ends[i]), bool(breach[i]), float(values[i]), bound)


def _us(rule: Rule) -> int:
    return int(rule.for_s * 1e6)


def _values(table: Any, aggregate: str) -> np.ndarray:
    """float64[n], NaN where there is none; ``rate`` is count per second."""
    name = "count" if aggregate == "rate" else aggregate
    values = floats(table, name)
    return values / (times(table, "width_us") / 1e6) if aggregate == "rate" else values
