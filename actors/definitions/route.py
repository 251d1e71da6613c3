"""Routes and inhibitions: who is told of which alerts, how often, and together; which are quiet beside which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from actors.alerts import matching
from actors.alerts.definition import Label, Seconds
from actors.definitions.schema import Section, Word
from events.errors import Rejected

MOST_DEPTH = 8


def _matcher(text: str) -> str:
    matching.read(text)
    return text


MatcherText = Annotated[str, StringConstraints(max_length=300), AfterValidator(_matcher)]
Matchers = Annotated[tuple[MatcherText, ...], Field(max_length=matching.MOST)]


class Branch(Section):
    """A route within a route. What it does not say, it has from the one around it."""

    match: Matchers = ()
    channels: Annotated[tuple[Word, ...], Field(max_length=20)] | None = None
    group_by: Annotated[tuple[Label, ...], Field(max_length=20)] | None = None
    """Alerts of which these labels are equal are told together; without any, all of the route are."""
    group_wait_s: Seconds | None = None
    """How long the first alert of a group waits for others."""
    group_interval_s: Seconds | None = None
    """How long what changes in a group waits after the message before."""
    repeat_interval_s: Seconds | None = None
    """After how long a group that still fires, and that nobody has acknowledged, is told again; 0: never."""
    escalate_after_s: Seconds | None = None
    """After how long an alert that nobody has acknowledged is told to ``escalate_to``; 0: never."""
    escalate_to: Annotated[tuple[Word, ...], Field(max_length=20)] | None = None
    go_on: bool = False
    """Whether the branches after this one are looked at, too."""
    routes: Annotated[tuple[Branch, ...], Field(max_length=50)] = ()


class Route(Branch):
    """A tree of routes: an alert goes to the deepest branches that match it. Every tree that matches takes part."""

    name: Word
    channels: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    group_by: Annotated[tuple[Label, ...], Field(max_length=20)] = ("rule",)
    group_wait_s: Seconds = 30.0
    group_interval_s: Seconds = 300.0
    repeat_interval_s: Seconds = 14_400.0
    escalate_after_s: Seconds = 0.0
    escalate_to: Annotated[tuple[Word, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _is_not_too_deep(self) -> Route:
        if _depth(self) > MOST_DEPTH:
            raise ValueError(f"routes: are {MOST_DEPTH} deep at most")
        return self

    @property
    def named(self) -> Iterator[str]:
        """Every channel that it, or a branch of it, names."""
        yield from _named(self)


class Inhibition(Section):
    """While an alert fires that ``source`` matches, nobody is told of those that ``target`` matches and that have the labels
    of ``equal`` equal."""

    name: Word
    source: Annotated[Matchers, Field(min_length=1)]
    target: Annotated[Matchers, Field(min_length=1)]
    equal: Annotated[tuple[Label, ...], Field(max_length=20)] = ()


def _depth(branch: Branch) -> int:
    return 1 + max((_depth(inner) for inner in branch.routes), default=0)


def _named(branch: Branch) -> Iterator[str]:
    yield from branch.channels or ()
    yield from branch.escalate_to or ()
    for inner in branch.routes:
        yield from _named(inner)


def refuse_cycles(inhibitions: Sequence[dict[str, Any]]) -> None:
    """Raises ``Rejected`` where alerts could keep each other quiet in a circle: then nobody would hear of any of them."""
    follows = {
        one["name"]: [two["name"] for two in inhibitions if matching.can_meet(one["target"], two["source"])]
        for one in inhibitions
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            circle = " → ".join((*way[way.index(name) :], name))
            raise Rejected(
                "target",
                f"can match what a source matches, in a circle ({circle}), so alerts would keep each other quiet; add "
                'matchers that tell them apart: severity="critical" in `source`, severity!="critical" in `target`',
            )
        if name not in done:
            for after in follows[name]:
                visit(after, (*way, name))
            done.add(name)

    for name in sorted(follows):
        visit(name, ())
