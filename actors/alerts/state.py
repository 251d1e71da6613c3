"""What the alert evaluator remembers: rules, what each says of each key, how far windows are closed, what keys there are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import msgspec
import xxhash

from actors.alerts.joining import Joined
from actors.alerts.life import Life
from actors.alerts.raised import Raised
from analytics.expressions import Joint, read
from analytics.hours import DAYS, Hours
from analytics.rules import Condition, Phase, Verdict
from analytics.runs import Run

NoData = Literal["resolve", "keep", "fire"]


class Judgement(NamedTuple):
    """What a rule says of one window of one key."""

    verdict: Verdict
    value: float | None
    """What a message shows; None: there was no figure."""
    held: Verdict
    """The same once the alert fires, with ``clear_threshold``."""


class Rule(msgspec.Struct, frozen=True, dict=True):
    """An alert rule as ``control`` has it."""

    name: str
    condition: str
    threshold: float
    channels: tuple[str, ...] = ()
    severity: str = "medium"
    for_s: float = 0.0
    no_data: NoData = "resolve"
    """What becomes of an alert once its condition has been unknown for ``NO_DATA_US``."""
    clear_threshold: float | None = None
    keep_firing_for_s: float = 0.0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    runbook: str = ""
    active: dict[str, Any] | None = None

    @cached_property
    def meant(self) -> Condition | Joint:
        """What the condition says: of one series, or of several."""
        return read(self.condition)

    @property
    def about(self) -> Condition:
        """Of one series."""
        assert isinstance(self.meant, Condition)
        return self.meant

    @property
    def joint(self) -> Joint | None:
        """Of several series."""
        return self.meant if isinstance(self.meant, Joint) else None

    @property
    def metric(self) -> str:
        """The metric that a message names: the first."""
        return self.metrics[0]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that the condition is about."""
        return self.meant.metrics if isinstance(self.meant, Joint) else (self.meant.metric,)

    @cached_property
    def hours(self) -> Hours | None:
        """When it is judged; None: always."""
        if self.active is None:
            return None
        said = self.active
        start, end = (int(t.partition(":")[0]) * 60 + int(t.partition(":")[2]) for t in (said["from"], said["to"]))
        return Hours(frozenset(DAYS.index(day) for day in said["days"]), start, end, said["time_zone"])

    @property
    def plain(self) -> bool:
        """Whether a quiet window says nothing that the next quiet one would not say."""
        return self.clear_threshold is None and not self.keep_firing_for_s and self.active is None

    @property
    def keep_us(self) -> int:
        return int(self.keep_firing_for_s * 1e6)

    @property
    def for_us(self) -> int:
        return int(self.for_s * 1e6)

    @property
    def bound(self) -> float | None:
        """The limit that a message shows; None where it is a figure of its own."""
        if isinstance(self.meant, Joint):
            return self.meant.shown([math.nan] * len(self.meant.series), self.threshold)[1]
        shown = self.meant.shown.bound
        return self.threshold if shown is None else shown

    def judge(self, figures: dict[str, float]) -> Judgement:
        """What the condition says of one window by its figures; what is missing is unknown."""
        verdict = held = self.about.verdict(figures, self.threshold)
        if self.clear_threshold is not None:
            held = self.about.verdict(figures, self.clear_threshold)
        return Judgement(verdict, figures.get(self.about.shown.aggregate), held)

    def judge_joint(self, figures: Sequence[float]) -> Judgement:
        """The same by the figure of each series."""
        joint = self.joint
        assert joint is not None
        verdict = held = joint.verdict(figures, self.threshold)
        if self.clear_threshold is not None:
            held = joint.verdict(figures, self.clear_threshold)
        return Judgement(verdict, joint.shown(figures, self.threshold)[0], held)

    def judge_silence(self, figures: dict[str, float]) -> Judgement:
        """As ``judge``, for the figures of a key without rows: they are the same window after window."""
        known: tuple[dict[str, float], Judgement] | None = vars(self).get("silence")
        if known is None or known[0] != figures:
            known = vars(self)["silence"] = figures, self.judge(figures)
        return known[1]


class Instance(msgspec.Struct):
    """One rule at one key. Times are ends of windows, us UTC."""

    phase: Phase = Phase.OK
    began: int = 0
    """When the condition began to hold, which names the alert."""
    last: int = 0
    """The newest window of which it is known whether the condition held."""
    value: float | None = None
    runs: list[Run] = []
    """Where it held, lately."""
    told: bool = False
    """Whether people were told that it fires."""
    blank: int = 0
    """The last window before those without data; 0: the newest had data."""

    @property
    def active(self) -> bool:
        return self.phase in (Phase.PENDING, Phase.FIRING)

    @property
    def holding(self) -> bool:
        """Whether the condition held in the last window in which it was known."""
        return bool(self.runs) and self.runs[-1][1] == self.last

    def alert(self, rule: str, key: str) -> str:
        return alert_id(rule, key, self.began)


def alert_id(rule: str, key: str, began: int) -> str:
    return xxhash.xxh3_64_hexdigest(f"{rule}\0{key}\0{began}".encode())


class Closing(msgspec.Struct):
    """How far the windows of one definition (a metric, or ``{column}`` for all that the column names) are closed."""

    until: int = 0
    """End of the newest closed window, us UTC; 0: none is known to be."""
    width: int = 0
    keyed: bool = True
    still: int = 0
    """For how long the clock has ticked since anything came, us."""
    figures: dict[str, float] = {}
    """The figures of a key without rows."""


class Known(msgspec.Struct):
    """The keys of one metric that a rule is about."""

    definition: str
    keys: dict[str, int] = {}
    """End of each key's newest window with rows."""


class State(msgspec.Struct, dict=True):
    now: int = 0
    """The newest tick."""
    rules: dict[str, Rule] = {}
    instances: dict[str, dict[str, Instance]] = {}
    """By rule, by key: those that are not OK, or held lately."""
    closings: dict[str, Closing] = {}
    """By definition."""
    known: dict[str, Known] = {}
    """By metric."""
    units: dict[str, str] = {}
    """By metric: what its figures are measured in."""
    raised: dict[str, Raised] = {}
    """Alerts that were sent by hand and fire, by name and key."""
    joined: dict[str, Joined] = {}
    """By rule over several series: what is remembered of them."""
    life: Life = msgspec.field(default_factory=Life)
    """Of alerts beyond their rules: who was told, what is quiet, which wait for each other."""

    @cached_property
    def by_metric(self) -> Mapping[str, Sequence[Rule]]:
        """The rules about each metric, by name: an event touches no others. Those over several series stand apart."""
        found: dict[str, list[Rule]] = {}
        for name in sorted(self.rules):
            if self.rules[name].joint is None:
                found.setdefault(self.rules[name].metric, []).append(self.rules[name])
        return found

    @cached_property
    def joint_by_metric(self) -> Mapping[str, Sequence[Rule]]:
        """The rules over several series, by each of their metrics, then by name."""
        found: dict[str, list[Rule]] = {}
        for name in sorted(self.rules):
            if self.rules[name].joint is not None:
                for metric in self.rules[name].metrics:
                    found.setdefault(metric, []).append(self.rules[name])
        return found

    def definition_of(self, metric: str) -> str:
        """Whose windows a metric's are; one that has had no sample defines itself."""
        known = self.known.get(metric)
        return known.definition if known else metric

    @cached_property
    def _joint_by_definition(self) -> Mapping[str, Sequence[Rule]]:
        found: dict[str, dict[str, Rule]] = {}
        for metric, rules in self.joint_by_metric.items():
            found.setdefault(self.definition_of(metric), {}).update({rule.name: rule for rule in rules})
        return {definition: [named[name] for name in sorted(named)] for definition, named in found.items()}

    def joint_rules_of(self, definition: str) -> Sequence[Rule]:
        """The rules over several series of which one is of this definition, by name."""
        return self._joint_by_definition.get(definition, ())

    @cached_property
    def _by_definition(self) -> Mapping[str, Sequence[Rule]]:
        found: dict[str, list[Rule]] = {}
        for name in sorted(self.rules):
            if self.rules[name].joint is not None:
                continue
            metric = self.rules[name].metric
            known = self.known.get(metric)
            found.setdefault(known.definition if known else metric, []).append(self.rules[name])
        return found

    def forget_order(self) -> None:
        """Call this when a rule comes or goes, or a metric turns out to be of another definition."""
        for made in ("by_metric", "joint_by_metric", "_by_definition", "_joint_by_definition"):
            vars(self).pop(made, None)

    def rules_of(self, definition: str) -> Sequence[Rule]:
        """The rules about the metrics of a definition, by name. A metric that has had no sample defines itself."""
        return self._by_definition.get(definition, ())

    def by_definition(self, rule: Rule, closing: Closing) -> str | None:
        """The key that the rule knows without a row: the one it names, or the only one of a metric without keys."""
        named = rule.about.key
        if closing.keyed:
            return named
        return "" if named in (None, "") else None

    def keys_of(self, rule: Rule, closing: Closing) -> set[str]:
        """The keys that the rule knows: those with rows lately, and the one it knows without."""
        named = rule.about.key
        known = self.known.get(rule.metric)
        found = {k for k in known.keys if named in (None, k)} if known else set[str]()
        given = self.by_definition(rule, closing)
        return found if given is None else found | {given}
