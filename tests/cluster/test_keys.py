"""Who may do what: each scope opens its own routes and no other, at once and on every replica."""

from __future__ import annotations

import pytest

from tests import patient
from tests.cluster.words import event, fresh, only_packed
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
    with patient.Client(base_url=running.url, headers=headers) as client:
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
        answer = patient.post(
            f"{running.url}{path}", json={"batch": [], "sql": "SELECT 1", **RULE, "scopes": ["query"]}
        )
        if path == "/v1/alerts/rules":
            answer = patient.post(f"{running.url}{path}", json=RULE)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == 'Bearer realm="hindcast"'
        assert "hindcast keys create" in answer.json()["error"]["reason"]


@pytest.mark.parametrize("header", ["Bearer", "Token abc", "Basic !!!", "Basic aGNfbm9ib2R5Og=="])
def test_a_header_that_holds_no_known_key_is_401(running: Running, header: str) -> None:
    answer = patient.post(
        f"{running.url}/v1/track", json={"event": "x", "userId": "u"}, headers={"authorization": header}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_denied_request_says_what_to_send(running: Running) -> None:
    answer = patient.post(f"{running.url}/v1/query", json={"sql": "SELECT 1"}, headers={"authorization": "Bearer hc_x"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "API key" in answer.json()["error"]["reason"]


def sent(running: Running, key: str, id: str) -> dict[str, int]:
    body = {"event": "Order", "userId": "u1", "messageId": id, "writeKey": key}
    answer = patient.post(f"{running.url}/v1/t", json=body)
    assert answer.status_code == 200, answer.text
    return {verdict: answer.json()[verdict] for verdict in ("accepted", "duplicate")}


@only_packed
def test_two_products_whose_keys_nobody_named_lose_no_event_with_equal_ids(running: Running) -> None:
    keys = [running.post("/v1/keys", json={"scopes": ["ingest"]}).json() for _ in range(2)]
    assert len({key["source"] for key in keys}) == 2
    id = fresh("m")
    assert [sent(running, key["key"], id)["accepted"] for key in keys] == [1, 1]


@only_packed
def test_a_product_keeps_its_ids_over_the_rotation_of_its_key(running: Running) -> None:
    site, id = fresh("site"), fresh("m")
    old = running.post("/v1/keys", json={"name": site, "scopes": ["ingest"]}).json()
    assert sent(running, old["key"], id) == {"accepted": 1, "duplicate": 0}
    new = running.post(f"/v1/keys/{old['id']}/rotate").json()
    assert (new["name"], new["source"], new["scopes"]) == (site, old["source"], ["ingest"])
    assert new["id"] != old["id"]
    assert running.http.delete(f"/v1/keys/{old['id']}").status_code == 204
    assert sent(running, new["key"], id) == {"accepted": 0, "duplicate": 1}
    assert asked(running, old["key"])["ingest"] == 401
    assert running.post("/v1/keys/key_nobody/rotate").status_code == 404


@only_packed
def test_a_name_that_is_taken_is_another_product_unless_its_source_is_named(running: Running) -> None:
    site = fresh("site")
    wanted = {"name": site, "scopes": ["ingest"]}
    first, other = (running.post("/v1/keys", json=wanted).json()["source"] for _ in range(2))
    same = running.post("/v1/keys", json={**wanted, "source": site}).json()["source"]
    assert first == same == site != other
