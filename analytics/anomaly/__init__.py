"""Is this value unusual for its key? Streaming over many keys (``score``), or over a table (``detect``)."""

from analytics.anomaly.alarm import EPISODE_ROWS, episodes
from analytics.anomaly.kernel import (
    READY,
    WARMING,
    AnomalySpec,
    AnomalyState,
    Scores,
    score,
)
from analytics.anomaly.table import STATUS, detect
from analytics.columns import Columns, columns

__all__ = [
    "EPISODE_ROWS",
    "READY",
    "STATUS",
    "WARMING",
    "AnomalySpec",
    "AnomalyState",
    "Columns",
    "Scores",
    "columns",
    "detect",
    "episodes",
    "score",
]
