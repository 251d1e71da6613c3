"""Who may do what: each scope opens its own routes and no other, at once and on every replica."""

from __future__ import annotations

import httpx
import pytest

from tests.cluster.words import event, fresh
from tests.running import Running

pytestmark = pytest.mark.cluster

RULE = {"name": "nothing", "condition": "events.count > threshold", "threshold": 1e9, "channels": ["dashboard"]}


def made(running: Running, *scopes: str) -> dict[str, str]:
    answer = running.post("/v1/keys", json={"name": fresh("key"), "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return answer.json()


def asked(running: Running, key: str | None) -> dict[str, int]:
    """The status of one request for each scope."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=running.url, headers=headers) as client:
        return {
            "ingest": client.post("/v1/events", json=event()).status_code,
            "query": client.post("/v1/query", json={"sql": "SELECT 1"}).status_code,
            "control": client.post("/v1/alerts/rules", json=RULE).status_code,
            "admin": client.get("/v1/keys").status_code,
        }


@pytest.mark.parametrize("scope", ["ingest", "query", "control"])
def test_a_scope_opens_its_routes_and_no_other(running: Running, scope: str) -> None:
    key = made(running, scope)["key"]
    found = asked(running, key)
    assert found.pop(scope) in (200, 201)
    assert set(found.values()) == {403}


def test_admin_opens_all(running: Running) -> None:
    assert asked(running, made(running, "admin")["key"]) == {"ingest": 200, "query": 200, "control": 201, "admin": 200}


def test_an_unknown_key_opens_nothing(running: Running) -> None:
    assert set(asked(running, "hc_nobody").values()) == {401}


def test_a_revoked_key_opens_nothing_any_more(running: Running) -> None:
    key = made(running, "query")
    assert asked(running, key["key"])["query"] == 200
    assert running.http.delete(f"/v1/keys/{key['id']}").status_code == 204
    assert asked(running, key["key"])["query"] == 401
    assert running.http.delete(f"/v1/keys/{key['id']}").status_code == 404


def test_keys_are_known_by_their_hash_only(running: Running) -> None:
    key = made(running, "query")
    listed = running.get("/v1/keys").text
    assert key["id"] in listed
    assert key["key"] not in listed
    assert key["key"].encode() not in b"".join(path.read_bytes() for path in (running.data / "log").rglob("*.db*"))


def test_without_a_key_it_is_401_and_says_what_to_do(running: Running) -> None:
    assert set(asked(running, None).values()) == {401}
    for path in ("/v1/events", "/v1/batch", "/v1/track", "/v1/query", "/v1/alerts/rules", "/v1/keys"):
        answer = httpx.post(f"{running.url}{path}", json={"batch": [], "sql": "SELECT 1", **RULE, "scopes": ["query"]})
        if path == "/v1/alerts/rules":
            answer = httpx.post(f"{running.url}{path}", json=RULE)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == 'Bearer realm="hindcast"'
        assert "hindcast keys create" in answer.json()["error"]["reason"]


@pytest.mark.parametrize("header", ["Bearer", "Token abc", "Basic !!!", "Basic aGNfbm9ib2R5Og=="])
def test_a_header_that_holds_no_known_key_is_401(running: Running, header: str) -> None:
    answer = httpx.post(
        f"{running.url}/v1/track", json={"event": "x", "userId": "u"}, headers={"authorization": header}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_denied_request_says_what_to_send(running: Running) -> None:
    answer = httpx.post(f"{running.url}/v1/query", json={"sql": "SELECT 1"}, headers={"authorization": "Bearer hc_x"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "API key" in answer.json()["error"]["reason"]
