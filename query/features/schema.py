"""Features and labels, as somebody defines them.

A feature says one thing of a subject at a moment. The same definition is worked out over history, for those who learn, and
live, for those who predict. A label says what became of a subject within a horizon after the moment.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from analytics.features.expression import ExpressionError, names_in
from query.moments import length_s
from query.questions.schema import Asked, Length, Match, Name, checked_stream
from query.questions.trends import MONEY

SPACES = ("user", "behavioral", "temporal", "contextual")
"""The name spaces of features."""
FeatureName = Annotated[
    str, StringConstraints(pattern=rf"^({'|'.join(SPACES)})\.[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=64)
]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
About = Annotated[str, StringConstraints(max_length=1_000)]
Aggregate = Literal["count", "sum", "mean", "distinct", "days_active", "last", "days_since", "days_since_first"]
Calendar = Literal["hour", "weekday", "day", "month"]
_OF = ("sum", "mean", "distinct", "last")
_WHAT = ("aggregate", "expression", "calendar", "fold")
MOST_TERMS = 50


class FeatureRule(Match):
    """One of: an ``aggregate`` of the subject's events, an ``expression`` over other features, a field of the moment itself
    (``calendar``), or a ``fold`` that a plug-in brings.

    Events count that had happened, and were known, at the moment; with ``window`` only those of so long before it. ``of``:
    the column or property that is summed, averaged, counted or taken; ``number`` takes the last one as a number.

    - ``count`` events, ``sum`` of numbers, ``distinct`` values (1,000 at most), ``days_active`` (UTC days with an event): 0
      where there is nothing. ``mean``, ``last``, ``days_since`` the latest event, ``days_since_first``: null there.
    - ``expression``: ``+ - * /``, numbers, other features, and ``abs log1p min max coalesce``; null where a part is null, or
      divided by 0.
    - ``calendar``: ``hour`` (0 to 23), ``weekday`` (0 is Monday), ``day`` or ``month`` of the moment, UTC.
    """

    name: FeatureName
    about: About = ""
    stream: Name = "user_interactions"
    key: Name = "subject"
    aggregate: Aggregate | None = None
    of: Name | None = None
    number: bool = False
    window: Length | None = None
    expression: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = None
    calendar: Calendar | None = None
    fold: Name | None = None
    actionable: bool = False
    """Whether those who run the business can change it: what-if scenarios vary only such features."""

    _known = field_validator("stream")(checked_stream)

    @property
    def window_us(self) -> int | None:
        return None if self.window is None else round((length_s(self.window) or 0) * 1e6)

    @property
    def needs(self) -> tuple[str, ...]:
        """The features that its expression is made of."""
        return names_in(self.expression) if self.expression is not None else ()

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        said = [what for what in _WHAT if getattr(self, what) is not None]
        if len(said) != 1:
            raise ValueError(f"aggregate: say exactly one of {', '.join(_WHAT)}; got {', '.join(said) or 'none'}")
        if self.aggregate is None and self.fold is None:
            beside = [name for name in ("event", "where", "of", "window") if getattr(self, name)]
            if beside:
                raise ValueError(f"{beside[0]}: is of aggregates; `{said[0]}` takes none")
        if self.expression is not None:
            try:
                names = names_in(self.expression)
            except ExpressionError as error:
                raise ValueError(f"expression: {error}") from None
            if len(names) > MOST_TERMS:
                raise ValueError(f"expression: has {len(names)} features; {MOST_TERMS} at most")
        if self.aggregate in _OF and self.of is None:
            raise ValueError(f"of: is missing: {self.aggregate!r} is of a column or property; name it")
        if self.aggregate is not None and self.aggregate not in _OF and self.of is not None:
            raise ValueError(f"of: {self.aggregate!r} takes none; put a condition into `where`")
        if self.aggregate == "days_since_first" and self.window is not None:
            raise ValueError("window: `days_since_first` is about all of the past; leave it out")
        if (
            self.aggregate in ("sum", "mean")
            and self.of == MONEY
            and not any(one.name == "currency" and one.op == "=" for one in self.where)
        ):
            raise ValueError(
                "of: amounts of several currencies cannot be added; choose one with a condition: "
                '{"name": "currency", "value": "EUR"}'
            )
        if self.number and self.aggregate != "last":
            raise ValueError("number: is of `last` alone: sums and means are of numbers anyway")
        if self.fold is not None and self.window is None:
            raise ValueError(
                "window: is missing: a fold is over the events of a window, so that what is kept is bounded"
            )
        return self


def as_events(said: Any) -> Any:
    """The type of events, or several types, is short for all events of these types."""
    return {"event": said} if isinstance(said, (str, list, tuple)) else said


Events = Annotated[Match, BeforeValidator(as_events)]


class Condition(Match):
    """Subjects with such an event at the moment; with ``within``, of so long before it.

    ``unless``: not those who have such an event after the last one of these, as somebody who subscribed and cancelled.
    """

    within: Length | None = None
    unless: Events | None = None

    @property
    def within_us(self) -> int | None:
        return None if self.within is None else round((length_s(self.within) or 0) * 1e6)


Who = Annotated[Condition, BeforeValidator(as_events)]


class LabelRule(Asked):
    """What became of a subject within ``horizon`` after a moment.

    ``outcome``: the events that are looked for. ``happens``: true asks whether there was one, false whether there was none
    (churn as silence). ``of``: the label is the sum of this column or property over them instead.

    ``domain``: who is asked about: subjects for whom all of these hold at the moment (none: everybody seen before).
    ``exclude``: not those for whom one of these holds. ``complement_of``: the other side of another label, 1 - it, with its
    horizon, domain and exclusions: retention of churn. ``task`` follows: with ``of`` a regression, else a classification.
    """

    name: LabelName
    about: About = ""
    stream: Name = "user_interactions"
    key: Name = "subject"
    outcome: Events | None = None
    happens: bool = True
    of: Name | None = None
    horizon: Length = "30d"
    domain: Annotated[tuple[Who, ...], Field(max_length=20)] = ()
    exclude: Annotated[tuple[Who, ...], Field(max_length=20)] = ()
    complement_of: LabelName | None = None

    _known = field_validator("stream")(checked_stream)

    @property
    def horizon_us(self) -> int:
        return round((length_s(self.horizon) or 0) * 1e6)

    @property
    def task(self) -> Literal["classification", "regression"]:
        return "classification" if self.of is None else "regression"

    @model_validator(mode="after")
    def _can_be_known(self) -> Self:
        if self.complement_of is not None:
            beside = sorted(self.model_fields_set - {"name", "about", "complement_of"} - self._at_default())
            if beside:
                raise ValueError(f"{beside[0]}: is that of {self.complement_of!r}; leave it out")
            if self.complement_of == self.name:
                raise ValueError("complement_of: names the label itself")
        elif self.outcome is None:
            raise ValueError(
                "outcome: is missing: name the events that are looked for, or `complement_of` another label"
            )
        elif self.of is not None and not self.happens:
            raise ValueError("happens: a sum is of events that happen; leave it out, or leave `of` out")
        return self

    def _at_default(self) -> set[str]:
        """Fields that say what they would say anyway, as a definition on ``control`` says every default."""
        return {name for name, field in type(self).model_fields.items() if getattr(self, name) == field.default}
