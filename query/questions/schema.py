"""What all questions have in common: which rows, whose, when; and how a mistake in a question is said."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator, model_validator

from events.catalog import BACKSTAGE, CONTROL, STREAMS
from events.nearest import did_you_mean
from query.moments import length_s

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Scalar = bool | int | float | Annotated[str, StringConstraints(max_length=1_000)]
Operator = Literal["=", "!=", "in", "not in", "<", "<=", ">", ">=", "contains", "exists", "missing"]
Interval = Literal["hour", "day", "week", "month"]
Moment = Annotated[str, BeforeValidator(lambda said: str(said) if isinstance(said, (int, float)) else said)]
"""ISO 8601 (wall time of the question's zone where it has no offset), seconds since 1970, or how long ago: ``30d``."""
Past = Annotated[
    str,
    StringConstraints(max_length=100_000),
    BeforeValidator(lambda said: str(said) if isinstance(said, (int, float)) else said),
]
"""A moment of the past; as ``as_of`` also the token of an answer, which is long."""
MOST_FILTERS = 50
NAMED = ("user", "breakdown", "of", "by")
"""Fields of questions that name a column or a property."""
_WITHOUT_VALUE = ("exists", "missing")
_LISTS = ("in", "not in")
_ORDERED = ("<", "<=", ">", ">=")


class Asked(BaseModel):
    """A part of a question: immutable, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Filter(Asked):
    """A condition on a column, or on a property (``plan``, ``cart.total``, ``context.page.path``).

    ``!=`` and ``not in`` also hold where there is no value; ``<`` and the like, and ``contains``, never do.
    """

    name: Name
    op: Operator = "="
    value: Scalar | tuple[Scalar, ...] | None = None

    @model_validator(mode="after")
    def _has_the_value_it_needs(self) -> Self:
        if self.op in _WITHOUT_VALUE:
            if self.value is not None:
                raise ValueError(f"value: {self.op!r} takes none; leave it out")
        elif self.op in _LISTS:
            if not isinstance(self.value, tuple) or not self.value:
                raise ValueError(f'value: {self.op!r} takes a list with one value or more, such as ["pro", "team"]')
        elif self.value is None or isinstance(self.value, tuple):
            raise ValueError(f"value: {self.op!r} takes one value; for several use `in`, for none `missing`")
        elif self.op in _ORDERED and (isinstance(self.value, (str, bool))):
            raise ValueError(f"value: {self.op!r} compares numbers; got {self.value!r}")
        elif self.op == "contains" and not isinstance(self.value, str):
            raise ValueError(f"value: `contains` looks for a part of a text; got {self.value!r}")
        if any(isinstance(one, float) and not math.isfinite(one) for one in self.values):
            raise ValueError("value: must be a finite number")
        return self

    @property
    def values(self) -> tuple[Scalar, ...]:
        return self.value if isinstance(self.value, tuple) else () if self.value is None else (self.value,)


Filters = Annotated[tuple[Filter, ...], Field(max_length=MOST_FILTERS)]


def as_match(said: Any) -> Any:
    """Just the type of events is short for a ``Match`` of them."""
    return {"event": said} if isinstance(said, str) else said


class Match(Asked):
    """Events of one type (or of any of several; none named: of all), with all of the conditions."""

    event: Name | Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)] | None = None
    where: Filters = ()

    @property
    def types(self) -> tuple[str, ...]:
        return self.event if isinstance(self.event, tuple) else () if self.event is None else (self.event,)

    @property
    def title(self) -> str:
        """What it is called in an answer."""
        return " or ".join(self.types) or "any event"


Events = Annotated[Match, BeforeValidator(as_match)]
"""A ``Match``, or just the type of the events."""


def checked_stream(name: str) -> str:
    """Raises ``ValueError`` for a stream that questions cannot be about."""
    known = sorted(s for s in STREAMS if s not in BACKSTAGE and s != CONTROL.name)
    if name not in known:
        raise ValueError(f"there is no stream {name!r}{did_you_mean(name, known)}; streams are {', '.join(known)}")
    return name


def checked_length(said: str) -> str:
    """Raises ``ValueError`` for what is no length of time."""
    seconds = length_s(said)
    if seconds is None or not 0 < seconds <= 366 * 86_400 * 10:
        raise ValueError(f"must be a length such as 30m, 12h, 7d or 2w, up to ten years; got {said[:40]!r}")
    return said


Length = Annotated[str, StringConstraints(max_length=40), BeforeValidator(lambda s: checked_length(str(s)))]


class Question(Asked):
    """Which rows a question is about.

    ``stream``: where they are. ``user``: the column or property that says whose they are. ``since`` and ``until``: the span
    of event time, without its end; no ``until`` means now. ``zone``: where days begin, and how a moment without an offset
    is meant. ``where``: conditions on every row. ``cohort``, ``not_cohort``: only users who are in a cohort of that name,
    or who are not. ``as_of``: what was known then; ``valid_at``: what had happened by then, whenever it became known. Times
    ago are counted from that moment.
    """

    stream: Name = "user_interactions"
    user: Name = "subject"
    since: Moment = "30d"
    until: Moment = ""
    zone: Name = "UTC"
    where: Filters = ()
    cohort: Name | None = None
    not_cohort: Name | None = None
    as_of: Past | None = None
    valid_at: Past | None = None

    _known = field_validator("stream")(checked_stream)

    @property
    def beside(self) -> tuple[str, ...]:
        """Further streams that it reads."""
        return ()

    @property
    def settles_s(self) -> float:
        """So long after ``until`` its answer stays as it is, while no rows come; at most ten years."""
        return 0.0


class Observed(Question):
    """A question whose users are watched after ``until``, too: up to ``observed_until``, or until now."""

    observed_until: Moment = ""


class CellOf(Asked):
    """A cell of an answer: what ``drill`` shows the users and events of."""
