"""What the alert evaluator remembers: rules, what each says of each key, how far windows are closed, what keys there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

import msgspec
import xxhash

from actors.alerts.raised import Raised
from analytics.rules import Condition, Phase, Verdict, parse
from analytics.runs import Run

NoData = Literal["resolve", "keep", "fire"]


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

    @cached_property
    def about(self) -> Condition:
        return parse(self.condition)

    @property
    def metric(self) -> str:
        return self.about.metric

    @property
    def for_us(self) -> int:
        return int(self.for_s * 1e6)

    @property
    def bound(self) -> float:
        """The limit that a message shows."""
        shown = self.about.shown.bound
        return self.threshold if shown is None else shown

    def judge(self, figures: dict[str, float]) -> tuple[Verdict, float | None]:
        """The verdict on one window by its figures, and the figure that a message shows; what is missing is unknown."""
        return self.about.verdict(figures, self.threshold), figures.get(self.about.shown.aggregate)

    def judge_silence(self, figures: dict[str, float]) -> tuple[Verdict, float | None]:
        """As ``judge``, for the figures of a key without rows: they are the same window after window."""
        known: tuple[dict[str, float], tuple[Verdict, float | None]] | None = vars(self).get("silence")
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

    @cached_property
    def by_metric(self) -> Mapping[str, Sequence[Rule]]:
        """The rules about each metric, by name: an event touches no others."""
        found: dict[str, list[Rule]] = {}
        for name in sorted(self.rules):
            found.setdefault(self.rules[name].metric, []).append(self.rules[name])
        return found

    @cached_property
    def _by_definition(self) -> Mapping[str, Sequence[Rule]]:
        found: dict[str, list[Rule]] = {}
        for name in sorted(self.rules):
            metric = self.rules[name].metric
            known = self.known.get(metric)
            found.setdefault(known.definition if known else metric, []).append(self.rules[name])
        return found

    def forget_order(self) -> None:
        """Call this when a rule comes or goes, or a metric turns out to be of another definition."""
        for made in ("by_metric", "_by_definition"):
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
