"""Features of subjects, for the routes that tell them and those that predict: live, or else from the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from fastapi import Request

from actors.definitions.feature import FEATURE
from analytics.features.plan import FOLDS, FeatureFold
from events.errors import Rejected
from query import as_of as moments
from query.apart import deeds
from query.features.choosing import features_of
from query.features.schema import FeatureRule
from serve.gateway import Gateway
from serve.moments import Asked

CELL = "features"
MOST_SUBJECTS = 10_000
MOST_FROM_LOG = 100


class Featured(NamedTuple):
    """The features of one subject at ``at`` (us UTC). ``source``: whether they were live, or worked out from the log."""

    subject: str
    at: int
    features: dict[str, Any]
    source: Literal["live", "log"]
    heard: int
    """When the newest row that the live state has was received, us UTC; 0 where there is none, or it was not asked."""


def specs(gateway: Gateway, kind: str = FEATURE) -> Mapping[str, Mapping[str, Any]]:
    """The definitions of a kind that hold, as far as this replica has heard, by name."""
    among = gateway.access.inventory
    return {key.name: spec for key, spec in among.specs.items() if key.kind == kind}


async def live(
    gateway: Gateway, request: Request, subjects: Sequence[str], names: Sequence[str] | None = None
) -> list[Featured]:
    """The features of ``subjects`` now, in their order; ``names``: only these, and what they are made of.

    Of a subject that is not kept live, and of features whose past is not there yet, they are worked out from the log.
    Raises ``Rejected`` for what is no feature, ``Transient`` while there is no state to ask.
    """
    at, told = await gateway.hosts.features(f"{gateway.spec.tenant}/{CELL}/0", subjects, names)
    found: list[Featured] = []
    missing = set(subjects) if told.lacking else set(told.gone)
    if len(missing) > MOST_FROM_LOG:
        raise Rejected(
            "subjects", f"{len(missing):,} have to be worked out from the log; ask about {MOST_FROM_LOG} at once"
        )
    from_log = {}
    if missing:
        rules = features_of(None if names is None else list(names), specs(gateway))
        ordered = [subject for subject in dict.fromkeys(subjects) if subject in missing]
        from_log = {subject: await then(gateway, request, subject, rules, None, at) for subject in ordered}
    for n, subject in enumerate(subjects):
        if subject in from_log:
            found.append(Featured(subject, at, from_log[subject], "log", told.heard))
        else:
            columns = {name: column[n] for name, column in told.columns.items()}
            found.append(Featured(subject, at, columns, "live", told.heard))
    return found


async def then(
    gateway: Gateway, request: Request, subject: str, rules: Sequence[FeatureRule], about: Asked | None, at: int
) -> dict[str, Any]:
    """The features of a subject at ``at`` (us UTC), as of the moment that is asked about, from the log."""
    moment = about.moment if about is not None else None
    moment = moment or await asyncio.to_thread(moments.now, gateway.log, gateway.spec.tenant)
    deed = partial(
        deeds.features_then, subject=subject, features=tuple(rules), moment=moment, at_us=at, folds=folds(rules)
    )
    return await gateway.queries.run(request, lambda stop: gateway.apart.do(deed, stop))


def folds(rules: Sequence[FeatureRule]) -> dict[str, Callable[[], FeatureFold]]:
    """The folds of plug-ins that these features need. Raises ``Rejected`` for one that nobody brings any more."""
    found: dict[str, Callable[[], FeatureFold]] = {}
    for rule in rules:
        if rule.fold is not None and rule.fold not in FOLDS:
            raise Rejected(
                "features", f"{rule.name} needs the fold {rule.fold!r}, whose plug-in is not there; leave it out"
            )
        if rule.fold is not None:
            found[rule.fold] = FOLDS[rule.fold]
    return found
