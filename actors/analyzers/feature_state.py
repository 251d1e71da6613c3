"""What the feature fold keeps: which features there are, which kinds of events they need, and those of each subject."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import msgspec
from pydantic import ValidationError

from actors.analyzers.held import Joining
from analytics.features.live import Group, Live
from analytics.features.plan import FOLDS, Events, Plan, plan_of
from events.errors import Rejected
from query.features.planning import plan, spec_of
from query.features.schema import FeatureRule


class Slot(msgspec.Struct):
    """One kind of events in a group: how long each matters (us; None: for ever), and whether its past is still to come."""

    kind: Events
    span: int | None
    name: str
    """Under which its past is asked for."""
    version: int
    joining: Joining | None = None


class Kept(msgspec.Struct):
    """One stream and key."""

    stream: str
    key: str
    group: Group = msgspec.field(default_factory=Group)
    slots: list[Slot | None] = []
    """A place that is free again is None."""


class Saved(msgspec.Struct):
    specs: dict[str, dict[str, Any]] = {}
    """What the definitions say, by name."""
    kept: list[Kept] = []
    producers: list[str] = []
    """Their numbers are places in this list."""
    places: dict[str, dict[str, int]] = {}
    """By stream and producer: the next offset to read."""


class State:
    """``saved``, and what follows from it."""

    def __init__(self, saved: Saved, bounds: Mapping[str, int]) -> None:
        self.saved = saved
        self._bounds = bounds
        self.turns = 0
        """Odd while it is arranged anew, so that whoever looks without a lock knows."""
        self._lives: dict[int, Live] = {}

    def live(self, n: int) -> Live:
        """The group of that number, as it is folded and asked."""
        found = self._lives.get(n)
        if found is None:
            kept = self.saved.kept[n]
            slots = {i: slot for i, slot in enumerate(kept.slots) if slot is not None}
            kinds = {i: slot.kind for i, slot in slots.items()}
            spans = {i: slot.span for i, slot in slots.items()}
            found = self._lives[n] = Live(kept.group, kinds, spans, self.turning, **self._bounds)
        return found

    @contextmanager
    def turning(self) -> Generator[None]:
        """While this lasts, nobody may look without a lock."""
        self.turns += 1
        try:
            yield
        finally:
            self.turns += 1

    def changed(self) -> None:
        """Call this when a definition or a slot has changed."""
        self._lives.clear()
        for name in ("plan", "streams", "rank"):
            vars(self).pop(name, None)

    @cached_property
    def plan(self) -> Plan:
        """The features that can be told: of an expression over what is not there, nothing can."""
        rules = {name: rule for name, spec in sorted(self.saved.specs.items()) if (rule := _rule(spec)) is not None}
        while rules:
            try:
                return plan([*rules.values()])
            except Rejected:
                lacking = [n for n, rule in rules.items() if any(need not in rules for need in rule.needs)]
                rules = {n: rule for n, rule in rules.items() if n not in lacking} if lacking else {}
        return plan_of(())

    @cached_property
    def streams(self) -> frozenset[str]:
        return frozenset(kept.stream for kept in self.saved.kept if any(slot is not None for slot in kept.slots))

    @property
    def rank(self) -> Mapping[int, int]:
        """By number of a producer: its place in the order of names."""
        ordered = {name: n for n, name in enumerate(sorted(self.saved.producers))}
        return {n: ordered[name] for n, name in enumerate(self.saved.producers)}

    def slots(self) -> Iterator[tuple[int, int, Slot]]:
        """(group, place, slot) of all that are used."""
        for n, kept in enumerate(self.saved.kept):
            for i, slot in enumerate(kept.slots):
                if slot is not None:
                    yield n, i, slot

    def producer(self, name: str) -> int:
        if name not in self.saved.producers:
            self.saved.producers.append(name)
        return self.saved.producers.index(name)


def _rule(spec: Mapping[str, Any]) -> FeatureRule | None:
    """None for one that this process cannot make: what it is about is not there any more."""
    try:
        rule = FeatureRule.model_validate(spec)
        spec_of(rule)
    except ValidationError:
        return None
    return rule if rule.fold is None or rule.fold in FOLDS else None
