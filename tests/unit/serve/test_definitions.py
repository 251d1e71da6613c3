"""Definitions over HTTP: the gateway's own routes before the cells that keep them, on a log, without Ray."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from actors.cell import Cell
from actors.collectors.arrivals import Arrivals
from actors.collectors.push import control, marks
from actors.directory import Directory
from actors.edges.intake import Ack
from actors.topology import HostMap
from actors.views import Frame, Place
from config.settings import Settings
from events.catalog import CONTROL, rows
from events.sqlite_log import SqliteLog, SqliteSpec
from hindcast.control import changes
from serve.access import Access, Principal
from serve.app import create_gateway
from serve.batching import CollectorBatching
from serve.gateway import Gateway
from serve.hosts import Hosts
from serve.spec import GatewaySpec

CELLS = {"t/user_interactions/0": "host", "t/control/0": "host", "t/directory/0": "host"}
RULE = {"condition": "events.count > threshold", "threshold": 1e9}


class Host:
    """The cells ``control`` and ``directory``, as ``Hosts`` would reach them."""

    def __init__(self, folder: Path) -> None:
        self.where = HostMap("test", CELLS)
        self.log = SqliteLog(folder, doorbell=False)
        self._control = self._cell(control())
        self._annotations = self._cell(marks())
        self._directory = self._cell(Directory())

    def _cell(self, fold: Any) -> Cell[Any]:
        cell: Cell[Any] = Cell(fold, self.log, tenant="t", now=lambda: 1)
        cell.recover()
        return cell

    async def push(self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None) -> Ack:
        at = self._annotations if cell.endswith("/annotations/0") else self._control
        fold = cast("Any", at.fold)
        offset = at.head(fold.stream.name)
        verdict = at.record(lambda state: fold.admit(state, Arrivals(arrivals, refused)))
        return Ack(verdict.tobytes(), offset)

    async def changes(
        self, host: str, tenant: str, places: Mapping[str, Place | None], timeout_s: float
    ) -> list[Frame]:
        while self._directory.advance():
            pass
        view = cast("Any", self._directory.fold).view
        return [Frame("snap", name, self._directory.seq, "g", view(self._directory.state, name)) for name in places]

    def starts(self, settings: Settings) -> None:
        """A start with these settings tells what differs."""
        while self._directory.advance():
            pass
        commands = list(changes(self._directory.state.configured, settings))
        columns = {
            "id": [f"{self._control.seq} {i}" for i in range(len(commands))],
            "type": [c.type for c in commands],
            "subject": [c.subject for c in commands],
            "data": [json.dumps(dict(c.data)) for c in commands],
            "time": 1,
            "received": 1,
        }
        fold = cast("Any", self._control.fold)
        table = rows(CONTROL, columns, len(commands))
        self._control.record(lambda state: fold.admit(state, Arrivals(table, None)))


@pytest.fixture
def http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[TestClient]:
    async def principal(self: Access, key: str | None) -> Principal:
        return Principal("key_1", "ada", frozenset({"query", "control"}))

    monkeypatch.setattr(Access, "principal", principal)
    host = Host(tmp_path)
    host.starts(Settings.load("base"))
    spec = GatewaySpec("t", host.where, SqliteSpec(tmp_path), "g", "1")
    app = create_gateway(spec)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[None]:
        gateway = app.state.gateway = Gateway(spec)
        gateway.hosts = cast("Hosts", host)
        gateway.access, gateway.control = Access(gateway.hosts, "t"), CollectorBatching(gateway.hosts, "t/control/0")
        await gateway.access.refresh()
        yield
        gateway.apart.close()
        gateway.log.close()

    app.router.lifespan_context = lifespan
    with TestClient(app) as client:
        yield client
    host.log.close()


def put(http: TestClient, path: str, spec: dict[str, Any], **query: str) -> Any:
    return http.put(f"/v1/definitions/{path}", json=spec, params=query)


def error(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"]["field"], answer.json()["error"]["reason"]


def test_a_definition_is_made_changed_compared_and_removed(http: TestClient) -> None:
    asked = put(http, "rule/pay/errors", RULE, dry_run="true").json()
    assert (asked["change"], asked["definition"]) == ("new", None)
    assert http.get("/v1/definitions/rule/pay/errors").status_code == 404
    made = put(http, "rule/pay/errors", RULE).json()["definition"]
    assert (made["owner"], made["by"], made["spec"]["channels"]) == ("api", "ada", ["dashboard"])
    assert put(http, "rule/pay/errors", RULE).json()["change"] == "same"
    changed = put(http, "rule/pay/errors", RULE | {"threshold": 2e9}).json()
    assert changed["differences"] == [{"field": "threshold", "before": 1e9, "after": 2e9}]
    path = "/v1/definitions/rule/pay%2Ferrors"
    assert http.delete(path, params={"dry_run": "true"}).json()["change"] == "removed"
    assert http.get(path).json()["spec"]["threshold"] == 2e9
    assert http.delete(path).json()["change"] == "removed"
    again = put(http, "rule/pay/errors", RULE).json()["definition"]["version"]
    answer = http.get(f"{path}/versions")
    assert answer.status_code == 200, answer.text
    versions = answer.json()["versions"]
    assert [v["spec"] and v["spec"]["threshold"] for v in versions] == [1e9, 2e9, None, 1e9]
    assert versions[1]["differences"] == changed["differences"]
    assert versions[0]["version"] == made["version"] < versions[2]["version"] < again == versions[3]["version"]
    two = http.get(f"{path}/versions", params={"from": made["version"], "to": again}).json()["versions"]
    assert [v["version"] for v in two] == [made["version"], again]
    assert error(http.get(f"{path}/versions", params={"from": 999}))[:2] == (404, "from")


def test_a_name_may_end_as_an_address_of_ours_does(http: TestClient) -> None:
    assert put(http, "rule/a/versions", RULE).status_code == 200
    assert http.get("/v1/definitions/rule/a/versions").json()["name"] == "a/versions"
    assert http.get("/v1/definitions/rule/a/versions/versions").json()["versions"][0]["name"] == "a/versions"


def test_what_a_file_declares_is_changed_there(http: TestClient) -> None:
    for answer in (
        put(http, "rule/CPU is busy", RULE),
        http.delete("/v1/definitions/rule/CPU is busy"),
        http.delete("/v1/alerts/rules/CPU is busy"),
        http.post("/v1/alerts/rules", json=RULE | {"name": "CPU is busy", "channels": ["dashboard"]}),
    ):
        status, field, reason = error(answer)
        assert (status, field) == (409, "name") and "base.yaml" in reason
    held = http.get("/v1/definitions/rule/CPU is busy").json()
    assert held["owner"] == "file:base.yaml"
    assert put(http, "rule/CPU is busy", held["spec"]).json()["change"] == "same"


def test_a_cohort_is_a_definition(http: TestClient) -> None:
    buyers = {"criteria": [{"event": "order.placed", "at_least": 2, "within": "30d"}]}
    made = put(http, "cohort/loyal buyers", buyers)
    assert made.status_code == 200, made.text
    assert made.json()["definition"]["spec"]["stream"] == "user_interactions"
    again = put(http, "cohort/loyal buyers", made.json()["definition"]["spec"])
    assert again.json()["change"] == "same"
    assert error(put(http, "cohort/x", {"criteria": []}))[:2] == (400, "criteria")
    status, field, reason = error(put(http, "cohort/x", {"criterai": []}))
    assert (status, field) == (400, "criteria") or "did you mean 'criteria'?" in reason
    asked = http.post("/v1/questions", json={"ask": "cohort", "cohort": "loyal buyer"})
    assert "did you mean 'loyal buyers'?" in error(asked)[2]
    assert http.post("/v1/questions", json={"ask": "cohort", "cohort": "loyal buyers"}).json()["users"] == 0
    assert http.delete("/v1/definitions/cohort/loyal buyers").json()["change"] == "removed"


def test_rules_are_the_same_by_either_way(http: TestClient) -> None:
    made = http.post("/v1/alerts/rules", json=RULE | {"name": "mine", "channels": ["dashboard"]})
    assert made.status_code == 201
    assert http.get("/v1/definitions/rule/mine").json()["spec"]["threshold"] == 1e9
    assert "mine" in {rule["name"] for rule in http.get("/v1/alerts/rules").json()}
    assert http.delete("/v1/alerts/rules/mine").status_code == 204
    assert http.get("/v1/definitions/rule/mine").status_code == 404


def test_several_are_defined_together_or_not_at_all(http: TestClient) -> None:
    good = {"kind": "dashboard", "name": "sales", "spec": {"name": "Sales"}}
    bad = {"kind": "rule", "name": "r", "spec": RULE | {"condition": "evnets.count > 1"}}
    assert error(http.post("/v1/definitions", json={"definitions": [good, bad]}))[:2] == (400, "condition")
    assert http.get("/v1/definitions/dashboard/sales").status_code == 404
    bad["spec"] = RULE
    answer = http.post("/v1/definitions", json={"definitions": [good, bad]})
    assert [change["change"] for change in answer.json()["changes"]] == ["new", "new"]
    first, second = (change["definition"]["version"] for change in answer.json()["changes"])
    assert second == first + 1


def test_what_is_wrong_says_what_would_be_right(http: TestClient) -> None:
    assert "did you mean 'dashboard'?" in error(http.get("/v1/definitions", params={"kind": "dashbord"}))[2]
    assert "did you mean 'CPU is busy'?" in error(http.get("/v1/definitions/rule/CPU is bussy"))[2]
    assert error(put(http, "rule/x", RULE | {"condition": "evnets.count > 1"}))[:2] == (400, "condition")
    assert error(put(http, "metric/m", {"stream": "user_interaction"}))[:2] == (400, "metric")
    assert error(put(http, "anomaly/nothing.count", {}))[:2] == (400, "metric")
    hook = {"kind": "webhook", "url": "https://example.com/hook", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    assert "file:NAME_OF_IT" in error(put(http, "channel/ops", hook))[2]


def test_all_kinds_are_listed(http: TestClient) -> None:
    held = http.get("/v1/definitions").json()["definitions"]
    assert {d["kind"] for d in held} == {"metric", "anomaly", "rule", "dashboard"}
    found = http.get("/v1/definitions", params={"kind": "dashboard"}).json()["definitions"]
    assert [d["name"] for d in found] == [d.id for d in Settings.load("base").dashboards], "in the order declared"
    assert found[0]["spec"]["name"] == "Overview"


def test_a_widget_that_shows_what_nobody_knows_is_worth_a_word(http: TestClient) -> None:
    widget = {"id": "a", "type": "metric", "metric": "evnts"}
    made = put(
        http, "dashboard/mine", {"name": "Mine", "widgets": [widget, {"id": "b", "type": "table", "topic": "t"}]}
    )
    assert made.status_code == 200
    first, second = made.json()["warnings"]
    assert "did you mean 'events'?" in first and "the topic 't', which nobody shows" in second
    widgets = [{"id": "a", "type": "metric", "metric": "events"}]
    assert put(http, "dashboard/mine", {"name": "Mine", "widgets": widgets}).json()["warnings"] == []


def test_what_may_be_a_mistake_is_told_of_definitions_that_hold(http: TestClient) -> None:
    board = {"name": "Sales", "widgets": [{"id": "a", "type": "metric", "metric": "no.such"}]}
    assert "no.such" in put(http, "dashboard/sales", board).json()["warnings"][0]
    listed = http.get("/v1/definitions", params={"warnings": "true"}).json()["definitions"]
    by_name = {f"{each['kind']}/{each['name']}": each["warnings"] for each in listed}
    assert "no.such" in by_name["dashboard/sales"][0]
    assert {name for name, said in by_name.items() if said} == {"dashboard/sales"}
    (only,) = [
        each for each in http.get("/v1/definitions?kind=dashboard").json()["definitions"] if each["name"] == "sales"
    ]
    assert only["warnings"] is None, "not asked for"
