"""Features and datasets over HTTP: the routes of the gateway, the cell of features and its worker, on a log, without Ray."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from actors.analyzers.features import FeatureKeeper, Told
from actors.edges.features import FeatureWorker
from config.settings import Settings
from events.errors import Transient
from events.sqlite_log import SqliteSpec
from hindcast.datasets import Dataset
from serve.access import Access, Principal
from serve.app import create_gateway
from serve.batching import CollectorBatching
from serve.gateway import Gateway
from serve.hosts import Hosts
from serve.spec import GatewaySpec
from tests.unit.query.point_in_time.words import Event, put_events
from tests.unit.serve.test_definitions import Host, put

HOUR = 3_600_000_000
NOW = 1_780_000_000_000_000
PRODUCER = "t/user_interactions/0"


class FeatureHost(Host):
    """With the cell of features; time stands still."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.keeper = self._cell(FeatureKeeper(most_events=30))
        self.worker = FeatureWorker(self.keeper, self.log, "g", lambda: None, lambda: NOW)

    async def features(
        self, cell: str, subjects: Sequence[str], names: Sequence[str] | None = None
    ) -> tuple[int, Told]:
        assert cell == "t/features/0"
        self.worker.recovered()
        while self.keeper.advance():
            pass
        return self.worker.tell(subjects, names)


@pytest.fixture
def host(tmp_path: Path) -> Generator[FeatureHost]:
    found = FeatureHost(tmp_path)
    yield found
    found.log.close()


@pytest.fixture
def http(host: FeatureHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[TestClient]:
    async def principal(self: Access, key: str | None) -> Principal:
        return Principal("key_1", "ada", frozenset({"query", "control"}))

    monkeypatch.setattr(Access, "principal", principal)
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


def happen(host: FeatureHost, *told: tuple[str, int, str]) -> None:
    """(whose, hours ago, what), known when it happened."""
    events = [Event(k, NOW - h * HOUR, NOW - h * HOUR, kind, None, 1.0, "pro", "", 0) for k, h, kind in told]
    put_events(host.log, PRODUCER, sorted(events, key=lambda event: event.time), NOW)


def defined(http: TestClient) -> None:
    for name, spec in (
        ("behavioral.orders_9h", {"event": "order", "aggregate": "count", "window": "9h"}),
        ("behavioral.weight", {"aggregate": "sum", "of": "value"}),
        ("temporal.share", {"expression": "behavioral.orders_9h / behavioral.weight"}),
        ("contextual.plan", {"aggregate": "last", "of": "plan"}),
    ):
        assert put(http, f"feature/{name}", spec).status_code == 200
    churn = {"outcome": "order", "happens": False, "horizon": "10h", "domain": [{"event": "order", "within": "10h"}]}
    assert put(http, "label/churn_prediction", churn).status_code == 200
    assert put(http, "label/user_retention", {"complement_of": "churn_prediction"}).status_code == 200


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["field"]


def test_features_are_told_live_and_as_of_a_moment(host: FeatureHost, http: TestClient) -> None:
    defined(http)
    happen(host, ("ada", 1, "order"), ("ada", 8, "order"), ("ada", 9, "order"), ("bob/1", 2, "page"))
    found = http.get("/v1/features/ada").json()
    wanted = {"behavioral.orders_9h": 2.0, "behavioral.weight": 3.0, "contextual.plan": "pro", "temporal.share": 2 / 3}
    assert (found["source"], found["features"]) == ("live", wanted)
    assert found["heard"] == "2026-05-28T19:26:40Z"
    several = http.post("/v1/features", json={"subjects": ["bob/1", "ada"], "features": ["temporal.share"]}).json()
    assert [one["features"]["temporal.share"] for one in several["subjects"]] == [0.0, 2 / 3]
    assert http.get("/v1/features/bob%2F1", params={"feature": "contextual.plan"}).json()["features"] == {
        "contextual.plan": "pro"
    }
    as_of = http.get("/v1/features/ada", params={"as_of": f"{NOW / 1e6}"}).json()
    assert (as_of["source"], as_of["features"]) == ("log", wanted)
    assert error(http.get("/v1/features/ada", params={"feature": "behavioral.oders"})) == (400, "features")


def test_somebody_of_whom_too_much_is_there_is_answered_from_the_log(host: FeatureHost, http: TestClient) -> None:
    defined(http)
    happen(host, *(("ada", n % 20, "order") for n in range(40)), ("bob", 3, "order"))
    found = http.post("/v1/features", json={"subjects": ["ada", "bob", "ada"]}).json()["subjects"]
    assert [one["source"] for one in found] == ["log", "live", "log"]
    assert found[0]["features"]["behavioral.weight"] == 40.0
    assert found[0]["features"] == found[2]["features"]
    assert host.keeper.fold.notes(host.keeper.state) == [
        "1 subjects are kept in 0 MB; features of 1 others are worked out from the log"
    ]


def test_while_the_state_is_folded_anew_whoever_asks_is_told_to_come_again(host: FeatureHost) -> None:
    host.worker.failed("its state is being rebuilt")
    with pytest.raises(Transient):
        host.worker.tell(["ada"], None)


def test_a_dataset_is_made_and_made_again(host: FeatureHost, http: TestClient) -> None:
    defined(http)
    happen(host, *((who, h, "order") for who, hours in (("ada", range(40)), ("bob", range(25, 40))) for h in hours))
    asked = {"label": "churn_prediction", "every": "5h"}
    arrow = {"accept": "application/vnd.apache.arrow.stream"}
    answer = http.post("/v1/datasets", json=asked, headers=arrow)
    assert answer.status_code == 200, answer.text
    made = Dataset.of(cast("Any", answer))
    assert made.table.column_names[:3] == ["key", "at", "label"] and len(made.features) == 4
    assert {(r["key"], r["label"]) for r in made.table.to_pylist()} == {("ada", 0), ("bob", 0), ("bob", 1)}
    assert made.task == "classification" and made.report["refused"]["future"] > 0
    again = http.post("/v1/datasets", json=made.said, headers=arrow)
    assert Dataset.of(cast("Any", again)) == made
    assert again.headers["hindcast-digest"] == made.digest
    stays = http.post("/v1/datasets", json={**asked, "label": "user_retention"}).json()
    label = [column["name"] for column in stays["columns"]].index("label")
    assert [row[label] for row in stays["rows"]] == [1 - y for y in made.table["label"].to_pylist()]
    assert "key,at,label" in http.post("/v1/datasets", json=asked, headers={"accept": "text/csv"}).text.replace('"', "")
    told = pa.ipc.open_stream(io.BytesIO(answer.content)).schema.metadata or {}
    assert json.loads(told[b"hindcast.report"]) == made.report


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"label": "churm_prediction"}, "label"),
        ({"label": "churn_prediction", "horizon": "90d"}, "horizon"),
        ({"label": "churn_prediction", "features": ["behavioral.nothing"]}, "features"),
        ({"label": "churn_prediction", "evry": "1d"}, "evry"),
        ({"label": "churn_prediction", "at": ["2026-01-01"], "every": "1d"}, "at"),
    ],
)
def test_what_cannot_be_made_is_refused_with_its_field(
    host: FeatureHost, http: TestClient, asked: dict[str, Any], field: str
) -> None:
    defined(http)
    happen(host, ("ada", 1, "order"), ("ada", 30, "order"))
    assert error(http.post("/v1/datasets", json=asked)) == (400, field)


def test_what_a_feature_cannot_be_is_refused_with_its_field(http: TestClient) -> None:
    defined(http)
    for name, spec, field in (
        ("orders", {"aggregate": "count"}, "name"),
        ("user.a", {}, "aggregate"),
        ("user.a", {"aggregate": "sum"}, "of"),
        ("user.a", {"aggregate": "sum", "of": "amount"}, "of"),
        ("user.a", {"expression": "user.b + 1"}, "expression"),
        ("user.a", {"expression": "contextual.plan + 1"}, "expression"),
        ("user.a", {"expression": "__import__('os')"}, "expression"),
        ("user.a", {"fold": "nobody's", "window": "1d"}, "fold"),
        ("user.a", {"aggregate": "count", "window": "soon"}, "window"),
    ):
        answer = put(http, f"feature/{name}", spec)
        said = answer.json()["error"]
        assert answer.status_code == 400 and field in (said["field"], said["reason"].partition(":")[0]), said
    assert http.delete("/v1/definitions/feature/behavioral.weight").status_code == 400
    assert http.delete("/v1/definitions/label/churn_prediction").status_code == 400
