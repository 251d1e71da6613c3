"""A share: who has its link may look at some dashboards, and at nothing else. It is revoked by removing it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from actors.definitions.schema import Section, Span, Title, Word
from actors.definitions.widget import Way

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?$", max_length=300)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]
MOST_DASHBOARDS = 20


class Share(Section):
    """Dashboards for those who have a signed link to them. No link is kept: it is made anew from this and a secret."""

    id: Word
    dashboards: Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST_DASHBOARDS)]
    """Several are shown in turn."""
    title: Title | None = None
    """What it is for, to those who manage it."""
    filter: Annotated[dict[Way, Value], Field(max_length=8, default_factory=dict[str, str])]
    """Only rows with these values are ever shown, by property; who has the link cannot lift it."""
    expires: float | None = Field(default=None, ge=0, le=4e9)
    """Seconds since 1970, UTC; None: when it is revoked."""
    origins: Annotated[tuple[Origin, ...], Field(max_length=20)] = ()
    """Sites whose pages may show it within themselves: `https://example.org`. None: no page may."""
    every_s: float = Field(default=30.0, ge=5, le=3600)
    """Of several dashboards, how long each is shown."""
    range: Span | None = None
    """The time range that it opens with; None: the dashboard's own."""

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.dashboards)) < len(self.dashboards):
            raise ValueError("dashboards: names one twice; each is shown once in a turn")
        return self
