"""Is this value unusual for its key? Streaming over many keys (``AnomalyDetector``), or over a table (``detect``)."""

from analytics.anomaly.alarm import EPISODE_ROWS, episodes
from analytics.anomaly.detector import AnomalyDetector
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
    "AnomalyDetector",
    "AnomalySpec",
    "AnomalyState",
    "Columns",
    "Scores",
    "columns",
    "detect",
    "episodes",
    "score",
]
