"""A start after an upgrade: states are rebuilt, a lost one is shown as what it is, and the system runs all the same."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from events.sqlite_schema import SUFFIX, file_name
from tests.cluster.words import BATCH, event
from tests.running import Running, start

pytestmark = pytest.mark.cluster
SENT = 300


def changed(system: Running, cell: str, statement: str) -> int:
    """Change a stopped cell's file; answers the rows changed."""
    path = system.data / "log" / "cells" / (file_name(f"main/{cell}/0") + SUFFIX)
    with sqlite3.connect(path) as db:
        n = db.execute(statement).rowcount
    db.close()
    return n


def as_of_an_older_version(system: Running, cell: str) -> None:
    snapshots = changed(system, cell, "UPDATE snapshot SET fold_version = fold_version + 1000")
    assert snapshots > 0, f"{cell} saved none as it stopped:\n{system.output.read_text()}"


def dashboard(system: Running, topic: str) -> dict[str, Any]:
    answer = system.get(f"/v1/dashboards/{topic}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_system_starts_after_an_upgrade_with_a_state_to_rebuild_and_one_that_is_lost(tmp_path: Path) -> None:
    system = start(tmp_path, "base")
    system.post("/v1/events", json=[event() for _ in range(SENT)], headers=BATCH).raise_for_status()
    system.until(lambda: dashboard(system, "user_activity")["data"]["events_total"]["v"], SENT)
    system.until(lambda: len(dashboard(system, "system_health")["data"]["t"]) >= 3)
    assert system.stop() == 0

    for cell in ("user_activity", "system_health", "metrics", "user_interactions"):
        as_of_an_older_version(system, cell)
    lost = "DELETE FROM entry WHERE place = (SELECT place FROM entry ORDER BY place LIMIT 1 OFFSET 1)"
    assert changed(system, "system_metrics", lost) == 1

    system = start(tmp_path, "base")
    try:
        ready = system.get("/ready")
        down = ready.json()["down"]
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert set(down) == {"main/system_health/0", "main/metrics/0"}, "both read what is lost"
        assert "halted" in down["main/system_health/0"]
        assert "main/system_health/0: halted" in system.output.read_text()
        repeated = [event() for _ in range(5)]
        for accepted, duplicate in ((5, 0), (0, 5)):
            receipt = system.post("/v1/events", json=repeated, headers=BATCH).json()
            assert (receipt["accepted"], receipt["duplicate"]) == (accepted, duplicate)
        system.until(lambda: dashboard(system, "user_activity")["data"]["events_total"]["v"], SENT + 5)
        assert dashboard(system, "user_activity")["stale"] == ""
        health = dashboard(system, "system_health")
        assert len(health["data"]["t"]) >= 3, "what it showed before"
        assert health["stale"].startswith("halted: ")
        assert "shown as of 2" in health["stale"]
        status = {cell["cell"]: cell for cell in system.get("/v1/status").json()["cells"]}
        assert status["main/system_health/0"]["stale"] == health["stale"]
        told = subprocess.run(
            [sys.executable, "-m", "hindcast", "status", "--data-dir", str(system.data)],
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert told.returncode == 1
        assert "main/system_health/0: what it shows is stale: halted" in told.stdout
        assert system.stop() == 0
    finally:
        if system.process.poll() is None:
            system.kill()


def test_a_metric_that_is_defined_otherwise_at_a_start_has_its_whole_past(tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    one = "{name: things, stream: user_interactions, types: [thing.done], width_s: %d}"
    two = "{name: others, stream: user_interactions, width_s: 1}"
    config.write_text(f"extends: base\nmetrics: [{one % 1}, {two}]\n")
    system = start(tmp_path, str(config))
    system.post("/v1/events", json=[event() for _ in range(5)], headers=BATCH).raise_for_status()
    system.until(lambda: system.sql("SELECT count(*) FROM metrics WHERE metric = 'things'")[0][0])
    assert system.stop() == 0

    config.write_text(f"extends: base\nmetrics: [{two}, {one % 2}]\n")
    system = start(tmp_path, str(config))
    try:
        system.post("/v1/events", json=[event() for _ in range(7)], headers=BATCH).raise_for_status()
        wide = "SELECT sum(count)::INT FROM metrics_latest WHERE metric = 'things' AND width_us = 2000000"
        system.until(lambda: system.sql(wide)[0][0], 12)
        assert system.stop() == 0
    finally:
        if system.process.poll() is None:
            system.kill()
