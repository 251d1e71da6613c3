"""Alert rules as their makers meet them: any name works everywhere, and a rule that can never fire is not made."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest

from hindcast.client import ApiError, Client
from tests.cluster.words import BATCH, fresh, only_packed, order
from tests.running import Running

pytestmark = pytest.mark.cluster

NAMES = [
    *("pay/errors", "/", "a//b/", "a/../b", "x/acknowledge", "rules", "a\\b"),
    *("100 % full", "50%25", "%2F", "why? & #1", 'say "no"', "+plus; semi"),
    *("café ☕ 支払い", "👩\u200d💻"),
]


def rule(name: str, **said: Any) -> dict[str, Any]:
    return {"name": name, "condition": "events.count > threshold", "threshold": 1e9, "channels": ["dashboard"], **said}


def names(running: Running) -> list[str]:
    return [rule["name"] for rule in running.get("/v1/alerts/rules").json()]


@pytest.mark.parametrize("name", NAMES)
@only_packed
def test_a_rule_of_any_name_is_made_read_and_deleted_over_http(running: Running, name: str) -> None:
    assert running.post("/v1/alerts/rules", json=rule(name)).status_code == 201
    path = f"/v1/alerts/rules/{quote(name, safe='')}"
    assert running.get(path).json()["name"] == name
    assert running.http.delete(path).status_code == 204
    assert name not in names(running)
    gone = running.http.delete(path)
    assert (gone.status_code, gone.json()["error"]["field"]) == (404, "name")


@only_packed
def test_a_slash_may_stand_as_it_is(running: Running) -> None:
    assert running.post("/v1/alerts/rules", json=rule("pay/errors")).status_code == 201
    assert running.http.delete("/v1/alerts/rules/pay/errors").status_code == 204
    assert "pay/errors" not in names(running)


@only_packed
def test_and_from_python_and_the_command_line(running: Running) -> None:
    def hindcast(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hindcast", *words, "--data-dir", str(running.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    with Client.local(running.data) as client:
        for name in NAMES:
            assert client.set_rule(rule(name))["warnings"] == []
            assert client.rule(name)["threshold"] == 1e9
            client.delete_rule(name)
        assert not set(NAMES) & {rule["name"] for rule in client.rules()}
        with pytest.raises(ApiError, match="did you mean 'events'"):
            client.set_rule(rule("never", condition="evnets.count > threshold"))
    made = hindcast("rules", "set", "pay/100 %", "--condition", "events.count > threshold", "--threshold", "1e9")
    assert made.returncode == 0, made.stderr
    assert '"pay/100 %"' in hindcast("rules", "show", "pay/100 %").stdout
    assert hindcast("rules", "delete", "pay/100 %").returncode == 0
    never = hindcast("rules", "set", "never", "--condition", "events.p95 > threshold", "--threshold", "1")
    assert never.returncode == 2
    assert "give the metric a `value` column" in never.stderr


@pytest.mark.parametrize(
    ("said", "field", "why"),
    [
        ({"condition": "evnets.count > threshold"}, "condition", "did you mean 'events'?"),
        ({"condition": "cpu.precent.mean > threshold"}, "condition", "did you mean 'cpu.percent'?"),
        ({"condition": "events.p95 > threshold"}, "condition", "does not have: it has count, rate"),
        ({"condition": "events.distinct > threshold"}, "condition", "`distinct` column"),
        ({"condition": 'events.count{key="web"} > threshold'}, "condition", "has no keys"),
        ({"condition": "events.count < threshold", "threshold": 0}, "condition", "can never hold"),
        ({"channels": ["dashbord"]}, "channels", "did you mean 'dashboard'?"),
        ({"forr_s": 60}, "forr_s", "not permitted"),
        ({"name": ".."}, "name", "only dots"),
        ({"name": "a\nb"}, "name", "line breaks"),
    ],
)
@only_packed
def test_a_rule_that_can_never_fire_is_refused(running: Running, said: dict[str, Any], field: str, why: str) -> None:
    answer = running.post("/v1/alerts/rules", json=rule("never") | said)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field
    assert why in answer.json()["error"]["reason"]
    assert "never" not in names(running)


@only_packed
def test_what_was_never_seen_is_warned_of(running: Running) -> None:
    running.post("/v1/events", json=[order(1)], headers=BATCH).raise_for_status()
    running.until(lambda: running.sql("SELECT count(*) FROM metrics WHERE metric = 'orders' AND key = 'EUR'") != [[0]])
    name = fresh("euro")
    made = running.post("/v1/alerts/rules", json=rule(name, condition='orders.count{key="eur"} > threshold'))
    assert made.status_code == 201
    assert "did you mean 'EUR'?" in made.json()["warnings"][0]
    made = running.post("/v1/alerts/rules", json=rule(name, condition='orders.count{key="EUR"} > threshold'))
    assert made.json()["warnings"] == []
