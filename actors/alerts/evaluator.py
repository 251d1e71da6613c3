"""The alert evaluator: OK -> PENDING -> FIRING -> RESOLVED on event time, with effects as events on the outbox.

Rules and acknowledgements come on ``control``, so each has one exact place among the samples. Every window of every key that
is known is judged once, in order, when the watermark closes it: by its sample, or, where the key had no rows, by the figures
that ``window.closed`` gives to silence (a count of zero; no mean at all). What comes later, as a revision, recounts a
pending alert; of any other it is history (``alert.revised``) and tells nobody. Windows of long ago (an import of history)
give transitions without effects. Windows from before a metric was defined are not judged at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from actors.alerts import joining
from actors.alerts.joining import Joined
from actors.alerts.judging import NO_DATA_US, Judging
from actors.alerts.raised import MOST, place_of, raised
from actors.alerts.samples import Closed, Sample, read
from actors.alerts.state import Closing, Instance, Known, Rule, State
from actors.alerts.telling import HISTORY_US, Telling
from actors.alerts.wording import Wording, unit_of
from actors.columns import times
from actors.fold import Batch, Outputs
from actors.ledger import spoken
from analytics.rules import Phase, Verdict
from analytics.runs import newest
from events.catalog import ALERTS, CLOCK, CONTROL, METRICS, OUTBOX

DAY_US = 86_400_000_000
"""After this long without rows a key sleeps, unless an alert of it is pending or fires; what held is forgotten, too."""
MOST_RUNS = 64
STEP_US = 5_000_000
"""The most that one tick counts: while the system was down, nothing stood still."""


@dataclass
class AlertEvaluator:
    """The fold. ``bound_us``: how far windows close behind the clock in normal life, so that this makes no history."""

    bound_us: int = 5_000_000
    wording: Wording = field(default_factory=Wording)
    tells: bool = True
    """Whether anybody is told: of a backtest nobody is."""
    name: str = "alert_evaluator"
    version: int = 3
    reads: tuple[str, ...] = (CONTROL.name, METRICS.name, CLOCK.name)
    writes: tuple[str, ...] = (ALERTS.name, OUTBOX.name)
    _telling: Telling = field(init=False, repr=False)
    _judging: Judging = field(init=False, repr=False)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        self._telling = Telling(self.bound_us, replace(self.wording, units=state.units), state, self.tells)
        self._judging = Judging(state, self._telling)
        match batch.stream:
            case CONTROL.name:
                for row in batch.table.select(["type", "subject", "data", "time"]).to_pylist():
                    at = int(row["time"].timestamp() * 1e6)
                    self._command(state, row["type"], row["subject"], json.loads(row["data"]), at)
            case METRICS.name:
                for row in read(batch, state.by_metric, state.joint_by_metric):
                    self._sample(state, row) if isinstance(row, Sample) else self._close(state, row)
            case _:
                for now in times(batch.table, "time").tolist():
                    self._tick(state, now)
        return state, self._telling.outputs()

    # -- commands ------------------------------------------------------------------------------------------------

    def _command(self, state: State, type_: str, subject: str, data: Mapping[str, Any], at: int) -> None:
        kind, _, word = type_.partition(".")
        if word in ("defined", "removed"):
            spec = spoken(type_, data)[2] if word == "defined" else None
            self._telling.router(at).defined(kind, subject, spec, str(data.get("by", "")), at)
        match type_:
            case "rule.defined" | "rule.created":
                rule = msgspec.convert(spoken(type_, data)[2], Rule)
                if state.rules.get(subject) != rule:
                    self._withdraw(state, subject, at, rule)
            case "rule.removed" | "rule.deleted":
                self._withdraw(state, subject, at, None)
            case "metric.defined":
                state.units[subject] = unit_of(spoken(type_, data)[2] or {})
            case "metric.removed":
                state.units.pop(subject, None)
            case "alert.acknowledged":
                self._acknowledge(state, subject, str(data.get("by", "")), at)
            case "alert.raised":
                self._raise(state, subject, data, at)
            case "silence.created":
                self._telling.router(at).silence(subject, data, at)
            case "silence.ended":
                self._telling.router(at).silence_ended(subject)
            case _:
                pass

    def _withdraw(self, state: State, name: str, at: int, successor: Rule | None) -> None:
        """A rule goes or changes: what it had firing is resolved; keys that no rule asks about any more are forgotten."""
        rule = state.rules.pop(name, None)
        state.joined.pop(name, None)
        if successor is not None:
            assert successor.metric  # its condition is read here, once, and not while samples wait
            state.rules[name] = successor
        state.forget_order()
        if rule is None:
            return
        for key, instance in sorted(state.instances.pop(name, {}).items()):
            if instance.active:
                type_ = "alert.resolved" if instance.phase is Phase.FIRING else "alert.calmed"
                self._telling.tell(rule, key, instance, type_, at, now=state.now, note="the rule was changed")
        for metric in rule.metrics:
            if metric not in state.by_metric and metric not in state.joint_by_metric:
                state.known.pop(metric, None)
        state.forget_order()

    def _acknowledge(self, state: State, alert: str, by: str, at: int) -> None:
        for name, instances in sorted(state.instances.items()):
            for key, instance in sorted(instances.items()):
                if instance.phase is not Phase.OK and instance.alert(name, key) == alert:
                    rule = state.rules[name]
                    type_ = "alert.acknowledged"
                    self._telling.tell(rule, key, instance, type_, at, now=state.now, note=f"by {by}", by=by)
        self._telling.router(at).acknowledged(alert)
        for held in [held for held in state.raised.values() if held.id == alert]:
            self._telling.say(held, "alert.acknowledged", at, note=f"by {by}", by=by)

    def _raise(self, state: State, name: str, data: Mapping[str, Any], at: int) -> None:
        """A program says that something is wrong, or that it is not any more."""
        alert = raised(name, data, at)
        place = place_of(name, alert.key)
        before = state.raised.get(place)
        if data.get("status") == "resolved":
            if before is not None:
                self._telling.say(state.raised.pop(place), "alert.resolved", at)
        elif before is not None:
            before.expires = alert.expires
        else:
            fresh = state.now - at <= HISTORY_US and len(state.raised) < MOST
            if fresh:
                state.raised[place] = alert
            self._telling.say(alert, "alert.fired", at, told=fresh)

    # -- windows -------------------------------------------------------------------------------------------------

    def _sample(self, state: State, sample: Sample) -> None:
        closing = _heard(state, sample)
        known = state.known.get(sample.metric)
        if known is None or known.definition != sample.definition:
            known = state.known[sample.metric] = Known(sample.definition, known.keys if known else {})
            state.forget_order()
        newest_end = known.keys.get(sample.key, 0)
        judged_to = max(closing.until, newest_end)
        if sample.figures is not None and (sample.past or sample.end > judged_to):
            for rule in state.joint_by_metric[sample.metric]:
                self._joined(state, rule, sample.metric, sample.key, sample.end, sample.width, sample.figures)
        if sample.past:
            pass  # it tells which keys there are
        elif sample.end <= judged_to:
            for rule, found in sample.judged:
                self._judging.revise(rule, sample, found)
        else:
            for rule, found in sample.judged:
                before = sample.end - sample.width
                if closing.figures and (newest_end or state.by_definition(rule, closing) == sample.key):
                    silence = rule.judge_silence(closing.figures)
                    self._judging.judge(rule, sample.key, judged_to, before, sample.width, silence)
                self._judging.judge(rule, sample.key, before, sample.end, sample.width, found)
        known.keys[sample.key] = max(newest_end, sample.end)

    def _close(self, state: State, closed: Closed) -> None:
        """Judge the silence of every known key that had no rows in the windows now closed."""
        closing = _heard(state, closed)
        closing.figures, closing.keyed = closed.figures, closed.keyed
        rules = state.rules_of(closed.definition)
        for rule in rules if not closed.past else ():
            found = rule.judge_silence(closed.figures)
            known = state.known.get(rule.metric)
            for key in self._silent(state, rule, closing, found.verdict):
                spoken = known.keys.get(key, 0) if known else 0
                self._judging.judge(rule, key, max(closed.start, spoken), closed.end, closed.width, found)
        closing.until = max(closing.until, closed.end)
        self._forget(state, rules, closing.until)
        for rule in state.joint_rules_of(closed.definition):
            joined = state.joined.setdefault(rule.name, Joined())
            for metric in rule.metrics:
                if state.definition_of(metric) == closed.definition and closed.start:
                    joined.begun[metric] = min(joined.begun.get(metric, closed.start), closed.start)
            if not closed.past:
                self._join(state, rule)

    def _joined(
        self, state: State, rule: Rule, metric: str, key: str, end: int, width: int, figures: Mapping[str, float]
    ) -> None:
        assert rule.joint is not None
        joining.take(state.joined.setdefault(rule.name, Joined()), rule.joint, metric, key, end, width, figures)

    def _join(self, state: State, rule: Rule) -> None:
        """Judge a rule over several series at each moment up to which all of them are closed now."""
        about, joined = rule.joint, state.joined.setdefault(rule.name, Joined())
        closings = {metric: state.closings.get(state.definition_of(metric)) for metric in rule.metrics}
        if about is None or not all(closing and closing.until for closing in closings.values()):
            return
        there = {metric: closing for metric, closing in closings.items() if closing is not None}
        widths = {metric: closing.width for metric, closing in there.items()}
        keyed = {metric: closing.keyed for metric, closing in there.items()}
        silence = {metric: closing.figures for metric, closing in there.items()}
        for after, to in joining.moments(joined, about, widths, min(closing.until for closing in there.values())):
            instances = state.instances.get(rule.name, {})
            keys = joining.keys_at(joined, about, keyed) | {k for k, i in instances.items() if i.active}
            for key in sorted(keys):
                figures = joining.figures_at(joined, about, key, to, widths, keyed, silence)
                self._judging.judge(rule, key, after, to, to - after, rule.judge_joint(figures))
        joining.forget(joined, about, widths)
        self._tidy(state, rule, joined.until)
        for metric in rule.metrics:
            if metric not in state.by_metric and (known := state.known.get(metric)):
                known.keys = {k: end for k, end in known.keys.items() if end > joined.until - DAY_US}

    def _silent(self, state: State, rule: Rule, closing: Closing, verdict: Verdict) -> list[str]:
        """The keys at which a silence of this verdict can change anything, in order."""
        instances = state.instances.get(rule.name)
        keys = {key for key, instance in instances.items() if instance.active} if instances else set[str]()
        if verdict is Verdict.BREACHED or (verdict is Verdict.UNKNOWN and rule.no_data == "fire"):
            keys |= state.keys_of(rule, closing)
        return sorted(keys)

    # -- time ----------------------------------------------------------------------------------------------------

    def _tick(self, state: State, now: int) -> None:
        step = min(max(now - state.now, 0), STEP_US) if state.now else 0
        state.now = max(state.now, now)
        still: list[str] = []
        for definition, closing in state.closings.items():
            closing.still += step
            if closing.until and closing.still >= NO_DATA_US + 2 * closing.width:
                still.append(definition)
        for definition in sorted(still):
            self._stand_still(state, definition, state.closings[definition], now)
        for place in sorted(p for p, alert in state.raised.items() if alert.expires and alert.expires <= now):
            self._telling.say(state.raised.pop(place), "alert.resolved", now, note="it was not said again")
        self._telling.router(now).tick()

    def _stand_still(self, state: State, definition: str, closing: Closing, now: int) -> None:
        """Nothing says any more how a definition's windows fare, not even that they are empty: there is no data."""
        for rule in state.rules_of(definition):
            if rule.judge(closing.figures).verdict is Verdict.BREACHED:
                continue  # it is about silence, and silence it is
            instances = state.instances.setdefault(rule.name, {})
            for key in self._silent(state, rule, closing, Verdict.UNKNOWN):
                self._judging.no_data(rule, key, instances.setdefault(key, Instance()), now, closing.width)
        for rule in state.joint_rules_of(definition):
            for key, instance in sorted(state.instances.get(rule.name, {}).items()):
                if instance.active:
                    self._judging.no_data(rule, key, instance, now, closing.width)
        if closing.still >= DAY_US:
            self._forget(state, state.rules_of(definition), closing.until + closing.still)

    def _forget(self, state: State, rules: Sequence[Rule], until: int) -> None:
        """Let go what is a day old by event time: what held of alerts that are over, keys without rows."""
        awake: dict[str, set[str]] = {}
        for rule in rules:
            instances = state.instances.get(rule.name, {})
            if not instances and rule.metric not in state.known:
                continue
            self._tidy(state, rule, until)
            awake.setdefault(rule.metric, set()).update(k for k, i in instances.items() if i.active)
        for metric, names in awake.items():
            if known := state.known.get(metric):
                known.keys = {k: end for k, end in known.keys.items() if end > until - DAY_US or k in names}

    def _tidy(self, state: State, rule: Rule, until: int) -> None:
        """Let go of a rule's alerts what is over for a day."""
        instances = state.instances.get(rule.name, {})
        for key, instance in list(instances.items()):
            after = 0 if instance.active else until - DAY_US
            instance.runs = newest(instance.runs, after, MOST_RUNS)
            if not (instance.active or instance.runs or (instance.blank and rule.no_data == "fire")):
                del instances[key]

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _heard(state: State, row: Sample | Closed) -> Closing:
    closing = state.closings.setdefault(row.definition, Closing())
    closing.width, closing.still = row.width, 0
    return closing
