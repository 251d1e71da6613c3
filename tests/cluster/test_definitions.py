"""Definitions as their makers meet them: over HTTP, from Python and from the command line, without a restart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hindcast.client import ApiError, Client
from tests.cluster.words import fresh, only_packed
from tests.running import Running

pytestmark = [pytest.mark.cluster, only_packed]

RULE = {"condition": "events.count > threshold", "threshold": 1e9}


def put(running: Running, path: str, spec: dict[str, Any], **query: str) -> Any:
    return running.http.put(f"/v1/definitions/{path}", json=spec, params=query)


def error(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"]["field"], answer.json()["error"]["reason"]


def test_a_definition_is_made_changed_compared_and_removed(running: Running) -> None:
    name = fresh("pay/errors")
    asked = put(running, f"rule/{name}", RULE, dry_run="true").json()
    assert (asked["change"], asked["definition"]) == ("new", None)
    assert running.get(f"/v1/definitions/rule/{name}").status_code == 404
    made = put(running, f"rule/{name}", RULE).json()
    assert made["change"] == "new"
    assert (made["definition"]["owner"], made["definition"]["spec"]["channels"]) == ("api", ["dashboard"])
    assert put(running, f"rule/{name}", RULE).json()["change"] == "same"
    changed = put(running, f"rule/{name}", RULE | {"threshold": 2e9}).json()
    assert changed["differences"] == [{"field": "threshold", "before": 1e9, "after": 2e9}]
    assert running.http.delete(f"/v1/definitions/rule/{name}", params={"dry_run": "true"}).json()["change"] == "removed"
    assert running.get(f"/v1/alerts/rules/{name}").json()["threshold"] == 2e9
    assert running.http.delete(f"/v1/definitions/rule/{name}").status_code == 200
    again = put(running, f"rule/{name}", RULE).json()["definition"]["version"]
    versions = running.get(f"/v1/definitions/rule/{name}/versions").json()["versions"]
    assert [v["spec"] and v["spec"]["threshold"] for v in versions] == [1e9, 2e9, None, 1e9]
    assert versions[1]["differences"] == changed["differences"]
    assert versions[-1]["version"] == again > versions[-2]["version"]
    first, last = versions[0]["version"], versions[1]["version"]
    two = running.get(f"/v1/definitions/rule/{name}/versions", params={"from": first, "to": last}).json()["versions"]
    assert [v["version"] for v in two] == [first, last]
    running.http.delete(f"/v1/definitions/rule/{name}")


def test_what_a_file_declares_is_changed_there(running: Running) -> None:
    held = running.get("/v1/definitions", params={"kind": "rule"}).json()["definitions"]
    configured = next(d for d in held if d["owner"].startswith("file:"))
    file = configured["owner"].removeprefix("file:")
    status, field, reason = error(put(running, f"rule/{configured['name']}", RULE))
    assert (status, field) == (409, "name") and file in reason
    for path in ("definitions/rule", "alerts/rules"):
        assert error(running.http.delete(f"/v1/{path}/{configured['name']}"))[0] == 409
    assert error(running.post("/v1/alerts/rules", json=RULE | {"name": configured["name"], "channels": []}))[0] == 409
    assert put(running, f"rule/{configured['name']}", configured["spec"]).json()["change"] == "same"


def test_every_configured_kind_is_there_to_be_read(running: Running) -> None:
    held = running.get("/v1/definitions").json()["definitions"]
    assert {"metric", "anomaly", "rule", "dashboard"} <= {d["kind"] for d in held}
    (overview,) = [d for d in held if (d["kind"], d["name"]) == ("dashboard", "overview")]
    assert overview["spec"]["widgets"]


def test_bad_requests_say_what_would_be_right(running: Running) -> None:
    assert "did you mean 'dashboard'?" in error(running.get("/v1/definitions", params={"kind": "dashbord"}))[2]
    assert error(running.get("/v1/definitions/rule/nothing"))[:2] == (404, "name")
    assert error(put(running, "rule/x", RULE | {"condition": "evnets.count > 1"}))[:2] == (400, "condition")
    assert error(put(running, "metric/m", {"stream": "user_interaction"}))[:2] == (400, "metric")
    assert error(put(running, "anomaly/nothing.count", {}))[:2] == (400, "metric")
    hook = {"kind": "webhook", "url": "https://example.com/hook", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    assert "file:NAME_OF_IT" in error(put(running, "channel/ops", hook))[2]


def test_from_python(running: Running) -> None:
    with Client.local(running.data) as client:
        name = fresh("sales")
        change = client.define("dashboard", name, {"name": "Sales", "widgets": [{"id": "a", "type": "heat"}]})
        assert change["change"] == "new"
        assert client.definition("dashboard", name)["spec"]["id"] == name
        assert len(client.definition_versions("dashboard", name)) == 1
        with pytest.raises(ApiError, match="heat"):
            client.define("dashboard", name, {"name": "Sales", "widgets": [{"id": "a", "type": "haet"}]})
        assert client.remove_definition("dashboard", name)["change"] == "removed"


def test_from_the_command_line(running: Running, tmp_path: Path) -> None:
    def hindcast(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hindcast", *words, "--data-dir", str(running.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    name, file = fresh("board"), tmp_path / "more.yaml"
    file.write_text(f"""
alerts: [{{name: {name}, condition: events.count > threshold, threshold: 1.0e9}}]
dashboards: [{{id: {name}, name: Board}}]
""")
    before = hindcast("diff", "-f", str(file))
    assert before.returncode == 1 and f"new      rule {name}" in before.stdout, before.stderr
    assert hindcast("apply", "-f", str(file)).returncode == 0
    after = hindcast("diff", "-f", str(file))
    assert after.returncode == 0, after.stdout + after.stderr
    exported = tmp_path / "all.yaml"
    exported.write_text(hindcast("export").stdout)
    assert name in exported.read_text()
    assert hindcast("diff", "-f", str(exported)).returncode == 0, "what holds changes nothing"
    file.write_text("alert: []")
    wrong = hindcast("apply", "-f", str(file))
    assert wrong.returncode == 2 and "did you mean 'alerts'" in wrong.stderr
    with Client.local(running.data) as client:
        client.remove_definition("rule", name)
        client.remove_definition("dashboard", name)
