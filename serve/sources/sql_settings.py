"""What is said of a source ``sql``: the database, what is asked of it, and by which column it is known what is new."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from actors.definitions.channel_section import Reference
from actors.definitions.schema import Word
from actors.parts import SourceSection
from serve.sources.mapping import Mapped

Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=63)]


class SqlSection(SourceSection, Mapped):
    """A table, or what a query answers."""

    kind: str = "sql"
    url: str
    """As SQLAlchemy writes it, without a password: ``postgresql+psycopg://reader@db.internal/shop``, ``sqlite:////srv/shop.db``."""
    password: Reference | None = None
    table: str | None = None
    query: str | None = None
    """A SELECT, instead of a table."""
    cursor: Column
    """The column that grows: of a number, or of the time of the last change."""
    id: Column  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]
    """The column that tells rows apart."""
    overlap_s: float = Field(default=60.0, ge=0, le=86_400)
    """Where the cursor is a time: for so long a row may be committed after a newer one. At least the longest transaction."""
    overlap_ids: int = Field(default=1_000, ge=0)
    """The same where it is a number, in numbers."""
    batch: int = Field(default=5_000, ge=1, le=20_000)
    """Rows that are recorded together."""
    every_s: float = Field(default=10.0, ge=0.1, le=86_400)
    timeout_s: float = Field(default=10.0, gt=0, le=120)
    source: Word | None = None

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        from sqlalchemy.engine import make_url  # here: only a configuration that has such a source needs it
        from sqlalchemy.exc import ArgumentError

        try:
            found = make_url(url)
        except (ArgumentError, ValueError):
            raise ValueError(
                "is no URL of a database; write one as postgresql+psycopg://reader@db.internal/shop"
            ) from None
        if found.password is not None:
            raise ValueError(
                "has a password in it; take it out, and name where it is in `password`, as in env:DB_PASSWORD"
            )
        return url

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("say either `table` or `query`")
        return self
