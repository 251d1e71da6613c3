"""A system on the embedded Valkey: its server is killed under load, then everything at once; then its log is read alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.words import BATCH, event
from tests.running import Running, start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def batch() -> list[dict[str, Any]]:
    return [event() for _ in range(50)]


def valkey_pid(data: Path) -> int:
    return int((data / "valkey" / "pid").read_text().split()[0])


def counted(system: Running) -> int:
    return system.sql("SELECT count(*) FROM user_interactions")[0][0]


def sent_while_the_server_is_killed(system: Running) -> int:
    """Each batch again until it is acknowledged; answers how many events were.

    The server is killed twice, and again as long as no request has met a dead one.
    """
    refused = 0
    for n in range(40):
        if n in (10, 20) or (n % 3 == 0 and n > 20 and not refused):
            os.kill(valkey_pid(system.data), signal.SIGKILL)
        events = batch()

        def post(events: list[dict[str, Any]] = events) -> int:
            answer = system.post("/v1/events", json=events, headers=BATCH)
            if answer.status_code != 200:
                assert answer.status_code == 503, answer.text
                assert 1 <= int(answer.headers["retry-after"]) <= 2
                assert answer.json()["error"]["reason"]
            return answer.status_code

        first = post()
        refused += first != 200
        if first != 200:
            system.until(post, 200)
    assert refused, "no request met a dead server: the kills came to nothing"
    return 40 * 50


def without_a_system(data: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "hindcast", *words, "--data-dir", str(data), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def test_what_was_acknowledged_survives_the_server_and_the_system(tmp_path: Path) -> None:
    system = start(tmp_path, "base", "--log", "valkey")
    try:
        n = sent_while_the_server_is_killed(system)
        assert counted(system) == n
        shown = lambda: system.get("/v1/dashboards/user_activity").json()["data"]["events_total"]["v"]  # noqa: E731
        system.until(shown, n)
        system.until(lambda: system.get("/ready").status_code, 200)
    finally:
        system.kill()  # with its server, in the middle of things: nothing is drained
    assert without_a_system(system.data, "query", "SELECT count(*) AS n FROM user_interactions") == [{"n": n}]
    checks = {check["name"]: check for check in without_a_system(system.data, "doctor")["checks"]}
    assert checks["Log"]["verdict"] == "ok", checks["Log"]
