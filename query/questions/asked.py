"""What every question works with while it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from query.engine import Session
from query.questions.cohort import Cohort
from query.questions.expressions import Expressions, run, user_of
from query.questions.restriction import condition
from query.questions.schema import NAMED, Filter, Question
from query.questions.span import Span
from query.views import OF_PEOPLE

Q = TypeVar("Q", bound=Question)
Figures = dict[str, Any]


@dataclass
class Asking(Generic[Q]):
    """A question, the moment of it, and the log that it is asked of."""

    question: Q
    span: Span
    session: Session
    cohorts: Mapping[str, Cohort]
    sql: Expressions = field(init=False)

    def __post_init__(self) -> None:
        self.sql = Expressions(self.question.stream)
        self.sql.people = asks_for_people(self.question) or any(map(asks_for_people, self.cohorts.values()))

    @property
    def user(self) -> str:
        """The SQL of whose a row is."""
        return user_of(self.question, self.sql)

    @property
    def rows(self) -> str:
        """The SQL of the question's conditions on every row, whenever it is."""
        return condition(self.question, dict(self.cohorts), self.sql, self.span)

    def run(self, text: str) -> list[list[Any]]:
        """The rows of a statement; times in it are microseconds UTC, or wall times without a zone."""
        return list(
            map(list, zip(*(c.to_pylist() for c in run(self.session, self.sql, text).table.columns), strict=True))
        )


def asks_for_people(part: Any) -> bool:
    """Whether a question names a person or an account: they are not in its stream, and have to be looked up."""
    if isinstance(part, (tuple, list)):
        return any(map(asks_for_people, part))
    if isinstance(part, Filter):
        return part.name in OF_PEOPLE
    if isinstance(part, BaseModel):
        named = (getattr(part, field, None) for field in NAMED)
        return any(name in OF_PEOPLE for name in named) or any(
            asks_for_people(getattr(part, field)) for field in type(part).model_fields
        )
    return False


@dataclass(frozen=True, slots=True)
class Behind:
    """What is behind a cell: common table expressions that end in ``hit(u, t, p, o)``, a row of it an event of ``stream``;
    None: of the question's."""

    ctes: str
    stream: str | None = None


def ratio(part: float | None, whole: float | None) -> float | None:
    """A fraction; None where there is nothing to divide by."""
    return None if part is None or not whole else part / whole
