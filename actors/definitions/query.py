"""A query: SQL that somebody keeps, under a name, for everybody who may look."""

from __future__ import annotations

from pydantic import Field

from actors.definitions.schema import Section, Title

LONGEST = 20_000


class Query(Section):
    """One statement over the streams. It has to be one that reads; it is not run when it is defined."""

    name: Title
    sql: str = Field(min_length=1, max_length=LONGEST)
    about: str = Field(default="", max_length=1_000)
    """What it answers, for those who find it."""
