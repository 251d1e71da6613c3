"""The examples run as their readers run them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.words import event, only_packed
from tests.running import PATIENCE_S, Running

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]


def run(*words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *words], stdout=pipe, stderr=pipe, text=True, cwd=ROOT, env=environment)


def said(process: subprocess.Popen[str]) -> str:
    """What it printed; fails where it did not end well."""
    try:
        out, error = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 0, f"{out}\n{error[-3000:]}"
    return out


@only_packed
def test_the_client(running: Running) -> None:
    client = run("examples/client.py", running.url, running.key)
    deadline = time.monotonic() + PATIENCE_S
    while client.poll() is None and time.monotonic() < deadline:  # it follows until ten events have come
        running.post("/v1/events", json=event(type="lesson.completed")).raise_for_status()
        time.sleep(0.2)
    out = said(client)
    assert "ready" in out
    assert "refused row 1: time" in out
    assert "lesson.completed" in out


def test_the_driver_starts_a_system_of_its_own() -> None:
    out = said(run("examples/driver.py"))
    assert "accepted 212, duplicates 0, refused 0" in out
    assert "alert: Many refunds" in out
    assert out.strip().endswith("stopped")


def test_a_complete_system_is_set_up_twice_in_one_process_and_run_through() -> None:
    out = said(run("examples/complete.py"))
    assert "initialized: 2 sources, 1 rule" in out
    assert "newest closed minute: 60 orders, 750.00 EUR" in out
    assert "alerts: [('Busy', 'resolved')]" in out
