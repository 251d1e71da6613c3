"""A cohort: users by what they did and did not do. Saved as a definition, it filters every other question."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from query.questions.schema import Asked, Filters, Length, Match, Name, checked_stream


class Criterion(Match):
    """Users with ``at_least`` and ``at_most`` so many of the events; with ``within``, only of that long until now.

    ``did``: false turns it round: users of whom the rest does not hold.
    """

    at_least: int = Field(default=1, ge=0)
    at_most: int | None = Field(default=None, ge=0)
    within: Length | None = None
    did: bool = True

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most: is {self.at_most}, less than at_least, which is {self.at_least}")
        if self.at_least == 0 and self.at_most is None:
            raise ValueError("at_least: 0 holds for everybody; say 1 or more, or an at_most")
        return self


class Cohort(Asked):
    """Users of a stream for whom all of the criteria hold, or with ``match: any`` one of them.

    Only users with an event in the stream can be in a cohort, whatever it asks for.
    """

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    stream: Name = "user_interactions"
    user: Name = "subject"
    where: Filters = ()
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1, max_length=20)]
    match: Literal["all", "any"] = "all"

    _known = field_validator("stream")(checked_stream)
