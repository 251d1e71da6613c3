"""Cells move while the system runs, under load and with a host that is killed: nothing is lost, nothing counts twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import Running, start

pytestmark = pytest.mark.cluster
DOOR, BOARD, METRICS = "main/user_interactions/0", "main/user_activity/0", "main/metrics/0"


@pytest.fixture(params=["packed", "spread"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    running = start(tmp_path, "base", "--placement", request.param)
    yield running
    running.stop()


class Load:
    """Sends one event after the other, each again until it is answered with 200."""

    def __init__(self, system: Running) -> None:
        self._system = system
        self.accepted: list[str] = []
        self.longest_s = 0.0
        self.refused = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._ending.is_set():
            id_, began = f"e{len(self.accepted)}", time.monotonic()
            while not self._sent(id_):
                self.refused += 1
                time.sleep(0.05)
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.accepted.append(id_)

    def _sent(self, id_: str) -> bool:
        event = {"specversion": "1.0", "id": id_, "source": "shop", "type": "page.viewed", "subject": "u1"}
        with suppress(httpx.TransportError):
            return self._system.post("/v1/events", json=[event]).status_code == 200
        return False

    def more(self, n: int = 5) -> None:
        """Wait until so many more were taken."""
        wanted = len(self.accepted) + n
        self._system.until(lambda: len(self.accepted) >= wanted, timeout_s=60)


def moved(system: Running, cell: str, host: str) -> dict[str, str]:
    answer = system.http.put(f"/v1/placement/{cell}", json={"host": host}, timeout=90)
    assert answer.status_code == 200, answer.text
    return {place["cell"]: place["host"] for place in answer.json()["cells"]}


def shown(system: Running) -> Any:
    answer = system.get("/v1/dashboards/user_activity")
    return answer.json()["data"]["events_total"]["v"] if answer.status_code == 200 else None


@pytest.mark.timeout(600)
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
            answer = system.http.put("/v1/placement", json={"placement": placement}, timeout=120)
            assert answer.json()["placement"] == placement, answer.text
            load.more()
        assert system.get("/v1/status").json()["placement"] == "packed"
    n = len(load.accepted)
    system.until(lambda: shown(system), n, timeout_s=60)
    assert system.sql("SELECT count(*), count(DISTINCT id) FROM user_interactions") == [[n, n]]
    orders = system.sql("SELECT type FROM control WHERE type IN ('cell.placed', 'cells.arranged') ORDER BY row_offset")
    assert [type_ for (type_,) in orders] == ["cell.placed"] * 3 + ["cells.arranged"] * 2


@pytest.mark.timeout(300)
def test_an_order_that_cannot_be_is_refused_with_what_would_do(system: Running) -> None:
    answer = system.http.put("/v1/placement/main/nobody/0", json={"host": "own"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (404, "cell")
    answer = system.http.put(f"/v1/placement/{BOARD}", json={"host": "a b"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "host")
    assert "`own`" in answer.json()["error"]["reason"]
    assert system.http.put("/v1/placement", json={"placement": "scattered"}).status_code in (400, 422)
