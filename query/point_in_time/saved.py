"""A table that is kept under a name. A pinned one also says its moment and its digest, so it can be made again as it was."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from query.point_in_time.schema import Table

MOST_KEPT_ROWS = 10_000
State = Literal["live", "pinned", "erased", "changed"]


class Pin(Table):
    """``as_of``: the token of the moment. ``made_us``: when it was made, us UTC. ``digest``: sha256 of its content.

    None of the three: it is made anew, as of now, whenever it is asked for.
    """

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    about: str = Field(default="", max_length=1_000)
    as_of: Annotated[str, StringConstraints(max_length=100_000)] | None = None
    made_us: int | None = Field(default=None, ge=0)
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _is_pinned_or_not(self) -> Self:
        said = [value is not None for value in (self.as_of, self.made_us, self.digest)]
        if any(said) and not all(said):
            raise ValueError("as_of: a pinned table has as_of, made_us and digest; pin one with `POST /v1/tables`")
        if self.rows is not None and len(self.rows) > MOST_KEPT_ROWS:
            raise ValueError(
                f"rows: {MOST_KEPT_ROWS:,} at most are kept; send them as events, and select them: `rows_from`"
            )
        return self

    def state(self, digest: str, erased_since: bool) -> State:
        """What became of it, by the digest of the table as it is made now. ``erased_since``: whether rows were erased."""
        if self.digest is None:
            return "live"
        return "pinned" if digest == self.digest else "erased" if erased_since else "changed"
