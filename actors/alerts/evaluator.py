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

from actors.alerts.raised import MOST, place_of, raised
from actors.alerts.samples import Closed, Sample, read
from actors.alerts.state import Closing, Instance, Known, Rule, State, alert_id
from actors.alerts.telling import HISTORY_US, Telling
from actors.alerts.wording import Wording, unit_of
from actors.columns import times
from actors.fold import Batch, Outputs
from actors.ledger import spoken
from analytics.rules import Phase, Verdict, judge
from analytics.runs import mended, newest, within
from events.catalog import ALERTS, CLOCK, CONTROL, METRICS, OUTBOX

NO_DATA_US = 600_000_000
"""A condition that has been unknown for this long is a matter of the rule's ``no_data``."""
DAY_US = 86_400_000_000
"""After this long without rows a key sleeps, unless an alert of it is pending or fires; what held is forgotten, too."""
MOST_RUNS = 64
STEP_US = 5_000_000
"""The most that one tick counts: while the system was down, nothing stood still."""
MOVES = {Phase.PENDING: "alert.pending", Phase.FIRING: "alert.fired", Phase.RESOLVED: "alert.resolved"}


@dataclass
class AlertEvaluator:
    """The fold. ``bound_us``: how far windows close behind the clock in normal life, so that this makes no history."""

    bound_us: int = 5_000_000
    wording: Wording = field(default_factory=Wording)
    name: str = "alert_evaluator"
    version: int = 3
    reads: tuple[str, ...] = (CONTROL.name, METRICS.name, CLOCK.name)
    writes: tuple[str, ...] = (ALERTS.name, OUTBOX.name)
    _telling: Telling = field(init=False, repr=False)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        self._telling = Telling(self.bound_us, replace(self.wording, units=state.units))
        match batch.stream:
            case CONTROL.name:
                for row in batch.table.select(["type", "subject", "data", "time"]).to_pylist():
                    at = int(row["time"].timestamp() * 1e6)
                    self._command(state, row["type"], row["subject"], json.loads(row["data"]), at)
            case METRICS.name:
                for row in read(batch, state.by_metric):
                    self._sample(state, row) if isinstance(row, Sample) else self._close(state, row)
            case _:
                for now in times(batch.table, "time").tolist():
                    self._tick(state, now)
        return state, self._telling.outputs()

    # -- commands ------------------------------------------------------------------------------------------------

    def _command(self, state: State, type_: str, subject: str, data: Mapping[str, Any], at: int) -> None:
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
            case _:
                pass

    def _withdraw(self, state: State, name: str, at: int, successor: Rule | None) -> None:
        """A rule goes or changes: what it had firing is resolved; keys that no rule asks about any more are forgotten."""
        rule = state.rules.pop(name, None)
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
        if rule.metric not in state.by_metric:
            state.known.pop(rule.metric, None)
            state.forget_order()

    def _acknowledge(self, state: State, alert: str, by: str, at: int) -> None:
        for name, instances in sorted(state.instances.items()):
            for key, instance in sorted(instances.items()):
                if instance.phase is not Phase.OK and instance.alert(name, key) == alert:
                    rule = state.rules[name]
                    type_ = "alert.acknowledged"
                    self._telling.tell(rule, key, instance, type_, at, now=state.now, note=f"by {by}", by=by)
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
        if sample.past:
            pass  # it tells which keys there are
        elif sample.end <= judged_to:
            for rule, verdict, value in sample.judged:
                self._revise(state, rule, sample, verdict, value)
        else:
            for rule, verdict, value in sample.judged:
                before = sample.end - sample.width
                if closing.figures and (newest_end or state.by_definition(rule, closing) == sample.key):
                    silence, figure = rule.judge_silence(closing.figures)
                    self._judge(state, rule, sample.key, judged_to, before, sample.width, silence, figure)
                self._judge(state, rule, sample.key, before, sample.end, sample.width, verdict, value)
        known.keys[sample.key] = max(newest_end, sample.end)

    def _close(self, state: State, closed: Closed) -> None:
        """Judge the silence of every known key that had no rows in the windows now closed."""
        closing = _heard(state, closed)
        closing.figures, closing.keyed = closed.figures, closed.keyed
        rules = state.rules_of(closed.definition)
        for rule in rules if not closed.past else ():
            verdict, value = rule.judge_silence(closed.figures)
            known = state.known.get(rule.metric)
            for key in self._silent(state, rule, closing, verdict):
                spoken = known.keys.get(key, 0) if known else 0
                self._judge(state, rule, key, max(closed.start, spoken), closed.end, closed.width, verdict, value)
        closing.until = max(closing.until, closed.end)
        self._forget(state, rules, closing.until)

    def _silent(self, state: State, rule: Rule, closing: Closing, verdict: Verdict) -> list[str]:
        """The keys at which a silence of this verdict can change anything, in order."""
        instances = state.instances.get(rule.name)
        keys = {key for key, instance in instances.items() if instance.active} if instances else set[str]()
        if verdict is Verdict.BREACHED or (verdict is Verdict.UNKNOWN and rule.no_data == "fire"):
            keys |= state.keys_of(rule, closing)
        return sorted(keys)

    def _judge(
        self, state: State, rule: Rule, key: str, after: int, to: int, width: int, verdict: Verdict, value: float | None
    ) -> None:
        """Take the verdict on every window that ends in (after, to], all alike, for the first time."""
        first = (after // width + 1) * width
        if first > to:
            return
        instances = state.instances.setdefault(rule.name, {})
        instance = instances.get(key)
        if instance is None:
            if verdict is Verdict.FINE or (verdict is Verdict.UNKNOWN and rule.no_data != "fire"):
                return
            instance = instances[key] = Instance()
        if verdict is Verdict.UNKNOWN:
            instance.blank = instance.blank or first - width
            due = max(first, _grid(instance.blank + NO_DATA_US, width))
            if due <= to:
                self._no_data(state, rule, key, instance, due, width)
            return
        instance.blank, instance.value = 0, value
        breached = verdict is Verdict.BREACHED
        if breached and not instance.holding:
            instance.runs.append((first, first))
        if breached and not instance.active:
            instance.began = instance.runs[-1][0]
        instance.last = to
        if not breached:
            self._move(state, rule, key, instance, judge(instance.phase, False, 0, first, rule.for_us), first, width)
            return
        began = instance.runs[-1][0]
        instance.runs[-1] = (began, to)
        for at in (first, max(first, _grid(began + rule.for_us, width))):
            if at <= to:
                phase = judge(instance.phase, True, began, at, rule.for_us)
                self._move(state, rule, key, instance, phase, at, width)

    def _no_data(self, state: State, rule: Rule, key: str, instance: Instance, at: int, width: int) -> None:
        """The condition has been unknown for long."""
        if rule.no_data == "keep":
            return
        note = f"no data for {NO_DATA_US // 60_000_000} minutes"
        instance.last, instance.value = max(at, instance.last), None
        if rule.no_data == "fire":
            if not instance.active:
                instance.began = at
            self._move(state, rule, key, instance, Phase.FIRING, at, width, note)
        else:
            self._move(state, rule, key, instance, judge(instance.phase, False, 0, at, 0), at, width, note)

    def _revise(self, state: State, rule: Rule, sample: Sample, verdict: Verdict, value: float | None) -> None:
        """Late rows changed a window that was judged: a pending alert is counted anew, any other gets a line of history."""
        instances = state.instances.setdefault(rule.name, {})
        instance = instances.get(sample.key)
        held = instance is not None and within(instance.runs, sample.end)
        breached = verdict is Verdict.BREACHED
        if breached == held or verdict is Verdict.UNKNOWN:
            return
        if instance is None:
            instance = instances[sample.key] = Instance(last=state.closings[sample.definition].until)
        before = instance.runs[-1] if instance.runs else None
        instance.runs = mended(instance.runs, sample.end, breached, sample.width)
        now_held = instance.runs[-1] if instance.runs else None
        if instance.phase is Phase.PENDING and before != now_held:
            at = instance.last
            phase = judge(
                Phase.PENDING, instance.holding, instance.runs[-1][0] if instance.holding else 0, at, rule.for_us
            )
            self._move(state, rule, sample.key, instance, phase, at, sample.width, "late rows")
            return
        own = instance.phase is Phase.OK or sample.end < instance.began
        alert = alert_id(rule.name, sample.key, sample.end) if own else None
        shown = msgspec.structs.replace(instance, value=value)
        self._telling.tell(
            rule, sample.key, shown, "alert.revised", sample.end, now=state.now, note="late rows", alert=alert
        )

    def _move(
        self, state: State, rule: Rule, key: str, instance: Instance, phase: Phase, at: int, width: int, note: str = ""
    ) -> None:
        before, instance.phase = instance.phase, phase
        if phase is before or (phase is Phase.OK and before is not Phase.PENDING):
            return
        type_ = MOVES.get(phase, "alert.calmed")
        self._telling.tell(rule, key, instance, type_, at, now=state.now, width=width, note=note)

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

    def _stand_still(self, state: State, definition: str, closing: Closing, now: int) -> None:
        """Nothing says any more how a definition's windows fare, not even that they are empty: there is no data."""
        for rule in state.rules_of(definition):
            if rule.judge(closing.figures)[0] is Verdict.BREACHED:
                continue  # it is about silence, and silence it is
            instances = state.instances.setdefault(rule.name, {})
            for key in self._silent(state, rule, closing, Verdict.UNKNOWN):
                self._no_data(state, rule, key, instances.setdefault(key, Instance()), now, closing.width)
        if closing.still >= DAY_US:
            self._forget(state, state.rules_of(definition), closing.until + closing.still)

    def _forget(self, state: State, rules: Sequence[Rule], until: int) -> None:
        """Let go what is a day old by event time: what held of alerts that are over, keys without rows."""
        awake: dict[str, set[str]] = {}
        for rule in rules:
            instances = state.instances.get(rule.name, {})
            if not instances and rule.metric not in state.known:
                continue
            for key, instance in list(instances.items()):
                after = 0 if instance.active else until - DAY_US
                instance.runs = newest(instance.runs, after, MOST_RUNS)
                if not (instance.active or instance.runs or (instance.blank and rule.no_data == "fire")):
                    del instances[key]
            awake.setdefault(rule.metric, set()).update(k for k, i in instances.items() if i.active)
        for metric, names in awake.items():
            if known := state.known.get(metric):
                known.keys = {k: end for k, end in known.keys.items() if end > until - DAY_US or k in names}

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _heard(state: State, row: Sample | Closed) -> Closing:
    closing = state.closings.setdefault(row.definition, Closing())
    closing.width, closing.still = row.width, 0
    return closing


def _grid(at: int, width: int) -> int:
    """The first end of a window that is not before ``at``."""
    return -(-at // width) * width
