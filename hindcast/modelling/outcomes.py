"""What came of predictions about people, once their horizon is over: the label of the log, joined by key.

A prediction is settled by the label as of the end of its day (UTC): so many predictions share one look at the log.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hindcast.client import Client

MOST = 5_000
DUE = """SELECT id, subject, time FROM predictions p
WHERE type = 'prediction.made' AND model = '{name}' AND subject IS NOT NULL AND time < TIMESTAMPTZ '{before}'
  AND NOT EXISTS (SELECT 1 FROM predictions o WHERE o.type = 'outcome.recorded' AND o.cause = p.id)
ORDER BY time LIMIT {most}"""


def settle(client: Client, name: str, horizon_days: float, now: datetime | None = None) -> int:
    """Record the outcomes of the predictions of ``name`` that are due, by the label of that name; answers how many.

    Who is not in the label's domain at that moment has no outcome, and is looked for again the next time.
    """
    now = now or datetime.now(UTC)
    before = now - timedelta(days=horizon_days + 1)  # the end of the day may be a day later
    due = client.query(DUE.format(name=name, before=before.isoformat(), most=MOST), limit=MOST)
    by_day: dict[datetime, list[dict[str, Any]]] = defaultdict(list)
    for row in due:
        day = (
            datetime.fromisoformat(str(row["time"])).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        )
        by_day[day + timedelta(days=1)].append(row)
    settled = 0
    for moment, rows in by_day.items():
        table = client.dataset(name, at=[moment]).table
        came = dict(zip(table["key"].to_pylist(), table["label"].to_pylist(), strict=True))
        told = [{"prediction": r["id"], "outcome": float(came[r["subject"]])} for r in rows if r["subject"] in came]
        if told:
            client.record_outcomes(name, told)
            settled += len(told)
    return settled
