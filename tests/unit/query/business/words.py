"""The words of stories about a business: what was paid and done, and the summary of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from query import as_of
from query.business.meaning import Business
from query.business.summary import ExecutiveDashboard
from serve.ingest.money import CURRENCY_EXPONENT
from tests.unit.query.questions.words import Shop, us

SAAS: dict[str, Any] = {
    "name": "saas",
    "domain": "marketing",
    "revenue": "paid",
    "refunds": "refunded",
    "spend": "ads",
    "eligible": "trial",
    "converted": "won",
    "active": ["use", "report", "trial"],
    "churn": {"kind": "ended", "holds": ["won", "paid"], "ended": "gone"},
    "segments": [
        {"name": "plan", "of": "plan"},
        {"name": "channel", "of": "channel", "by": "first", "events": ["trial"]},
    ],
}


class Firm(Shop):
    """A log of a business. Events are (user, type, time, amount in minor units, currency, properties); later ones may be
    left out."""

    def happened(self, *events: tuple[Any, ...]) -> None:
        full: list[tuple[Any, ...]] = [(*event, *(None,) * (6 - len(event))) for event in events]
        self.columns(
            len(full),
            subject=[e[0] for e in full],
            type=[e[1] for e in full],
            time=[us(e[2]) for e in full],
            amount=[e[3] for e in full],
            currency=[e[4] for e in full],
            properties=[None if e[5] is None else json.dumps(e[5]) for e in full],
        )

    def summary(self, period: str = "7d", spec: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        business = Business.model_validate({**SAAS, **(spec or {})})
        dashboard = ExecutiveDashboard(self.log, "shop", business, CURRENCY_EXPONENT)
        if "as_of" in more:
            more["moment"] = as_of.of_token(self.log, "shop", more.pop("as_of"))
        return dashboard.generate_executive_summary(period, more.pop("now", self.now), **more)


def firm(folder: Path, now: float | None = None) -> Firm:
    return Firm(folder / "log") if now is None else Firm(folder / "log", now)
