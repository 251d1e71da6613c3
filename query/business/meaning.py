"""Which events mean what in one business: the one place that says what a customer, an activity or a payment is."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from query.questions.schema import Asked, Filters, Match, Name, checked_stream

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Domain = Literal["course", "marketing"]
RATE_DIGITS = 9
"""Decimal digits of an exchange rate, and of a share, at most: so many are added exactly."""


def _decimal(said: object) -> str:
    try:
        number = Decimal(str(said))
    except InvalidOperation:
        raise ValueError(f"must be a number such as 1.08, got {said!r}") from None
    if not number.is_finite() or number <= 0 or number > 10**9:
        raise ValueError(f"must be above 0 and at most 1,000,000,000, got {said!r}")
    if number != round(number, RATE_DIGITS):
        raise ValueError(f"has more than {RATE_DIGITS} decimal digits: {said!r}")
    return str(number)


Rate = Annotated[str, BeforeValidator(_decimal)]
"""An exact decimal, kept as text."""


def _matched(said: object) -> object:
    """A type of events, or a list of types, is short for a ``Match`` of them."""
    return {"event": said} if isinstance(said, (str, list, tuple)) else said


Events = Annotated[Match, BeforeValidator(_matched)]


class Tally(Match):
    """How many, by the events that say so: distinct ``users``, ``events``, or the sum of a property ``of`` them, for reports
    that say a count already."""

    count: Literal["users", "events", "sum"] = "users"
    of: Name | None = None

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        if (self.of is not None) != (self.count == "sum"):
            raise ValueError("of: " + ("sum needs a property, such as conversions" if self.of is None else
                                       f"{self.count} takes none; say count: sum"))  # fmt: skip
        return self


class Segment(Asked):
    """By what figures are divided: a column or property of the ``event`` itself; or of the user, as the ``first`` or the
    ``last`` of ``events`` that says it, has it."""

    name: Name
    of: Name
    """The column or property."""
    by: Literal["event", "first", "last"] = "event"
    events: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    """Only these types are looked at; none: all. Naming them makes the answer quicker."""


class Inactivity(Asked):
    """Who is active at the start and then does nothing of this for ``days`` has left."""

    kind: Literal["inactivity"] = "inactivity"
    days: int = Field(default=30, ge=1, le=366)
    events: Events = Match()


class Ended(Asked):
    """Who holds a subscription at the start, as the latest of ``holds`` and ``ended`` says, and ends it, has left."""

    kind: Literal["ended"] = "ended"
    holds: Events
    ended: Events


Churn = Annotated[Inactivity | Ended, Field(discriminator="kind")]


class Counting(Match):
    """Events that say how many: each of them one, or the number in the property ``of``, for reports of many at once."""

    of: Name | None = None


Counted = Annotated[Counting, BeforeValidator(_matched)]


class Campaigns(Asked):
    """What becomes of campaigns: their name is in the property ``of`` of each event."""

    of: Name = "campaign"
    sent: Counted | None = None
    opened: Counted | None = None
    clicked: Counted | None = None
    converted: Counted | None = None
    spend: Events | None = None
    """Events whose amounts were spent on a campaign."""


class Business(Asked):
    """One business, or one product of it. ``docs/executive.md`` says what each figure is made of.

    ``where``: only these rows are of it. ``active``: what counts as activity. ``kinds``: the kinds of activity that there
    are, for the engagement score; none: the types that ``active`` names. ``eligible`` and ``converted``: of whom, and who.
    ``currency``: of the figures; none: the one with most revenue of the period. ``rates``: how much of ``currency`` one
    unit of another is; amounts without a rate stand apart. ``margin``: the share of revenue that is left after the cost of
    serving it.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
    domain: Domain
    title: Name | None = None
    stream: Name = "user_interactions"
    user: Name = "subject"
    where: Filters = ()
    currency: Currency | None = None
    rates: dict[Currency, Rate] = Field(default_factory=dict[str, str], max_length=200)
    revenue: Events
    refunds: Events | None = None
    """Events whose amounts are taken from the revenue."""
    spend: Events | None = None
    """What was spent to win customers; none: nothing is known of it."""
    margin: Rate = "1"
    active: Events = Match()
    kinds: Annotated[tuple[Events, ...], Field(max_length=32)] = ()
    eligible: Events
    converted: Events
    new_customers: Annotated[Tally, BeforeValidator(_matched)] | None = None
    """None: users whose first payment ever is in the period."""
    churn: Churn = Inactivity()
    segments: Annotated[tuple[Segment, ...], Field(max_length=12)] = ()
    campaigns: Campaigns | None = None

    _known = field_validator("stream")(checked_stream)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.rates and self.currency is None:
            raise ValueError("rates: say what they are rates to, with currency: USD")
        if self.currency in self.rates:
            raise ValueError(f"rates: {self.currency} is the currency itself; leave it out")
        if Decimal(self.margin) > 1:
            raise ValueError(f"margin: is a share of revenue, at most 1, got {self.margin}")
        names = [segment.name for segment in self.segments]
        if len({*names}) < len(names):
            raise ValueError("segments: two have the same name; give each a name of its own")
        return self

    @property
    def kinds_offered(self) -> tuple[Match, ...]:
        """The kinds of activity that there are."""
        return self.kinds or tuple(Match(event=type_) for type_ in self.active.types)
