"""Packages that extend Hindcast: one that works is seen live; those that do not are named, and everything else runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import expect, sync_playwright
from websockets.sync.client import connect

from tests import patient
from tests.browser.conftest import CHROMIUM, QUIET
from tests.packages import BROKEN, DICE, ROUTED, put
from tests.running import PATIENCE_S, Running, start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example and with broken packages, each as pip would leave it."""
    folder = tmp_path_factory.mktemp("site")
    copy = tmp_path_factory.mktemp("source") / "plugin"
    copy.mkdir()
    for file in ("pyproject.toml", "hindcast_dice.py"):
        (copy / file).write_bytes((DICE / file).read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(folder), str(copy)], check=True, timeout=600)
    for name, code in {**BROKEN, "routed": ROUTED}.items():
        put(folder, name, code)
    return folder


@pytest.fixture(scope="module")
def extended(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("extended")
    events = folder / "orders.ndjson"
    events.write_text("".join(json.dumps({"type": "order.placed", "id": f"o{n}"}) + "\n" for n in range(30)))
    channel = {"name": "notes", "kind": "note", "path": str(folder / "notes.txt")}
    rule = {"name": "Any order", "condition": "from_file.count > 0", "threshold": 0, "channels": ["notes"]}
    metric = {"name": "from_file", "stream": "dice_throws", "width_s": 1, "lateness_s": 5}
    config = {
        "extends": "base", "channels": [channel], "alerts": [rule], "metrics": [metric],
        "sources": {"orders": {"kind": "file", "path": str(events), "every_s": 0.2}, "second": {"kind": "dice", "seed": 2}},
    }  # fmt: skip
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")]))
        system = start(folder, str(folder / "mine.yaml"), "--placement", "packed")
    yield system
    assert system.stop() == 0, system.output.read_text()[-3000:]


def status(system: Running) -> Any:
    return system.get("/v1/status").json()


def pulled(system: Running, name: str) -> Any:
    """What is said of a source that has failed."""
    return next((s for s in status(system)["pulled"] if s["name"] == name and s["last_error"]), None)


def test_the_source_is_read_its_fold_counts_and_a_widget_has_its_topic(extended: Running) -> None:
    def counted() -> Any:
        return sum(row["times"] for row in extended.get("/v1/dashboards/dice").json()["data"].values())

    extended.until(lambda: counted() >= 10)
    found = extended.sql("SELECT subject, count(*), count(DISTINCT id) FROM dice_throws GROUP BY subject ORDER BY 1")
    assert [name for name, _, _ in found] == ["dice", "second"], "two instances of one kind"
    assert all(rows == ids for _, rows, ids in found)
    dashboard = extended.get("/v1/definitions/dashboard/dice").json()
    assert dashboard["spec"]["widgets"][0]["topic"] == "dice"
    assert dashboard["owner"] == "file:the plug-in dice"


def test_its_topic_is_live(extended: Running) -> None:
    url = extended.url.replace("http", "ws") + "/live"
    with connect(
        url, additional_headers={"authorization": f"Bearer {extended.key}"}, open_timeout=PATIENCE_S
    ) as socket:
        socket.send(json.dumps({"op": "sub", "id": 1, "topic": "dice"}))
        seen: list[Any] = []
        while len(seen) < 3:
            message = json.loads(socket.recv(PATIENCE_S))
            if message["op"] in ("snap", "delta"):
                seen.append(message)
            socket.send(json.dumps({"op": "ack", "n": message["n"]}))
    assert [message["op"] for message in seen] == ["snap", "delta", "delta"]
    assert seen[0]["seq"] < seen[1]["seq"] < seen[2]["seq"]


def test_its_channel_is_told(extended: Running) -> None:
    notes = extended.data.parent / "notes.txt"
    extended.until(lambda: notes.exists() and "Any order" in notes.read_text())


def test_a_channel_of_its_kind_that_is_defined_over_http_is_told(extended: Running) -> None:
    notes = extended.data.parent / "later.txt"
    rule = {"condition": "from_file.count > 0", "threshold": 0, "channels": ["later"]}
    wanted = [
        {"kind": "channel", "name": "later", "spec": {"kind": "note", "path": str(notes)}},
        {"kind": "rule", "name": "Any throw", "spec": rule},
    ]
    answer = extended.post("/v1/definitions", json={"definitions": wanted})
    assert answer.status_code == 200, answer.text
    extended.until(lambda: notes.exists() and "Any throw" in notes.read_text())


def test_a_file_is_followed_and_each_line_comes_once(extended: Running) -> None:
    def ids() -> Any:
        return extended.sql("SELECT count(*), count(DISTINCT id) FROM user_interactions WHERE source = 'orders'")

    extended.until(ids, [[30, 30]])
    with (extended.data.parent / "orders.ndjson").open("a") as file:
        file.write('{"type": "order.placed", "id": "late"}\nnot json\n')
    extended.until(ids, [[31, 31]])
    source = extended.until(
        lambda: next((s for s in status(extended)["pulled"] if s["name"] == "orders" and s["refused"]), None)
    )
    assert (source["kind"], source["state"], source["rows"], source["behind"]) == ("file", "reading", 31, 0)
    assert 'hindcast_pulled_rows_total{source="orders",kind="file"} 31' in extended.get("/metrics").text


def test_its_routes_are_served_to_who_has_a_key(extended: Running) -> None:
    assert extended.get("/v1/weather").json() == {"weather": "dry"}
    assert patient.get(f"{extended.url}/v1/weather").status_code == 401
    answer = extended.get("/v1/weather/storm")
    assert (answer.status_code, "plug-in 'routed'" in answer.json()["error"]["reason"]) == (500, True)


def test_what_fails_is_named_and_everything_else_runs(extended: Running) -> None:
    found = {plug_in["name"]: plug_in["error"] for plug_in in status(extended)["plug_ins"]}
    assert "was not to be imported" in found.pop("sunk")
    assert "no cells today" in found.pop("mute")
    assert "name" in found.pop("vain"), (
        "a dashboard that cannot be is not there, and does not keep the rest from starting"
    )
    assert "is there already, of Hindcast itself" in found.pop("machine (plug-again)")
    assert found == {"dice": "", "dry": "", "poisoned": "", "lost": "", "routed": ""}
    lacks = {plug_in["name"]: plug_in["lacks"] for plug_in in status(extended)["plug_ins"] if plug_in["lacks"]}
    assert list(lacks) == ["lost"] and "its routes are not served: ModuleNotFoundError" in lacks["lost"]
    poisoned = extended.until(
        lambda: next((c for c in status(extended)["cells"] if "poisoned" in c["cell"] and c["detail"]), None)
    )
    assert "as ever" in poisoned["detail"] or poisoned["state"] == "halted"
    dry = extended.until(lambda: pulled(extended, "dry"))
    assert (dry["state"], dry["last_error"]) == ("retrying", "ConnectionError: the well is dry")
    extended.until(lambda: {c["state"] for c in status(extended)["cells"] if "poisoned" not in c["cell"]}, {"running"})


def test_the_command_line_names_them_and_says_that_something_is_wrong(extended: Running) -> None:
    extended.until(lambda: pulled(extended, "dry"))
    command = [sys.executable, "-m", "hindcast", "status", "--data-dir", str(extended.data)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert said.returncode == 1
    assert "plug-in sunk of plug-sunk 1.0 is not there" in said.stdout
    assert "the well is dry" in said.stdout
    assert "plug-in lost of plug-lost 1.0: its routes are not served" in said.stdout


def test_its_widget_is_on_the_page(extended: Running) -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        page = browser.new_page()
        page.goto(extended.link())
        page.get_by_role("link", name="Dice").click()
        bars = page.get_by_label("Thrown").locator("li")
        expect(bars).to_have_count(6, timeout=1000 * PATIENCE_S)
        assert sorted(text.strip()[0] for text in bars.all_inner_texts()) == list("123456")
        browser.close()


def test_what_an_uninstalled_one_wrote_is_read_and_everything_else_runs(packages: Path, tmp_path: Path) -> None:
    """A metric has read its stream. After a kill its cell folds again what it read since its last snapshot."""
    config = tmp_path / "mine.yaml"
    config.write_text("extends: base\nparts: {routed: {enabled: false}}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")]))
        before = start(tmp_path, str(config), "--placement", "packed")
    made = before.http.put(
        "/v1/definitions/metric/throws", json={"stream": "dice_throws", "value": "eyes", "width_s": 1}
    )
    assert made.status_code == 200, made.text
    sampled = "SELECT count(*) FROM metrics WHERE metric = 'throws' AND type = 'metric.sampled'"
    before.until(lambda: before.sql(sampled)[0][0] > 0)
    before.kill()
    config.write_text("extends: base")
    after = start(tmp_path, str(config), "--placement", "packed")
    try:
        assert after.sql("SELECT count(*) > 0 FROM dice_throws") == [[True]]
        after.until(lambda: {cell["state"] for cell in status(after)["cells"]}, {"running"})
        (gone,) = (plug_in for plug_in in status(after)["plug_ins"] if plug_in["name"] == "dice")
        assert (gone["installed"], gone["error"]) == (False, "")
        assert "dice_throws" in gone["lacks"] and "again" in gone["lacks"]
        command = [sys.executable, "-m", "hindcast", "status", "--data-dir", str(after.data)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert (said.returncode, "plug-in dice of" in said.stdout) == (0, True), said.stdout
        assert after.get("/v1/definitions/metric/throws").status_code == 200
        assert after.http.delete("/v1/definitions/metric/throws").status_code == 200
    finally:
        assert after.stop() == 0
