"""The executive summary and operational metrics over HTTP, on a log and without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from actors.workers import Health
from events.catalog import USER_INTERACTIONS, rows
from events.entry import encode
from events.log import Commit, Output
from events.sqlite_log import SqliteLog
from tests.unit.serve import test_definitions

http = test_definitions.http
SPEC: dict[str, Any] = {"domain": "marketing", "revenue": "paid", "eligible": "trial", "converted": "won"}
DAY = 86_400_000_000
DAYS = "2026-05-01/2026-05-03"
FIRST = 1_777_593_600_000_000
"""1 May 2026."""


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    log = SqliteLog(tmp_path, doorbell=False)
    pay(log, "ann", 500, FIRST)
    return log


def pay(log: SqliteLog, user: str, amount: int, at: int) -> None:
    lease = log.acquire("t/user_interactions/0", [USER_INTERACTIONS.name])
    columns = {"type": "paid", "subject": user, "time": at, "amount": amount, "currency": "EUR"}
    output = Output(USER_INTERACTIONS.name, encode(USER_INTERACTIONS, rows(USER_INTERACTIONS, columns, 1)))
    number = lease.commit + 1
    log.commit(lease, Commit(after=lease.commit, nonce=str(number).encode(), at=at, outputs=(output,)))


def test_a_business_that_is_defined_has_a_summary_also_of_then(http: TestClient, log: SqliteLog) -> None:
    status, field, reason = test_definitions.error(http.get("/v1/executive"))
    assert (status, field) == (400, "business") and "say which events mean what" in reason
    assert http.put("/v1/definitions/business/shop", json=SPEC).status_code == 200
    said = http.get("/v1/executive", params={"period": DAYS}).json()
    assert (said["overview"]["total_revenue"], said["currency"], said["business"]) == (500, "EUR", "shop")
    assert (
        said["definition"]["spec"]["revenue"]["event"] == ["paid"]
        or said["definition"]["spec"]["revenue"]["event"] == "paid"
    )
    assert said["businesses"] == [{"name": "shop", "title": "shop", "domain": "marketing"}]
    pay(log, "bob", 70, FIRST + DAY)
    assert http.get("/v1/executive", params={"period": DAYS}).json()["overview"]["total_revenue"] == 570
    then = http.get("/v1/executive", params={"period": DAYS, "as_of": said["as_of"]}).json()
    assert then["overview"] == said["overview"] and then["kpis"] == said["kpis"]


@pytest.mark.parametrize(
    ("params", "field", "word"),
    [
        ({"period": "soon"}, "time_period", "last_month"),
        ({"zone": "Mars"}, "zone", "no time zone"),
        ({"currency": "eur"}, "currency", "ISO 4217"),
        ({"business": "shopp"}, "business", "did you mean 'shop'?"),
        ({"peroid": "7d"}, "peroid", "did you mean 'period'?"),
    ],
)
def test_mistakes_name_the_field_and_the_remedy(
    http: TestClient, log: SqliteLog, params: dict[str, str], field: str, word: str
) -> None:
    assert http.put("/v1/definitions/business/shop", json=SPEC).status_code == 200
    status, named, reason = test_definitions.error(http.get("/v1/executive", params=params))
    assert (status, named) == (400, field) and word in reason


def test_what_is_no_business_is_not_defined(http: TestClient, log: SqliteLog) -> None:
    status, field, reason = test_definitions.error(
        http.put("/v1/definitions/business/shop", json=SPEC | {"rates": {"USD": 2}})
    )
    assert status == 400 and "currency" in f"{field} {reason}"


def test_operational_metrics_are_of_what_this_gateway_answered(
    http: TestClient, log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def health(_: Any) -> list[Health]:
        return [Health("t/control/0", "halted", "no space", 3, 9)]

    monkeypatch.setattr(test_definitions.Host, "health", health, raising=False)
    http.get("/v1/nothing")
    http.get("/v1/executive")
    said = http.get("/v1/operational", params={"window": "15m", "objective": 0.9}).json()
    assert said["performance"]["requests"] >= 2 and said["performance"]["availability"]["objective"] == 0.9
    assert said["performance"]["error_rate"] == said["errors"]["error_rate"]
    assert said["system_health"]["cpu_usage"] is None and said["services"] == []
    ours = said["hindcast"]
    assert (ours["not_running"], ours["rows_behind"], ours["cells"][0]["host"]) == (["t/control/0"], 9, "host")
    assert ours["nodes"] == [], "Ray does not run here, and nothing is made up"
    for params, field in (({"window": "1y"}, "window"), ({"objective": 2}, "objective")):
        status, named, _ = test_definitions.error(http.get("/v1/operational", params=params))
        assert (status, named) == (400, field)
