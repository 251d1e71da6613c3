"""What a dataset is asked for."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from query.features.schema import FeatureName, FeatureRule, LabelName, LabelRule
from query.questions.schema import Asked, Length, Moment, Past

MOST_MOMENTS = 1_000
MOST_ROWS = 1_000_000
MOST_CANDIDATES = 20_000_000
"""Subjects times moments that are looked at."""


class DatasetAsked(Asked):
    """Rows of (subject, moment) with their features then, and the label of what came after.

    ``label``: the name of a label, or one as it would be defined. ``features``: names, or features as they would be
    defined; none: all that are. ``horizon``: instead of the label's. Moments are ``at``, or one ``every`` so
    long, from ``until`` (the last one whose horizon is over) back to ``since``. ``sample``: at most so many rows, chosen
    by a hash of subject and moment. ``as_of``: the log as it was known then; a token of an answer gives the same table
    again.
    """

    label: LabelName | LabelRule
    features: Annotated[tuple[FeatureName | FeatureRule, ...] | None, Field(max_length=500)] = None
    horizon: Length | None = None
    every: Length | None = None
    since: Moment | None = None
    until: Moment | None = None
    at: Annotated[tuple[Moment, ...], Field(min_length=1, max_length=MOST_MOMENTS)] | None = None
    sample: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = None
    as_of: Past | None = None

    @model_validator(mode="after")
    def _moments_are_said_once(self) -> Self:
        said = [name for name in ("every", "since", "until") if getattr(self, name) is not None]
        if self.at is not None and said:
            raise ValueError(f"at: names the moments; leave {', '.join(said)} out")
        return self


Subject = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
