"""Whose an id is: people made of links between ids, as a pure function of the links.

A link *identify* says that an anonymous id (of a device) is a known user; a link *alias* says that two ids are one person.
Links are taken in the order of their time, whatever order they came in, so what is said of a set of links does not depend
on how it came about: without one of them it is what it would be had that one never been.

The rules: an anonymous id is of the first known user who is identified on it, and a later one on the same device is refused
(``shared_device``). An alias always holds; one of two known users is warned of (``known_users_merged``), and so is one that
goes in a circle (``loop``). A person has at most ``MOST_IDS`` ids (``too_many_ids``). A person is called by the known
user of the earliest link, or where nobody is known by the id that the earliest link leads to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

MOST_IDS = 200
Kind = Literal["identify", "alias"]
Reason = Literal["shared_device", "known_users_merged", "loop", "too_many_ids", "no_id", "same_id", "too_many_links"]
MESSAGES: Mapping[Reason, str] = {
    "shared_device": "{a!r} is of {person!r} already; {b!r} was identified there later, so the device is shared",
    "known_users_merged": "{a!r} and {b!r} are both known users, and are one person from here on",
    "loop": "{a!r} is an alias of {b!r}, and {b!r} one of {a!r}",
    "too_many_ids": f"{{person!r}} would have more than {MOST_IDS} ids",
    "no_id": "{a!r} and {b!r} cannot be linked: one of them is a placeholder that many users share",
    "same_id": "{a!r} was linked to itself",
    "too_many_links": "so many links hang together with {a!r} and {b!r} that no further one is taken",
}
WARNINGS: frozenset[Reason] = frozenset(("known_users_merged", "loop"))
"""Of links that hold nevertheless."""
PLACEHOLDERS = frozenset((
    "", "0", "-1", "null", "nil", "none", "undefined", "nan", "true", "false", "anonymous", "guest", "unknown", "id",
    "not_authenticated", "email", "distinct_id", "distinctid", "[object object]",
    "00000000-0000-0000-0000-000000000000",
))  # fmt: skip
"""What programs send where they know nobody: to link through it would make one person of strangers."""


class Link(NamedTuple):
    time: int
    """Of its first event, us UTC."""
    kind: Kind
    a: str
    b: str
    """``identify``: the anonymous id, and the known user. ``alias``: the former id, and the one from then on."""


class Note(NamedTuple):
    reason: Reason
    link: Link
    person: str
    """Whose ``a`` is then."""

    @property
    def message(self) -> str:
        return MESSAGES[self.reason].format(a=self.link.a, b=self.link.b, person=self.person)


@dataclass
class People:
    person: dict[str, str] = field(default_factory=dict[str, str])
    """By id."""
    notes: list[Note] = field(default_factory=list[Note])
    """What was refused, or is worth a look, in the order of the links."""


def is_placeholder(id_: str) -> bool:
    """Whether an id names nobody."""
    return id_.strip().lower() in PLACEHOLDERS


@dataclass
class _Group:
    ids: list[str]
    named: tuple[bool, int, str]
    """(nobody is known, which link, id): the least of all of them names the person."""

    @property
    def known(self) -> bool:
        return not self.named[0]


def resolve(links: Iterable[Link]) -> People:
    """The people that ``links`` make."""
    groups: dict[str, _Group] = {}
    found = People()
    aliases: set[tuple[str, str]] = set()
    for place, link in enumerate(sorted(links)):
        a = groups.setdefault(link.a, _Group([link.a], (True, place * 2 + 1, link.a)))
        b = groups.setdefault(link.b, _Group([link.b], (True, place * 2, link.b)))
        if link.kind == "identify":
            b.named = min(b.named, (False, place, link.b))
        elif (link.b, link.a) in aliases:
            found.notes.append(Note("loop", link, a.named[2]))
        if link.kind == "alias":
            aliases.add((link.a, link.b))
        if a is b:
            continue
        if link.kind == "identify" and a.known:
            found.notes.append(Note("shared_device", link, a.named[2]))
        elif len(a.ids) + len(b.ids) > MOST_IDS:
            found.notes.append(Note("too_many_ids", link, min(a.named, b.named)[2]))
        else:
            if link.kind == "alias" and a.known and b.known:
                found.notes.append(Note("known_users_merged", link, min(a.named, b.named)[2]))
            small, large = sorted((a, b), key=lambda group: len(group.ids))
            large.ids += small.ids
            large.named = min(a.named, b.named)
            for id_ in small.ids:
                groups[id_] = large
    found.person = {id_: group.named[2] for id_, group in groups.items()}
    return found
