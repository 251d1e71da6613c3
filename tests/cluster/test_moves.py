"""Cells move while the system runs, under load and with a host that is killed: nothing is lost, nothing counts twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.words import only_packed
from tests.running import PATIENCE_S, Running, free_port, start

pytestmark = pytest.mark.cluster
DOOR, BOARD, METRICS = "main/user_interactions/0", "main/user_activity/0", "main/metrics/0"


@pytest.fixture(params=[pytest.param("packed", marks=pytest.mark.long), "spread"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    running = start(tmp_path, "base", "--placement", request.param)
    yield running
    running.stop()


class Load:
    """Sends one event after the other, each again until it is answered with 200."""

    def __init__(self, system: Running) -> None:
        self._system = system
        self.accepted: list[str] = []
        self.refused = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            id_ = f"e{len(self.accepted)}"
            while not self._sent(id_):
                self.refused += 1
                time.sleep(0.05)
            self.accepted.append(id_)

    def _sent(self, id_: str) -> bool:
        event = {"specversion": "1.0", "id": id_, "source": "shop", "type": "page.viewed", "subject": "u1"}
        with suppress(httpx.TransportError):
            return self._system.post("/v1/events", json=[event]).status_code == 200
        return False

    def more(self, n: int = 5) -> None:
        """Wait until so many more were taken."""
        wanted = len(self.accepted) + n
        self._system.until(lambda: len(self.accepted) >= wanted)


def moved(system: Running, cell: str, host: str) -> dict[str, str]:
    found = ordered(system, f"/v1/placement/{cell}", host=host)
    return {place["cell"]: place["host"] for place in found["cells"]}


def ordered(system: Running, path: str, **wanted: str) -> Any:
    """Give an order, which is answered at once, and wait until it is carried out; answers the placement then."""
    answer = system.http.put(path, json=wanted)
    assert answer.status_code == 202, answer.text
    order = answer.json()["order"]

    def done() -> Any:
        found = system.get("/v1/placement").json()
        return found["done"] >= order and not any(place["going"] for place in found["cells"]) and found

    found = system.until(done)
    assert found["failed"] == ""
    return found


def shown(system: Running) -> Any:
    answer = system.get("/v1/dashboards/user_activity")
    return answer.json()["data"]["events_total"]["v"] if answer.status_code == 200 else None


def test_cells_move_under_load_and_a_killed_host_gets_the_cells_of_now(system: Running) -> None:
    with Load(system) as load:
        load.more()
        assert moved(system, DOOR, "new")[DOOR] == "new"
        assert moved(system, BOARD, "new")[BOARD] == "new"
        assert moved(system, METRICS, "own")[METRICS] == f"analyzers:{METRICS}"
        load.more()
        assert load.refused == 0, "a request waits for a cell that moves"
        assert system.strike("ray::Host") > 0
        load.more(20)
        for placement in ("spread", "packed"):
            assert ordered(system, "/v1/placement", placement=placement)["placement"] == placement
            load.more()
        assert system.get("/v1/status").json()["placement"] == "packed"
    n = len(load.accepted)
    system.until(lambda: shown(system), n)
    assert system.sql("SELECT count(*), count(DISTINCT id) FROM user_interactions") == [[n, n]]
    orders = system.sql("SELECT type FROM control WHERE type IN ('cell.placed', 'cells.arranged') ORDER BY row_offset")
    assert [type_ for (type_,) in orders] == ["cell.placed"] * 3 + ["cells.arranged"] * 2


@pytest.mark.parametrize("system", ["packed"], indirect=True)
def test_the_command_line_waits_and_says_how_far_it_is(system: Running) -> None:
    command = [sys.executable, "-m", "hindcast", "move", BOARD, "alone", "--data-dir", str(system.data), "--json"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert said.returncode == 0, said.stderr
    assert {place["cell"]: place["host"] for place in json.loads(said.stdout)["cells"]}[BOARD] == "alone"
    assert system.get("/v1/placement").json()["placement"] == "mixed"


ADDING = """
import sys
import time
from hindcast.system import System
system = System("base", data_dir=sys.argv[1], port=int(sys.argv[2]), placement="packed")
with system:
    if sys.argv[3] == "add":
        system.add_cell("hearing:heard", {"name": "late"}, host="own")
    print(system.placement.where.cells["main/late/0"])
    deadline = time.monotonic() + 120
    state = "starting"
    while state == "starting" and time.monotonic() < deadline:
        state = {c["cell"]: c["state"] for c in system.client.status()["cells"]}["main/late/0"]
        time.sleep(0.2)
    print(state)
"""
HEARING = """
from actors.topology import CellSpec
from tests.laws.fleet import Echo
def heard(settings, within):
    fold = Echo()
    fold.name = settings["name"]
    return CellSpec("analyzers", fold, within.tenant)
"""


def test_a_cell_that_was_added_is_there_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "hearing.py").write_text(HEARING)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}
    for deed in ("add", "look"):
        command = [sys.executable, "-c", ADDING, str(tmp_path / "data"), str(free_port()), deed]
        said = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
        assert said.returncode == 0, said.stderr
        assert said.stdout.splitlines()[-2:] == ["analyzers:main/late/0", "running"]


@only_packed
def test_an_order_that_cannot_be_is_refused_with_what_would_do(running: Running) -> None:
    answer = running.http.put("/v1/placement/main/nobody/0", json={"host": "own"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (404, "cell")
    answer = running.http.put(f"/v1/placement/{BOARD}", json={"host": "a b"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "host")
    assert "`own`" in answer.json()["error"]["reason"]
    assert running.http.put("/v1/placement", json={"placement": "scattered"}).status_code in (400, 422)
