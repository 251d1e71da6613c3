"""What is asked of the events of subjects, as the kernel takes it: which events, what is taken of them, over which span."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

from analytics.features.expression import names_in

Taken = Literal["nothing", "number", "identity", "value"]
"""Of an event: only its time; a number; a hash, to tell different values apart; the value itself."""
Scalar = bool | int | float | str


class Condition(NamedTuple):
    """A condition on a column or property, as in questions. ``values``: one, or several for ``in`` and ``not in``."""

    name: str
    op: str
    values: tuple[Scalar, ...] = ()


class Events(NamedTuple):
    """Events that are looked at together: of a stream, whose (``key``), of some types (none: all), by conditions.

    ``of``: the column or property that is taken of each; events without it are left out, unless nothing is taken.
    """

    stream: str = "user_interactions"
    key: str = "subject"
    types: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    of: str = ""
    taken: Taken = "nothing"
    number: bool = False

    @property
    def ordered(self) -> bool:
        """Whether it matters which of several events at one time stands later in the log."""
        return self.taken == "value"


class FeatureFold(Protocol):
    """A feature in Python, brought by a plug-in: the events of its window are folded in the order of time."""

    def initial(self) -> Any: ...

    def step(self, state: Any, time_us: int, value: Scalar | None) -> Any:
        """The state with one event more. ``value``: of the feature's ``of``; None without one."""
        ...

    def result(self, state: Any, at_us: int) -> float | None:
        """The feature's value at a moment."""
        ...


FOLDS: dict[str, Callable[[], FeatureFold]] = {}
"""Those that parts brought to this process, by name."""


@dataclass(frozen=True)
class Spec:
    """One feature: what it is of ``events``, over the last ``window_us`` (None: over all of the past); or of others."""

    name: str
    aggregate: str = ""
    events: Events | None = None
    window_us: int | None = None
    expression: str = ""
    calendar: str = ""
    fold: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        return names_in(self.expression) if self.expression else ()


@dataclass(frozen=True)
class Plan:
    """Features together: each kind of events is read once. Raises ``KeyError`` for an expression over what is not there."""

    specs: tuple[Spec, ...]

    @cached_property
    def events(self) -> tuple[Events, ...]:
        """The different kinds of events, in the order of first use."""
        return tuple(dict.fromkeys(spec.events for spec in self.specs if spec.events is not None))

    @cached_property
    def slots(self) -> Mapping[Events, int]:
        return {events: n for n, events in enumerate(self.events)}

    @cached_property
    def groups(self) -> tuple[tuple[str, str], ...]:
        """(stream, key) pairs that are read."""
        return tuple(dict.fromkeys((events.stream, events.key) for events in self.events))

    @cached_property
    def order(self) -> tuple[Spec, ...]:
        """With what an expression needs before it."""
        by_name = {spec.name: spec for spec in self.specs}
        found: dict[str, Spec] = {}

        def add(spec: Spec, below: tuple[str, ...]) -> None:
            if spec.name in below:
                raise KeyError(f"{spec.name} goes in a circle")
            for name in spec.needs:
                if name not in found:
                    add(by_name[name], (*below, spec.name))
            found.setdefault(spec.name, spec)

        for spec in self.specs:
            add(spec, ())
        return tuple(found.values())

    @cached_property
    def spans(self) -> Mapping[Events, int | None]:
        """How long the events of each kind matter: the longest window that is asked of them, or None for ever."""
        found: dict[Events, int | None] = {}
        for spec in self.specs:
            if spec.events is not None:
                known = found.get(spec.events, 0)
                mine = spec.window_us
                found[spec.events] = None if known is None or mine is None else max(known, mine)
        return found


def plan_of(specs: Sequence[Spec]) -> Plan:
    """A plan of features. Raises ``KeyError`` where an expression needs what is not among them."""
    plan = Plan(tuple(specs))
    _ = plan.order
    return plan
