"""Models of a running system: registered, deployed, asked, rolled out and back under load, watched."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from tests.cluster.words import fresh, only_packed
from tests.running import Running
from tests.small_models import stored

pytestmark = [pytest.mark.cluster, only_packed]
ROW = {"x": 1.0, "plan": "pro", "user_id": "u1"}
ARROW = "application/vnd.apache.arrow.stream"


def kept(running: Running, data: bytes) -> str:
    answer = running.http.put("/v1/artifacts", content=data)
    assert answer.status_code == 201, answer.text
    return answer.json()["sha256"]


def registered(running: Running, name: str, slope: float = 1.0, **more: Any) -> dict[str, Any]:
    said = {"version": fresh("experiment"), "metric": "auc", "score": 0.9, "threshold": 0.7, **more}
    answer = running.post(f"/v1/models/{name}/versions", json={"sha256": kept(running, stored(slope)), **said})
    assert answer.status_code == 201, answer.text
    return answer.json()


def deployed(running: Running, name: str, **config: Any) -> dict[str, Any]:
    answer = running.http.put(f"/v1/models/{name}/deployment", json=config)
    assert answer.status_code == 200, answer.text
    return answer.json()


def asked(running: Running, name: str, row: Any = ROW) -> dict[str, Any]:
    answer = running.post(f"/v1/predict/{name}", json=row)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def model(running: Running) -> Iterator[str]:
    """The name of a model with two versions; it is served no more at the end."""
    name = fresh("stays")
    registered(running, name)
    registered(running, name, -1.0)
    yield name
    running.http.delete(f"/v1/models/{name}/deployment")


def test_what_is_no_model_of_ours_is_not_registered(running: Running) -> None:
    said = {"version": "e", "metric": "auc", "score": 0.9, "threshold": 0.7}
    foreign = kept(running, skops.io.dumps(LinearRegression()))
    answer = running.post("/v1/models/foreign/versions", json={**said, "sha256": foreign})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "sha256")
    nowhere = running.post("/v1/models/foreign/versions", json={**said, "sha256": "0" * 64})
    assert nowhere.status_code == 404
    for score in (0.7, 0.69):
        low = running.post("/v1/models/foreign/versions", json={**said, "sha256": foreign, "score": score})
        assert (low.status_code, low.json()["error"]["field"]) == (400, "score")
    assert running.get("/v1/models/foreign").status_code == 404


def test_a_deployed_model_answers_and_every_answer_is_an_event(running: Running, model: str) -> None:
    before = running.post(f"/v1/predict/{model}", json=ROW)
    assert before.status_code == 404
    assert "not deployed" in before.json()["error"]["reason"]
    live = deployed(running, model)["live"]
    assert [v["number"] for v in live["variants"]] == [1]
    found = asked(running, model)
    assert (found["prediction"], found["version"], found["variant"]) == ("yes", 1, "live")
    many = asked(running, model, {"rows": [ROW, {"x": "three", "plan": "pro"}, {"plan": "pro"}]})
    assert (many["answered"], many["refused"]) == (1, 2)
    assert [row.get("error", {}).get("field") for row in many["predictions"]] == [None, "x", "x"]
    said = f"SELECT subject, version, label, features FROM predictions WHERE id = '{found['id']}'"
    assert running.sql(said) == [["u1", 1, "yes", '{"x":1.0,"plan":"pro"}']]
    why = running.post(f"/v1/predict/{model}", params={"explain": "true"}, json=ROW).json()["why"]
    assert set(why) == {"x", "plan"}
    about = ({"user_id": " "}, "user_id"), ({"rows": [ROW, {"user_id": ["u1"]}]}, "rows.1.user_id")
    for body, field in (({"plan": "pro"}, "x"), ({**ROW, "x": [1]}, "x"), ([], "rows"), (3, "body"), *about):
        wrong = running.post(f"/v1/predict/{model}", json=body)
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, field)
    nobody = running.post(f"/v1/predict/{model}s", json=ROW)
    assert nobody.status_code == 404
    assert f"did you mean '{model}'" in nobody.json()["error"]["reason"]


def test_a_table_travels_as_arrow_and_a_million_rows_are_too_many(running: Running, model: str) -> None:
    deployed(running, model)

    def sent(table: pa.Table) -> httpx.Response:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        headers = {"content-type": ARROW, "accept": ARROW}
        return running.post(f"/v1/predict/{model}", content=sink.getvalue().to_pybytes(), headers=headers)

    answer = sent(pa.table({"x": [1.0, -2.0] * 500, "plan": ["pro", "free"] * 500}))
    with pa.ipc.open_stream(answer.content) as reader:
        table = reader.read_all()
    assert table.column("prediction").to_pylist() == ["yes", "no"] * 500
    assert table.schema.metadata[b"hindcast.version"] == b"1"
    many = sent(pa.table({"x": pa.nulls(1_000_000, pa.int8())}))
    assert (many.status_code, many.json()["error"]["field"]) == (413, "rows")


def test_a_canary_gets_its_share_and_a_key_stays(running: Running, model: str) -> None:
    deployed(running, model, mode="canary", version=2, share=0.4)
    rows = [{**ROW, "user_id": f"user-{i}"} for i in range(60)]
    first = [asked(running, model, row)["version"] for row in rows]
    assert first == [asked(running, model, row)["version"] for row in rows]
    assert 8 <= first.count(2) <= 40
    deployed(running, model, mode="shadow", version=2)
    found = asked(running, model)
    assert found["version"] == 1
    beside = f"SELECT count(*) FROM predictions WHERE model = '{model}' AND shadow AND version = 2"
    running.until(lambda: running.sql(beside)[0][0] >= 1)


def test_rolled_out_and_back_and_a_replica_killed_under_load_without_a_failed_request(
    running: Running, model: str
) -> None:
    deployed(running, model)
    asked(running, model)
    stop, failed, answered = threading.Event(), list[str](), itertools.count()

    def load() -> None:
        with httpx.Client(base_url=running.url, headers=running.http.headers, timeout=120.0) as client:
            while not stop.is_set():
                answer = client.post(f"/v1/predict/{model}", json=ROW)
                next(answered)
                if answer.status_code != 200:
                    failed.append(answer.text)

    def more(n: int = 20) -> None:
        wanted = next(answered) + n
        running.until(lambda: next(answered) >= wanted)

    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load) for _ in range(4)]
        try:
            more()
            between = datetime.now(UTC)
            time.sleep(0.01)
            out = running.post(f"/v1/models/{model}/promote", json={"version": 2})
            assert out.status_code == 200, out.text
            running.until(lambda: asked(running, model)["version"], 2)
            more()
            back = running.post(f"/v1/models/{model}/rollback", json={"reason": "a try"})
            assert back.status_code == 200, back.text
            running.until(lambda: asked(running, model)["version"], 1)
            more()
            assert running.strike("ray::ServeReplica:models") >= 1
            more()
        finally:
            stop.set()
        for one in loads:
            one.result()
    assert failed == []
    then = running.get(f"/v1/models/{model}", params={"as_of": between.isoformat()}).json()
    assert [v["number"] for v in then["live"]["variants"]] == [1]
    now = running.get(f"/v1/models/{model}").json()
    assert (now["aliases"]["champion"], now["last_rollback"]["reason"]) == (1, "a try")


def test_a_table_is_trained_into_the_log_and_only_what_is_better_takes_over(running: Running) -> None:
    from hindcast.client import Client
    from hindcast.modelling.manager import MLModelManager
    from hindcast.workflow import predictions

    name, client = fresh("trained"), Client(running.url, running.key, timeout_s=120.0)
    manager = MLModelManager(client, running.data / "artifacts")
    rng = np.random.default_rng(5)
    x, plan = rng.normal(size=240), rng.choice(["free", "pro"], 240)
    stays = np.where(x + (plan == "pro") + 0.3 * rng.normal(size=240) > 0.5, "yes", "no")
    table = pa.table({"x": x, "plan": plan, "stays": stays})
    quick = {"target": "stays", "trials": 1, "workers": 1}
    refused = manager.train_model(name, table, {**quick, "min_score_threshold": 0.9999})
    assert (refused["registered"], refused["model_id"]) == (False, None)
    assert running.get(f"/v1/models/{name}").status_code == 404
    first = manager.train_model(name, table, quick)
    assert first["registered"], first["reason"]
    assert first["evaluation"]["score"] > 0.7

    def told() -> tuple[str, bool | None, bool]:
        (found,) = [e for e in client.experiments(name) if e["id"] == first["experiment_id"]]
        return found["state"], found["registered"], found["tried"] >= 1

    running.until(told, ("finished", True, True))
    assert [e["registered"] for e in client.experiments(name)] == [True, False]
    model_id = first["model_id"]
    assert model_id is not None
    deployed = manager.deploy_model(model_id, {"sample": 1.0})
    assert deployed["live"]["variants"][0]["number"] == 1
    answers = manager.run_predictions([{"x": 2.0, "plan": "pro"}])[name]["predictions"]
    assert [one["prediction"] for one in answers] == ["yes"]
    told_of_all = predictions(client)[name]  # as `run_analytics_workflow` has them
    assert told_of_all["variants"][0]["number"] == 1
    assert told_of_all["predictions"] or told_of_all["newest"]
    past = manager.backtest(f"{name}:1")
    assert (past["rows"], past["changed"], past["accuracy"]["status"]) == (1, 0.0, "labels_pending")
    again = manager.train(name, table, "stays", trials=1, workers=1)
    assert again.contest is not None
    assert again.may_take_over is again.contest.better
    model = client.model(name)
    assert model["aliases"] == {"champion": 1, "challenger": 2}  # nothing takes over by itself
    assert client.compare_models(name)["versions"][0]["number"] == 1
    client.undeploy_model(name)


def test_its_performance_is_told_without_made_up_accuracy(running: Running, model: str) -> None:
    rows = [{"x": (i % 40) / 10 - 2, "plan": "pro" if i % 2 else "free"} for i in range(120)]
    found = running.post(f"/v1/models/{model}/monitor", json={"rows": rows})
    assert found.status_code == 200, found.text
    told = found.json()
    assert told["accuracy_metrics"]["status"] == "labels_pending"
    assert told["accuracy_metrics"]["score"] is None
    assert told["performance_metrics"]["rows"] == 120
    wrong = [{**row, "stays": "no" if row["x"] > 0 else "yes"} for row in rows]
    bad = running.post(f"/v1/models/{model}/monitor", json={"rows": wrong}).json()
    assert bad["degraded"]
    assert bad["alert"]["type"] == "model_performance_degradation"
    asked_for = "SELECT count(*) FROM models WHERE type = 'model.degraded' AND subject = '{}'"
    assert running.sql(asked_for.format(model)) == [[1]]
    running.until(lambda: f"{model}:1" in running.get("/v1/alerts").text)
