"""Sources that are defined, changed and removed while the system runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hindcast.client import ApiError, Client
from tests.cluster.words import only_packed
from tests.running import Running

pytestmark = only_packed


def until(question: Callable[[], Any], timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not question():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.2)


def test_a_source_is_started_changed_and_stopped_without_a_restart(running: Running, tmp_path: Path) -> None:
    client = Client(running.url, running.key)
    log = tmp_path / "tea.log"

    def write(*words: str) -> None:
        with log.open("a") as file:
            file.writelines(
                json.dumps({"message": word, "time": datetime.now(UTC).isoformat()}) + "\n" for word in words
            )

    def read() -> list[str]:
        sql = "SELECT message FROM system_logs WHERE source IN ('tea', 'green') ORDER BY message"
        return [row["message"] for row in client.query(sql)]

    write("1", "2")
    client.define("source", "tea", {"kind": "logs", "path": str(log), "format": "json"})
    until(lambda: read() == ["1", "2"])
    # Changed: it goes on where it stood.
    client.define("source", "tea", {"kind": "logs", "path": str(log), "format": "json", "enabled": False})
    write("3")
    client.define("source", "tea", {"kind": "logs", "path": str(log), "format": "json", "source": "green"})
    write("4")
    until(lambda: read() == ["1", "2", "3", "4"])
    client.remove_definition("source", "tea")
    with pytest.raises(ApiError):
        client.definition("source", "tea")
    # Defined again it goes on where it stood, and what came meanwhile is there once.
    write("5")
    client.define("source", "tea", {"kind": "logs", "path": str(log), "format": "json"})
    until(lambda: read() == ["1", "2", "3", "4", "5"])
    client.remove_definition("source", "tea")


def test_a_source_that_cannot_be_is_refused_with_the_field(running: Running) -> None:
    client = Client(running.url, running.key)
    for spec, reason in (
        ({"kind": "htp", "url": "https://x"}, "did you mean 'http'"),
        ({"kind": "http"}, "url"),
        ({"kind": "http", "url": "https://x.example", "evry_s": 5}, "evry_s"),
        ({"kind": "http", "url": "https://x.example", "auth": {"secret": "hunter2"}}, "secret"),
    ):
        with pytest.raises(ApiError, match=reason):
            client.define("source", "bad", spec)
