"""Business figures: money in minor units, rates with their counts, one versioned meaning each."""

from analytics.kpis.advice import Recommendation, recommendations
from analytics.kpis.amounts import Average, Money, Rate, growth_rate, totals
from analytics.kpis.definitions import DEFINITIONS, Definition, definition
from analytics.kpis.figures import Counts, Figures, LifetimeValue, Period, engagement_score, figures, lifetime_value

__all__ = [
    "DEFINITIONS",
    "Average",
    "Counts",
    "Definition",
    "Figures",
    "LifetimeValue",
    "Money",
    "Period",
    "Rate",
    "Recommendation",
    "definition",
    "engagement_score",
    "figures",
    "growth_rate",
    "lifetime_value",
    "recommendations",
    "totals",
]
