"""How the business does, and how the system does."""

from __future__ import annotations

from datetime import datetime

from hindcast.client.business_answers import ExecutiveSummary, OperationalMetrics
from hindcast.client.call import Call, operation
from hindcast.client.operations.answered import json_of, then

SUMMARY_S = 180.0


class Managing:
    """What a manager reads in the morning, and who is on call at night."""

    @operation()
    def generate_executive_summary(
        self,
        time_period: str = "30d",
        *,
        business: str = "",
        zone: str = "UTC",
        currency: str = "",
        as_of: datetime | str | None = None,
        valid_at: datetime | str | None = None,
    ) -> Call[ExecutiveSummary]:
        """Say how a business does: its KPIs, their trends, what moved them, and what to do.

        ``time_period``: ``7d`` (the newest seven days), ``month`` (this one, so far), ``last_month``, or
        ``2026-11-01/2026-11-08``. ``business``: its name; without it, the first one. ``as_of``: what was known then. Raises
        ``ApiError`` with field and remedy.
        """
        said = {"period": time_period, "zone": zone, "business": business, "currency": currency}
        params: dict[str, str | int | float] = {name: value for name, value in said.items() if value}
        params |= then(as_of, valid_at)
        return Call("GET", "/v1/executive", json_of, params=params, timeout_s=SUMMARY_S)

    @operation()
    def generate_operational_metrics(
        self, window: str = "1h", *, objective: float | None = None
    ) -> Call[OperationalMetrics]:
        """Say how the system does: this machine, the cluster, requests and their errors, alerts, and your own services.

        ``window``: so much of the newest past, up to 6h. ``objective``: the share of requests that are to be good, such as
        0.999; without it, the configured one. Raises ``ApiError``.
        """
        params: dict[str, str | int | float] = {"window": window}
        if objective is not None:
            params["objective"] = objective
        return Call("GET", "/v1/operational", json_of, params=params, timeout_s=60.0)
