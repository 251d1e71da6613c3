"""What a card is made of, before it is HTML or Markdown: so both say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list; ``kind`` says how it is marked."""

    lines: Sequence[str]
    kind: Literal["plain", "warning", "serious"] = "plain"


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure that is seen first: its name, its value, and what to compare it with."""

    name: str
    value: str
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns named in ``right`` hold numbers. A ``collapsed`` table opens on demand (in HTML)."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[str] = frozenset()
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart, its name and the same as a table."""

    title: str
    svg: str
    caption: str
    table: Table


Block = Text | Items | Facts | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """``name`` is its anchor."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Card:
    title: str
    lead: str
    sections: Sequence[Section]
