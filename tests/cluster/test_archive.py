"""A system that archives what comes in and lets its log forget it: it answers as if nothing had been moved."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.words import BATCH, event
from tests.running import Running, free_port, start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

CONFIG = """
extends: base
archive: {segment_rows: 1024, trim: true, hot_h: 0}
metrics:
  - {name: things, stream: user_interactions, types: [thing.done], width_s: 2}
"""
PRODUCER = "main/user_interactions/0"
SENT = 2_500
COUNTED = "SELECT count(*), count(DISTINCT id), count(DISTINCT row_offset) FROM user_interactions"
ARCHIVED = "SELECT max(end_offset) FROM segments WHERE stream = 'user_interactions'"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    config, port, systems = tmp_path / "archived.yaml", free_port(), list[Running]()
    config.write_text(CONFIG)

    def up(*options: str) -> Running:
        systems.append(start(tmp_path, str(config), *options, port=port))
        return systems[-1]

    yield up
    if systems and systems[-1].process.poll() is None:
        systems[-1].kill()


def send(system: Running, n: int) -> None:
    for _ in range(0, n, 500):
        receipt = system.post("/v1/events", json=[event(subject="u") for _ in range(500)], headers=BATCH).json()
        assert receipt["accepted"] == 500


def counted(system: Running) -> list[list[Any]]:
    return system.sql(COUNTED)


def shown(system: Running) -> int:
    return system.get("/v1/dashboards/user_activity").json()["data"]["events_total"]["v"]


def whole(system: Running, n: int) -> None:
    """All ``n`` events are there once, wherever they lie, and every cell is well."""
    assert counted(system) == [[n, n, n]]
    oldest = system.get("/v1/streams/user_interactions", params={"producer": PRODUCER, "limit": 5})
    assert len(oldest.json()["rows"]) == 5, oldest.text
    system.until(lambda: shown(system), n)
    sampled = "SELECT sum(count) FROM metrics_latest WHERE metric = 'things'"
    system.until(lambda: system.sql(sampled), [[n]])
    cells = {cell["cell"]: (cell["state"], cell["detail"]) for cell in system.get("/v1/status").json()["cells"]}
    assert cells["main/archiver/0"] == ("running", "")
    assert {state for state, _ in cells.values()} == {"running"}


@pytest.mark.parametrize("placement", ["packed", pytest.param("spread", marks=pytest.mark.long)])
def test_it_answers_the_same_after_archiving_a_restart_and_a_kill(up: Callable[..., Running], placement: str) -> None:
    system = up("--placement", placement)
    send(system, SENT)
    system.until(lambda: system.sql(ARCHIVED), [[2_048]])
    whole(system, SENT)

    system.kill()  # everything at once, as a power cut does
    system = up("--placement", placement)
    whole(system, SENT)
    send(system, 1_500)
    assert system.strike("ray::Host") > 0, "the archiver's host among them"
    system.until(lambda: system.get("/ready").status_code, 200)
    system.until(lambda: counted(system), [[4_000, 4_000, 4_000]])
    system.until(lambda: system.sql(ARCHIVED)[0][0] >= 3_072)
    whole(system, 4_000)
    assert system.stop() == 0
    assert list(system.data.rglob("*.part")) == []


def hindcast(*words: object) -> str:
    command = [sys.executable, "-m", "hindcast", *map(str, words)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.mark.long
def test_a_backup_that_was_made_under_load_starts_elsewhere(up: Callable[..., Running], tmp_path: Path) -> None:
    system = up("--placement", "packed")
    send(system, SENT)
    system.until(lambda: system.sql(ARCHIVED), [[2_048]])
    acknowledged, stop = [SENT], threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            send(system, 500)
            acknowledged[0] += 500

    sender = threading.Thread(target=go_on)
    sender.start()
    system.until(lambda: acknowledged[0] > SENT)
    before = acknowledged[0]
    hindcast("backup", tmp_path / "backup", "--data-dir", system.data)
    stop.set()
    sender.join()
    hindcast("verify", "--data-dir", system.data)
    assert system.stop() == 0

    hindcast("restore", tmp_path / "backup", "--data-dir", tmp_path / "again" / "data")
    assert "Everything is as it was written" in hindcast("verify", "--data-dir", tmp_path / "again" / "data")
    again = start(tmp_path / "again", str(tmp_path / "archived.yaml"), "--placement", "packed")
    try:
        ((n, *_),) = counted(again)
        assert before <= n <= acknowledged[0], "all that was acknowledged when the backup began"
        assert again.key == system.key
        send(again, 500)
        whole(again, n + 500)
    finally:
        again.kill()
