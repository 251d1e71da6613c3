"""A whole AutoML run on a Ray of two nodes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.cluster.two_nodes import BUDGET_S, KINDS
from tuning.candidates import STACKED

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


def test_a_run_fits_on_both_nodes_and_ends_within_its_budget() -> None:
    ran = subprocess.run([sys.executable, "-m", "tests.cluster.two_nodes"], capture_output=True, text=True, timeout=600)
    told = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    assert told, ran.stderr[-3000:]
    found = json.loads(told[-1])
    assert found["took_s"] < 2 * BUDGET_S  # exactly, and by its own clock: tests/unit/tuning/test_engine.py
    assert "on 2 nodes" in found["ray"]
    assert {*found["finished"]} - {STACKED, "dummy"} == {*KINDS}
    assert found["score"] > 0.8
