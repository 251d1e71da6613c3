"""What came of predictions is taken from the log's label once the horizon is over, and told by the prediction's id."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from hindcast.modelling.outcomes import settle

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Log:
    """A client of a system in which two people were predicted, and one of them is in the label's domain."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.moments: list[datetime] = []
        self.told: list[dict[str, Any]] = []

    def query(self, sql: str, limit: int) -> list[dict[str, Any]]:
        self.asked.append(sql)
        at = "2026-01-20T10:00:00+00:00"
        return [{"id": "p1", "subject": "ada", "time": at}, {"id": "p2", "subject": "bob", "time": at}]

    def dataset(self, label: str, *, at: list[datetime]) -> Any:
        self.moments += at
        return SimpleNamespace(table=pa.table({"key": ["ada", "eve"], "label": [1, 0]}))

    def record_outcomes(self, model: str, outcomes: list[dict[str, Any]]) -> None:
        self.told += outcomes


def test_a_prediction_is_settled_by_the_label_at_the_end_of_its_day() -> None:
    log = Log()
    assert settle(log, "churn_prediction", 30.0, NOW) == 1  # type: ignore[arg-type]
    assert log.told == [{"prediction": "p1", "outcome": 1.0}]
    assert log.moments == [datetime(2026, 1, 21, tzinfo=UTC)]
    assert "2026-01-29T12:00:00+00:00" in log.asked[0]  # 30 days and the rest of a day before now
