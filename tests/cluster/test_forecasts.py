"""A forecast that is defined while the system runs: its edge makes it, in a process of its own, and records it."""

from __future__ import annotations

import pytest

from tests.cluster.words import fresh
from tests.running import Running

pytestmark = pytest.mark.cluster


def test_a_defined_forecast_is_made_and_recorded(running: Running) -> None:
    name = fresh("sent").replace("-", "_")
    metric = {"stream": "user_interactions", "types": [name], "width_s": 1}
    running.http.put(f"/v1/definitions/metric/{name}", json=metric).raise_for_status()
    spec = {"horizon": 3, "every_s": 60}
    running.http.put(f"/v1/definitions/forecast/{name}.count", json=spec).raise_for_status()
    asked = f"SELECT type, message FROM forecasts WHERE watch = '{name}.count'"
    running.until(lambda: len(running.sql(asked)), 1)
    ((type_, message),) = running.sql(asked)
    assert (type_, message) == (
        "forecast.missing",
        "no forecast: the metric has no rows over the time that is looked back on",
    )
    running.http.delete(f"/v1/definitions/forecast/{name}.count").raise_for_status()
    running.http.delete(f"/v1/definitions/metric/{name}").raise_for_status()
