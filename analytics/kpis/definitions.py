"""What each business figure means, with its version: a change of meaning is a new version, never an edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Domain = Literal["any", "course", "marketing"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure's meaning, for one kind of product or ``any``."""

    name: str
    domain: Domain
    version: int
    unit: str
    meaning: str


ENGAGEMENT_WEIGHTS = {"frequency": 0.4, "breadth": 0.3, "return": 0.3}
"""Version 1. frequency: active days / days, over active users; breadth: kinds of activity used / kinds offered, over active
users; return: of those active in the previous period, those active in this one."""

DEFINITIONS: tuple[Definition, ...] = (
    Definition("revenue", "any", 1, "money", "paid amounts of the period, by currency, never mixed"),
    Definition("active_users", "any", 1, "subjects", "subjects with at least one qualifying event in the period"),
    Definition("conversion_rate", "course", 1, "fraction", "visitors who enrolled / visitors, within the period"),
    Definition("conversion_rate", "marketing", 1, "fraction", "trials that became paid / trials, within the period"),
    Definition(
        "churn_rate",
        "course",
        1,
        "fraction",
        "no learning event for 30 days / active at the start",
    ),
    Definition("churn_rate", "marketing", 1, "fraction", "subscriptions ended / subscriptions at the start"),
    Definition("customer_acquisition_cost", "any", 1, "money", "acquisition spend / new customers; none without any"),
    Definition(
        "lifetime_value",
        "any",
        1,
        "money",
        "margin a customer and period x expected lifetime, 1 / churn rate periods; the interval is the churn rate's",
    ),
    Definition("average_revenue_per_user", "any", 1, "money", "revenue / active users; none without active users"),
    Definition(
        "engagement_score",
        "any",
        1,
        "[0, 1]",
        "0.4 frequency + 0.3 breadth + 0.3 return; none where one of them is unknown",
    ),
    Definition(
        "growth_rate",
        "any",
        1,
        "fraction",
        "(period - previous equal one) / previous; none on a base of zero or below",
    ),
    Definition(
        "trend",
        "any",
        1,
        "up, flat, down",
        "by a test that allows for serial correlation, at 5 %",
    ),
    Definition("availability", "any", 1, "fraction", "good requests / valid requests"),
)


def definition(name: str, domain: Domain = "any") -> Definition:
    """The newest meaning of ``name`` in ``domain``, else in any. Raises ``ValueError`` for an unknown one."""
    meant = [d for d in DEFINITIONS if d.name == name and d.domain in (domain, "any")]
    if not meant:
        known = ", ".join(sorted({f"{d.name} ({d.domain})" for d in DEFINITIONS}))
        raise ValueError(f"no definition of {name!r} for domain {domain!r}; there are {known}")
    return max(meant, key=lambda d: d.version)
