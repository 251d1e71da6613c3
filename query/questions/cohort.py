"""A cohort: users by what they did and did not do. Saved as a definition, it filters every other question."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from query.moments import length_s
from query.questions.expressions import Expressions, user_of
from query.questions.schema import Asked, Filters, Length, Match, Name, Question, checked_stream
from query.questions.span import Span


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


def members(cohort: Cohort, sql: Expressions, observed_us: int) -> str:
    """A SELECT of the users, as ``u``. ``sql``: of the stream of the cohort."""
    said: list[str] = []
    for i, one in enumerate(cohort.criteria):
        condition = sql.match(one, f"criteria.{i}")
        if one.within is not None:
            since = observed_us - round((length_s(one.within) or 0) * 1e6)
            condition += f" AND time >= {sql.at(max(0, since))}"
        count = f"count(*) FILTER (WHERE {condition})"
        holds = f"{count} >= {one.at_least}" + ("" if one.at_most is None else f" AND {count} <= {one.at_most}")
        said.append(f"({holds})" if one.did else f"(NOT ({holds}))")
    joined = (" AND " if cohort.match == "all" else " OR ").join(said)
    user = f"nullif({sql.text(cohort.user, 'user')}, '')"
    return f"""SELECT {user} AS u FROM {cohort.stream}
      WHERE {user} IS NOT NULL AND time < {sql.at(observed_us)} AND {sql.all(cohort.where, "where")}
      GROUP BY 1 HAVING {joined}"""


def condition(question: Question, cohorts: dict[str, Cohort], sql: Expressions, span: Span) -> str:
    """The rows that a question is about, whenever they are: its conditions and cohorts."""
    said = [sql.all(question.where, "where")]
    for name, word in ((question.cohort, "IN"), (question.not_cohort, "NOT IN")):
        if name is not None:
            them = members(cohorts[name], sql.over(cohorts[name].stream), span.observed_us)
            said.append(f"{user_of(question, sql)} {word} ({them})")
    return " AND ".join(one for one in said if one != "true") or "true"
