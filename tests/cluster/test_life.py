"""Starting, stopping and starting again: nothing is left behind, and everything resumes where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from hindcast.client import Client
from tests import patient
from tests.cluster.words import BATCH, event
from tests.running import PATIENCE_S, Running, free_port, start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Start = Callable[..., Running]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Start]:
    """Starts a system on one data directory and one port, again and again."""
    port, systems = free_port(), list[Running]()

    def up(*options: str) -> Running:
        systems.append(start(tmp_path, "base", *options, port=port))
        return systems[-1]

    yield up
    if systems and systems[-1].process.poll() is None:
        systems[-1].kill()


def hindcast(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hindcast", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def total(system: Running) -> int:
    return system.get("/v1/dashboards/user_activity").json()["data"]["events_total"]["v"]


def post(system: Running, events: list[dict[str, Any]]) -> dict[str, Any]:
    answer = system.post("/v1/events", json=events, headers=BATCH)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_resumes_after_ctrl_c_after_a_power_cut_and_in_another_placement(up: Start) -> None:
    first, second, third = ([event() for _ in range(n)] for n in (300, 30, 3))
    system = up("--placement", "packed")
    assert post(system, first)["accepted"] == 300
    system.until(lambda: total(system), 300)
    key = system.post("/v1/keys", json={"name": "mine", "scopes": ["query"]}).json()["key"]
    assert system.stop() == 0  # fails where a process or a port is left
    said = system.output.read_text()
    assert "Draining" in said
    assert "Traceback" not in said
    assert "raylet" not in said
    assert not (system.data / "runtime.json").exists()

    system = up("--placement", "spread")
    system.until(lambda: total(system), 300)
    receipt = post(system, first + second)
    assert (receipt["accepted"], receipt["duplicate"]) == (30, 300)
    system.kill()  # nothing drains, no snapshot is saved

    system = up("--placement", "packed")
    assert system.get("/v1/streams", headers={"authorization": f"Bearer {key}"}).status_code == 200
    receipt = post(system, second + third)
    assert (receipt["accepted"], receipt["duplicate"]) == (3, 30)
    system.until(lambda: total(system), 333)
    assert system.sql("SELECT count(*), count(DISTINCT id) FROM user_interactions") == [[333, 333]]

    started = system.processes()
    down = hindcast("down", "--data-dir", str(system.data))
    assert (down.returncode, down.stdout.startswith("Stopped")) == (0, True), down
    assert system.process.wait(PATIENCE_S) == 0
    system.gone(started)
    again = hindcast("down", "--data-dir", str(system.data))
    assert (again.returncode, again.stdout) == (0, f"No system runs on {system.data}.\n")
    doctor = hindcast("doctor", "--data-dir", str(system.data))
    assert "every entry as it was written" in doctor.stdout, doctor.stdout


@pytest.mark.long
def test_a_key_can_be_made_the_moment_that_it_is_ready(tmp_path: Path) -> None:
    port = free_port()
    with ThreadPoolExecutor(1) as starting:
        coming = starting.submit(start, tmp_path, "base", port=port)
        while not (ready(port) or coming.done()):
            time.sleep(0.001)
        if coming.done():
            coming.result()  # it failed, and says why
        with Client.local(tmp_path / "data") as client:
            made = client.create_key("mine", ["query"])
        system = coming.result()
    try:
        told = hindcast("keys", "list", "--data-dir", str(system.data), "--key", made["key"])
        assert "admin" in told.stderr
        assert "mine" in hindcast("keys", "list", "--data-dir", str(system.data)).stdout
    finally:
        assert system.stop() == 0


def ready(port: int) -> bool:
    try:
        return patient.get(f"http://127.0.0.1:{port}/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_a_second_start_is_refused_in_one_line(up: Start, tmp_path: Path) -> None:
    system = up()
    port = system.url.rpartition(":")[2]
    for words, said in (
        (("--data-dir", str(system.data)), f"process {system.process.pid} at {system.url} runs on {system.data}"),
        (("--data-dir", str(tmp_path / "other"), "--port", port), f"127.0.0.1:{port}: Address already in use"),
    ):
        refused = hindcast("up", *words)
        assert refused.returncode == 2
        errors = [line for line in refused.stderr.splitlines() if not line.startswith("Starting")]
        assert len(errors) == 1, refused.stderr
        assert said in errors[0]
    assert system.get("/ready").status_code == 200

    # SIGKILL to the one process that people see; the next start must not find its port taken by what is left.
    left = system.processes()
    system.process.kill()
    system.process.wait(PATIENCE_S)
    psutil.wait_procs(left, timeout=20)  # what stays longer (agents of Ray, for a minute) is ended by the next start
    system = up()
    assert system.get("/ready").status_code == 200
    os.kill(system.process.pid, signal.SIGTERM)
    assert system.process.wait(PATIENCE_S) == 0


def test_while_its_parts_restart_clients_are_told_when_to_come_again(up: Start) -> None:
    system = up()
    for title in ("ray::ServeReplica:gateway", "ray::Host", "haproxy"):
        assert system.strike(title)
        answers: list[httpx.Response] = []
        system.until(partial(serves, system, answers))
        assert {answer.status_code for answer in answers} <= {200, 429, 503}, title
        assert all(answer.is_success or int(answer.headers["retry-after"]) >= 1 for answer in answers)


def serves(system: Running, answers: list[httpx.Response]) -> bool:
    """Whether an event is taken and every cell is ready."""
    try:
        answers.append(system.post("/v1/events", json=event()))
    except httpx.TransportError:
        return False
    return answers[-1].status_code == 200 and system.get("/ready").status_code == 200


@pytest.mark.long
def test_a_revoked_first_key_stays_revoked_and_another_takes_a_deliberate_step(up: Start) -> None:
    system = up()
    spare = system.post("/v1/keys", json={"name": "spare", "scopes": ["admin"]}).json()["key"]
    leaked = system.key
    assert system.http.delete("/v1/keys/key_admin").status_code == 204
    assert system.get("/v1/status").status_code == 401
    assert system.stop() == 0

    system = up()
    refused = system.get("/v1/status")
    assert system.key == leaked
    assert refused.status_code == 401
    assert "revoked" in refused.json()["error"]["reason"]
    told = system.output.read_text
    system.until(lambda: "it was revoked; to have a new one, delete" in told())
    said = told()
    link = [word for word in said.split() if "?token=" in word][-1]
    with patient.Client() as browser:
        assert browser.get(link).status_code == 303
        assert browser.get(f"{system.url}/v1/status").status_code == 200
    headers = {"authorization": f"Bearer {spare}"}
    assert patient.get(f"{system.url}/v1/keys", headers=headers).status_code == 200
    assert system.stop() == 0

    (system.data / "admin.key").unlink()
    system = up()
    assert system.key != leaked
    assert (system.data / "admin.key").stat().st_mode & 0o077 == 0
    assert system.get("/v1/keys").status_code == 200
    old = patient.get(f"{system.url}/v1/keys", headers={"authorization": f"Bearer {leaked}"})
    assert old.status_code == 401
    with Client.local(system.data) as client:
        ids = [key["id"] for key in client.keys()]  # noqa: SIM118 - a call of the API, no mapping
    assert len(ids) == len(set(ids))
    assert system.stop() == 0
