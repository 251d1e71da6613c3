"""What is said of a source ``http``: where it is, how its answers are read, and how one page leads to the next."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from actors.definitions.schema import Section
from serve.sources.fetching import FetchSection, Url
from serve.sources.mapping import Expression, Mapped


class Pages(Section):
    """How an answer leads to the next page."""

    by: Literal["page", "offset", "cursor", "next", "link"]
    """``page`` and ``offset`` count in ``param`` until a page has no items; ``cursor``: ``next`` finds what goes into
    ``param``; ``next``: it finds a URL; ``link``: the header ``Link`` names it (RFC 8288)."""
    param: str | None = None
    start: int = 1
    """The number of the first page."""
    next: Expression | None = None
    most: int = Field(default=1_000, ge=1)
    """So many pages are read before it begins again with the first."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = {"page": ("param",), "offset": ("param",), "cursor": ("param", "next"), "next": ("next",), "link": ()}
        missing = [name for name in needed[self.by] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"pages by {self.by} need {' and '.join(f'`{name}`' for name in missing)}")
        return self


class Since(Section):
    """How to ask only for what is newer than the newest item that was read."""

    find: Expression
    """Where an item says it: a number that grows, or an ISO 8601 time."""
    param: str | None = None
    """The parameter that carries it; None: the answer is filtered here alone."""


class HttpSection(FetchSection, Mapped):
    """An HTTP API that answers JSON or CSV."""

    kind: str = "http"
    url: Url
    params: dict[str, str] = Field(default_factory=dict[str, str])
    format: Literal["json", "csv"] = "json"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """Between the cells of CSV."""
    items: Expression = "@"
    """Where the items are in an answer of JSON; ``@``: it is their list, or one item."""
    pages: Pages | None = None
    since: Since | None = None
