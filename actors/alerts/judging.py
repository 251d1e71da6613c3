"""How one rule's alert at one key moves through its phases: what each verdict, and each silence, does to it."""

from __future__ import annotations

import msgspec

from actors.alerts.samples import Sample
from actors.alerts.state import Instance, Judgement, Rule, State, alert_id
from actors.alerts.telling import Telling
from analytics.rules import Phase, Verdict, judge
from analytics.runs import mended, within

NO_DATA_US = 600_000_000
"""A condition that has been unknown for this long is a matter of the rule's ``no_data``."""
MOVES = {Phase.PENDING: "alert.pending", Phase.FIRING: "alert.fired", Phase.RESOLVED: "alert.resolved"}


class Judging:
    """Moves the alerts of ``state``, and tells what happens."""

    def __init__(self, state: State, telling: Telling) -> None:
        self._state = state
        self._telling = telling

    def judge(self, rule: Rule, key: str, after: int, to: int, width: int, found: Judgement) -> None:
        """Take what was found on every window that ends in (after, to], all alike, for the first time."""
        if rule.hours is None:
            self._judge(rule, key, after, to, width, found)
            return
        if found.verdict is Verdict.FINE and key not in self._state.instances.get(rule.name, {}):
            return
        asleep = Judgement(Verdict.FINE, found.value, Verdict.FINE)
        for begin, end, within_hours in rule.hours.stretches(after, to, width):
            note = "" if within_hours else "outside the hours of the rule"
            self._judge(rule, key, begin, end, width, found if within_hours else asleep, note)

    def _judge(self, rule: Rule, key: str, after: int, to: int, width: int, found: Judgement, note: str = "") -> None:
        first = (after // width + 1) * width
        if first > to:
            return
        instances = self._state.instances.setdefault(rule.name, {})
        instance = instances.get(key)
        verdict, value, _ = found
        if instance is not None and instance.phase is Phase.FIRING:
            verdict = found.held
        if instance is None:
            if verdict is Verdict.FINE or (verdict is Verdict.UNKNOWN and rule.no_data != "fire"):
                return
            instance = instances[key] = Instance()
        if verdict is Verdict.UNKNOWN:
            instance.blank = instance.blank or first - width
            due = max(first, _grid(instance.blank + NO_DATA_US, width))
            if due <= to:
                self.no_data(rule, key, instance, due, width)
            return
        instance.blank, instance.value = 0, value
        breached = verdict is Verdict.BREACHED
        if breached and not instance.holding:
            instance.runs.append((first, first))
        if breached and not instance.active:
            instance.began = instance.runs[-1][0]
        instance.last = to
        if not breached:
            due = first
            if rule.keep_us and instance.phase is Phase.FIRING and not note:
                calm = instance.runs[-1][1] if instance.runs else instance.began
                due = max(first, _grid(calm + rule.keep_us, width))
            if due <= to:
                self.move(rule, key, instance, judge(instance.phase, False, 0, due, rule.for_us), due, width, note)
            return
        began = instance.runs[-1][0]
        instance.runs[-1] = (began, to)
        for at in (first, max(first, _grid(began + rule.for_us, width))):
            if at <= to:
                phase = judge(instance.phase, True, began, at, rule.for_us)
                self.move(rule, key, instance, phase, at, width)

    def no_data(self, rule: Rule, key: str, instance: Instance, at: int, width: int) -> None:
        """The condition has been unknown for long."""
        if rule.no_data == "keep":
            return
        note = f"no data for {NO_DATA_US // 60_000_000} minutes"
        instance.last, instance.value = max(at, instance.last), None
        if rule.no_data == "fire":
            if not instance.active:
                instance.began = at
            self.move(rule, key, instance, Phase.FIRING, at, width, note)
        else:
            self.move(rule, key, instance, judge(instance.phase, False, 0, at, 0), at, width, note)

    def revise(self, rule: Rule, sample: Sample, found: Judgement) -> None:
        """Late rows changed a window that was judged: a pending alert is counted anew, any other gets a line of history."""
        state = self._state
        instances = state.instances.setdefault(rule.name, {})
        instance = instances.get(sample.key)
        verdict, value, _ = found
        held = instance is not None and within(instance.runs, sample.end)
        breached = (found.held if held else verdict) is Verdict.BREACHED
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
            self.move(rule, sample.key, instance, phase, at, sample.width, "late rows")
            return
        own = instance.phase is Phase.OK or sample.end < instance.began
        alert = alert_id(rule.name, sample.key, sample.end) if own else None
        shown = msgspec.structs.replace(instance, value=value)
        self._telling.tell(
            rule, sample.key, shown, "alert.revised", sample.end, now=state.now, note="late rows", alert=alert
        )

    def move(self, rule: Rule, key: str, instance: Instance, phase: Phase, at: int, width: int, note: str = "") -> None:
        before, instance.phase = instance.phase, phase
        if phase is before or (phase is Phase.OK and before is not Phase.PENDING):
            return
        type_ = MOVES.get(phase, "alert.calmed")
        self._telling.tell(rule, key, instance, type_, at, now=self._state.now, width=width, note=note)


def _grid(at: int, width: int) -> int:
    """The first end of a window that is not before ``at``."""
    return -(-at // width) * width
