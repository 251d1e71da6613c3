"""Shared dashboards over HTTP: what a link shows, what it keeps to itself, and links that are forged, expired or revoked."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serve.access import Denied
from serve.page import POLICY
from serve.sharing import opened, secret_of, signed, system_secret
from tests.unit.query.point_in_time.words import BEGIN, DAY_US, Event, put_events
from tests.unit.serve import test_definitions
from tests.unit.serve.test_tables import PRODUCER, log  # noqa: F401

http = test_definitions.http
error = test_definitions.error
WIDGETS: list[dict[str, Any]] = [
    {"id": "who", "type": "number", "question": {"ask": "users"}},
    {"id": "what", "type": "table", "query": "by subject"},
    {"id": "seen", "type": "line", "metric": "seen"},
    {"id": "live", "type": "heat"},
    {"id": "about", "type": "text", "options": {"text": "What these are."}},
]
OVER = {"dashboard": "sales", "from": BEGIN / 1e6, "to": (BEGIN + 3 * DAY_US) / 1e6}


@pytest.fixture
def shop(http: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.chdir(tmp_path)
    by_subject = (
        "SELECT subject, count(*) AS n FROM user_interactions WHERE time >= $since AND time < $until GROUP BY ALL"
    )
    kept = {"kind": "query", "name": "by subject", "spec": {"sql": by_subject}}
    metric = {"kind": "metric", "name": "seen", "spec": {"stream": "user_interactions", "key": "source"}}
    board = {"kind": "dashboard", "name": "sales", "spec": {"name": "Sales", "widgets": WIDGETS}}
    answer = http.post("/v1/definitions", json={"definitions": [kept, metric, board]})
    assert answer.status_code == 200, answer.text
    return http


def share(http: TestClient, **said: Any) -> dict[str, Any]:
    answer = http.post("/v1/shares", json={"dashboards": ["sales"], **said})
    assert answer.status_code == 201, answer.text
    return answer.json()


def bearing(made: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {made['path'].removeprefix('/shared/')}"}


def asked(http: TestClient, made: dict[str, Any], widget: str, **over: Any) -> Any:
    return http.post("/v1/shared/answer", json={**OVER, "widget": widget, **over}, headers=bearing(made))


def test_a_link_shows_its_dashboard_and_the_figures_of_its_widgets(shop: TestClient, log: Any) -> None:  # noqa: F811
    put_events(log, PRODUCER, [Event("c2", BEGIN, BEGIN, "order", 5, None, None, "", 0)], BEGIN)
    made = share(shop, title="For the board")
    view = shop.get("/v1/shared", headers=bearing(made)).json()
    assert [board["name"] for board in view["dashboards"]] == ["Sales"]
    assert [widget["id"] for widget in view["dashboards"][0]["widgets"]] == [widget["id"] for widget in WIDGETS]
    assert set(view["metrics"]) == {"seen"} and view["title"] == "For the board"
    assert asked(shop, made, "who").json()["total"] == 2
    rows = asked(shop, made, "what").json()["rows"]
    assert sorted(rows) == [["c1", 1], ["c2", 1]]
    assert asked(shop, made, "what", to=BEGIN / 1e6 + 1, **{"from": BEGIN / 1e6 - 9}).json()["rows"] != []
    assert asked(shop, made, "what", **{"from": BEGIN / 1e6 - 9, "to": BEGIN / 1e6}).json()["rows"] == []
    assert asked(shop, made, "seen").json()["rows"] == []
    page = shop.get(made["path"])
    assert page.status_code == 200 and '<div id="app"' in page.text
    assert page.headers["content-security-policy"] == POLICY


def test_a_filter_that_the_link_fixes_cannot_be_lifted(shop: TestClient, log: Any) -> None:  # noqa: F811
    put_events(log, PRODUCER, [Event("c2", BEGIN, BEGIN, "order", 5, None, None, "", 0)], BEGIN)
    made = share(shop, filter={"subject": "c2"})
    assert asked(shop, made, "who").json()["total"] == 1
    assert asked(shop, made, "what").json()["rows"] == [["c2", 1]]
    assert error(asked(shop, made, "what", filters={"subject": "c1"}))[:2] == (400, "filters")
    assert asked(shop, made, "what", filters={"subject": "c2"}).json()["rows"] == [["c2", 1]]
    status, field, reason = error(asked(shop, made, "seen"))
    assert (status, field) == (400, "filters") and "not kept by it" in reason
    widgets = shop.get("/v1/shared", headers=bearing(made)).json()["dashboards"][0]["widgets"]
    kinds = {widget["id"]: widget["type"] for widget in widgets}
    assert kinds == {"who": "number", "what": "table", "seen": "text", "live": "text", "about": "text"}
    hostile = share(shop, filter={'subject" OR 1=1 --': "' OR 1=1 --"})
    assert asked(shop, hostile, "what").status_code == 400  # no such column: nothing is shown


def test_a_link_opens_nothing_else(shop: TestClient) -> None:
    made = share(shop)
    assert error(asked(shop, made, "nothing"))[:2] == (400, "widget")
    assert error(asked(shop, made, "about"))[:2] == (400, "widget")
    assert error(asked(shop, made, "who", dashboard="overview"))[:2] == (400, "dashboard")
    assert error(asked(shop, made, "who", sql="SELECT 1"))[:2] == (400, "sql")
    assert error(shop.get("/v1/shared"))[0] == 401
    assert error(shop.delete("/v1/definitions/dashboard/sales"))[0] == 400  # a link still shows it


def test_a_link_that_was_changed_expired_or_revoked_opens_nothing(shop: TestClient) -> None:
    made = share(shop)
    token = made["path"].removeprefix("/shared/")
    said, _, mac = token.removeprefix("hcs_").partition(".")
    claims = json.loads(urlsafe_b64decode(said + "=="))
    wider = urlsafe_b64encode(json.dumps(claims | {"filter": {}}).encode()).decode().rstrip("=")
    for forged in (
        f"hcs_{wider}.{mac}",
        f"hcs_{said}.",
        f"hcs_{said}.{mac[:-2]}AA",
        "hcs_",
        "hcs_e30.e30",
        "hcs_" + "x" * 9_000,
    ):
        answer = shop.get("/v1/shared", headers={"authorization": f"Bearer {forged}"})
        assert error(answer)[0] == 401, forged
        assert shop.get(f"/shared/{forged}").status_code == 401
    assert error(shop.post("/v1/shares", json={"dashboards": ["sales"], "expires": 1}))[:2] == (400, "expires")
    assert error(shop.post("/v1/shares", json={"dashboards": ["salse"]}))[:2] == (400, "dashboards")
    assert [each["id"] for each in shop.get("/v1/shares").json()["shares"]] == [made["id"]]
    assert shop.delete(f"/v1/shares/{made['id']}").status_code == 204
    assert error(shop.get("/v1/shared", headers=bearing(made)))[0] == 401
    assert shop.delete(f"/v1/shares/{made['id']}").status_code == 404


def test_a_site_signs_narrower_links_for_its_own_readers(shop: TestClient, log: Any) -> None:  # noqa: F811
    made = share(shop, origins=["https://shop.example"])
    secret = shop.get(f"/v1/shares/{made['id']}/secret").json()["secret"]
    own = signed(secret, {"share": made["id"], "exp": time.time() + 60, "filter": {"subject": "c1"}})
    answer = shop.post("/v1/shared/answer", json={**OVER, "widget": "what"}, headers={"authorization": f"Bearer {own}"})
    assert answer.json()["rows"] == [["c1", 1]]
    page = shop.get(f"/shared/{own}")
    assert "frame-ancestors https://shop.example;" in page.headers["content-security-policy"]
    over = signed(secret, {"share": made["id"], "exp": time.time() - 1})
    assert error(shop.get("/v1/shared", headers={"authorization": f"Bearer {over}"}))[0] == 401


def test_a_token_cannot_widen_what_its_share_fixes(tmp_path: Path) -> None:
    system = system_secret(tmp_path)
    assert system_secret(tmp_path) == system
    spec = {"id": "s", "dashboards": ["d"], "filter": {"plan": "pro"}, "expires": 100.0}
    held = {"share/s": {"spec": spec}}
    secret = secret_of(system, "s")
    what = opened(signed(secret, {"share": "s", "filter": {"land": "PT"}}), system, held, 50.0)
    assert (what.filter, what.expires) == ({"plan": "pro", "land": "PT"}, 100.0)
    assert opened(signed(secret, {"share": "s", "exp": 60}), system, held, 50.0).expires == 60.0
    for claims, now in (
        ({"share": "s", "filter": {"plan": "team"}}, 50.0),
        ({"share": "s", "exp": 400}, 100.0),
        ({"share": "s", "filter": {"plan": 1}}, 50.0),
        ({"share": "s", "exp": "never"}, 50.0),
        ({"share": ["s"]}, 50.0),
    ):
        with pytest.raises(Denied):
            opened(signed(secret, claims), system, held, now)
    with pytest.raises(Denied):
        opened(signed(secret_of(system, "other"), {"share": "s"}), system, held, 50.0)


def test_of_two_changes_of_one_version_the_second_is_refused(shop: TestClient) -> None:
    path = "/v1/definitions/dashboard/sales"
    held = shop.get(path).json()["version"]
    first = shop.put(path, json={"name": "First", "widgets": []}, params={"after": held})
    assert first.json()["change"] == "changed", first.text
    status, field, reason = error(shop.put(path, json={"name": "Second", "widgets": []}, params={"after": held}))
    assert (status, field) == (409, "after") and "changed meanwhile, by ada" in reason
    assert shop.get(path).json()["spec"]["name"] == "First"
    new = "/v1/definitions/dashboard/other"
    assert shop.put(new, json={"name": "New"}, params={"after": -1}).json()["change"] == "new"
    assert error(shop.put(new, json={"name": "Newer"}, params={"after": -1}))[:2] == (409, "after")
