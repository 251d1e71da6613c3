"""The executive summary's recommendations: fixed rules, with the ground of each claimed impact beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LOW_GROWTH, LOW_ENGAGEMENT = 0.05, 0.7


@dataclass(frozen=True, slots=True)
class Recommendation:
    """``impact_basis``: ``static`` for a figure that the rule carries, ``measured`` for one of this record."""

    category: str
    priority: Literal["High", "Medium", "Low"]
    recommendation: str
    expected_impact: str
    impact_basis: Literal["static", "measured"]


REVENUE = Recommendation(
    "Revenue Growth",
    "High",
    "Focus on customer acquisition and retention strategies",
    "15-25% revenue increase",
    "static",
)
ENGAGEMENT = Recommendation(
    "User Engagement",
    "Medium",
    "Implement gamification and personalized content",
    "20-30% engagement increase",
    "static",
)


def recommendations(growth: float | None, engagement: float | None) -> tuple[Recommendation, ...]:
    """What to do at a revenue growth below 5 % and an engagement below 0.7.

    Equality does not fire, nor does what is unknown.
    """
    advice: list[Recommendation] = []
    if growth is not None and growth < LOW_GROWTH:
        advice.append(REVENUE)
    if engagement is not None and engagement < LOW_ENGAGEMENT:
        advice.append(ENGAGEMENT)
    return tuple(advice)
