"""A disk that is really full under a running system: it says so, keeps what it acknowledged, and goes on by itself."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from events.sqlite_log import SqliteLog
from tests.cluster.words import BATCH, event
from tests.running import Running, start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """48 MB in memory; its path is short, so that Ray's session is on it too."""
    folder = Path(tempfile.mkdtemp(prefix="hc-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("cannot mount a tmpfs: run as root to try a disk that is really full")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
    folder.rmdir()


def batch() -> list[dict[str, Any]]:
    return [event(data={"padding": "x" * 200, "n": n}) for n in range(200)]


def fill(ballast: Path) -> None:
    """Take all the room that there is."""
    with pytest.raises(OSError, match="No space"), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_is_told_and_survived(small_disk: Path) -> None:
    config = small_disk / "config.yaml"
    config.write_text(yaml.safe_dump({"extends": "base", "log": {"min_free_mb": 0}}))
    system = start(small_disk, str(config))
    try:
        survives(system, small_disk / "ballast")
        assert system.stop() == 0
    finally:
        if system.process.poll() is None:
            system.kill()
    log = SqliteLog(system.data / "log", doorbell=False)
    assert [problem for cell in log.cells() for problem in log.verify(cell).problems] == []
    log.close()


def survives(system: Running, ballast: Path) -> None:
    acknowledged: set[str] = set()
    refused: list[list[dict[str, Any]]] = []

    def post(events: list[dict[str, Any]]) -> httpx.Response:
        answer = system.post("/v1/events", json=events, headers=BATCH)
        if answer.status_code == 200:
            acknowledged.update(e["id"] for e in events)
        return answer

    for _ in range(5):
        assert post(batch()).status_code == 200
    fill(ballast)
    while len(refused) < 8:
        events = batch()
        answer = post(events)
        if answer.status_code != 200:
            assert answer.status_code in (429, 503), answer.text
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["error"]["reason"]
            refused.append(events)
        fill(ballast)  # what little a truncated WAL has given back
    assert system.get("/health").status_code == 200

    ballast.unlink()
    for events in refused:
        system.until(lambda: post(events).status_code, 200)  # noqa: B023 - called before the next turn
    system.until(lambda: system.get("/ready").status_code, 200)
    ids = [id for (id,) in system.sql("SELECT id FROM user_interactions")]
    assert len(ids) == len(set(ids))
    assert set(ids) == acknowledged
    shown = lambda: system.get("/v1/dashboards/user_activity").json()["data"]["events_total"]["v"]  # noqa: E731
    system.until(shown, len(acknowledged))
