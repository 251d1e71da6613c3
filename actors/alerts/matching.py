"""Matchers of labels: ``severity="critical"``, ``team!="shop"``, ``key=~"web-.*|api"``, ``rule!~"test.*"``.

After ``=~`` stand alternatives with ``|``, in each of which ``.*`` is any text. That is what people write of regular
expressions here, and it takes time in proportion to the text, whatever is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

MOST = 20
_FORM = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*"([^"\r\n]{0,200})"\s*')
_SPECIAL = set("[](){}+?^$\\")


class Matcher(NamedTuple):
    """What one label must, or must not, be. A label that is not there is the empty text."""

    label: str
    wanted: tuple[tuple[str, ...], ...]
    """Alternatives, each as the texts between which anything may stand."""
    denied: bool

    def holds(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.label, "")
        return any(_fits(value, parts) for parts in self.wanted) != self.denied

    def excludes(self, other: Matcher) -> bool:
        """Whether no label can meet both; False where that cannot be told."""
        if self.label != other.label:
            return False
        exact = [m for m in (self, other) if not m.denied and all(len(parts) == 1 for parts in m.wanted)]
        if not exact:
            return False
        against = other if exact[0] is self else self
        return not any(against.holds({self.label: parts[0]}) for parts in exact[0].wanted)


@lru_cache(10_000)
def read(text: str) -> Matcher:
    """Raises ``ValueError`` with what is wrong and what would be right."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f'is no matcher: {text[:60]!r}; write label="value", or =~, !=, !~ instead of =')
    label, op, said = found.groups()
    if op in ("=", "!="):
        return Matcher(label, ((said,),), op == "!=")
    alternatives = [tuple(one.split(".*")) for one in said.split("|")]
    if any(_SPECIAL & set(part) or "*" in part for parts in alternatives for part in parts):
        raise ValueError(f"has {said!r} after {op}: write alternatives with |, and .* for any text")
    return Matcher(label, tuple(alternatives), op == "!~")


def all_hold(matchers: Sequence[str], labels: Mapping[str, str]) -> bool:
    return all(read(text).holds(labels) for text in matchers)


def can_meet(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether one alert may match both; True where that cannot be told."""
    return not any(read(a).excludes(read(b)) for a in some for b in others)


def _fits(text: str, parts: tuple[str, ...]) -> bool:
    """Whether ``text`` is ``parts`` with anything between them."""
    if len(parts) == 1:
        return text == parts[0]
    first, last = parts[0], parts[-1]
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in parts[1:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
