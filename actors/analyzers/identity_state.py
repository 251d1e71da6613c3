"""The links between ids, kept so that one of them can be taken back as if it had never been.

Ids that hang together by links, refused ones too, are a *region*: what is said of its ids depends on its links alone
(``analytics.persons``), so a link that comes or goes changes nothing outside of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from analytics.persons import Kind, Link, Note, Reason, is_placeholder, resolve

MOST_LINKS = 2_000
"""Of a region; without a bound one device in a shop window would cost more with each visitor."""


class Region(msgspec.Struct):
    links: list[Link] = []
    notes: list[tuple[Reason, Kind, str, str]] = []
    """What was said of its links."""


class Placed(NamedTuple):
    """An id is one of a person from here on; of its own where it is linked to nothing any more."""

    id: str
    person: str


class Links(msgspec.Struct):
    regions: dict[int, Region] = {}
    home: dict[str, int] = {}
    """By id: its region."""
    person: dict[str, str] = {}
    """By id, where it is not the id itself."""
    account: dict[str, tuple[int, str]] = {}
    """By id: its newest account, and since when."""
    placeholders: list[str] = []
    """Those that were told of."""
    next: int = 0

    def link(self, link: Link) -> Iterator[Placed | Note]:
        """Two ids are linked: what changes by that."""
        for id_ in (link.a, link.b):
            if is_placeholder(id_):
                if id_ not in self.placeholders and len(self.placeholders) < MOST_LINKS:
                    self.placeholders.append(id_)
                    yield Note("no_id", link, "")
                return
        if link.a == link.b:
            yield Note("same_id", link, "")
            return
        homes = list(dict.fromkeys(self.home[id_] for id_ in (link.a, link.b) if id_ in self.home))
        if len(homes) == 1:
            region = self.regions[homes[0]]
            known = next((one for one in region.links if one[1:] == link[1:]), None)
            if known is not None:
                if known.time <= link.time:
                    return
                region.links.remove(known)
        if sum(len(self.regions[home].links) for home in homes) >= MOST_LINKS:
            yield Note("too_many_links", link, self.of(link.a))
            return
        links = [one for home in homes for one in self.regions[home].links]
        yield from self._settle(homes, [*links, link])

    def unlink(self, id_: str, other: str | None) -> Iterator[Placed | Note]:
        """Take back the links between two ids, or all of one: all is as if they had never been."""
        home = self.home.get(id_)
        if home is not None:
            kept = [
                one
                for one in self.regions[home].links
                if id_ not in (one.a, one.b) or (other is not None and other not in (one.a, one.b))
            ]
            if len(kept) < len(self.regions[home].links):
                yield from self._settle([home], kept)

    def of(self, id_: str) -> str:
        """Whose an id is."""
        return self.person.get(id_, id_)

    def join(self, id_: str, account: str, time: int) -> bool:
        """Somebody joins an account; False where that is known, or something newer is."""
        known = self.account.get(id_)
        if known is not None and (known[0] > time or known == (time, account)):
            return False
        self.account[id_] = (time, account)
        return known is None or known[1] != account

    def _settle(self, homes: list[int], links: list[Link]) -> Iterator[Placed | Note]:
        """Make regions of what the regions ``homes`` have now, and say what is otherwise than before."""
        before = [note for home in homes for note in self.regions[home].notes]
        ids = dict.fromkeys(id_ for home in homes for one in self.regions[home].links for id_ in (one.a, one.b))
        ids |= dict.fromkeys(id_ for one in links for id_ in (one.a, one.b))
        for home in homes:
            del self.regions[home]
        for id_ in ids:
            self.home.pop(id_, None)
        person: dict[str, str] = {}
        for part in _apart(links):
            found = resolve(part)
            notes: list[tuple[Reason, Kind, str, str]] = [
                (note.reason, note.link.kind, note.link.a, note.link.b) for note in found.notes
            ]
            self.regions[self.next] = Region(sorted(part), notes)
            self.home |= dict.fromkeys(found.person, self.next)
            self.next += 1
            person |= found.person
            for note, said in zip(found.notes, notes, strict=True):
                if said not in before:
                    yield note
        for id_ in sorted(ids):
            whose = person.get(id_, id_)
            if whose != self.of(id_):
                yield Placed(id_, whose)
            if whose == id_:
                self.person.pop(id_, None)
            else:
                self.person[id_] = whose


def _apart(links: Iterable[Link]) -> list[list[Link]]:
    """The links in parts that have no id in common."""
    parts: dict[int, list[Link]] = {}
    members: dict[int, list[str]] = {}
    part_of: dict[str, int] = {}
    for number, link in enumerate(links):
        found = dict.fromkeys(part_of[id_] for id_ in (link.a, link.b) if id_ in part_of)
        home, *others = sorted(found, key=lambda n: len(parts[n]), reverse=True) or [number]
        mine, ids = parts.setdefault(home, []), members.setdefault(home, [])
        for other in others:
            mine += parts.pop(other)
            moved = members.pop(other)
            part_of |= dict.fromkeys(moved, home)
            ids += moved
        mine.append(link)
        for id_ in (link.a, link.b):
            if id_ not in part_of:
                part_of[id_] = home
                ids.append(id_)
    return sorted(parts.values(), key=min)
