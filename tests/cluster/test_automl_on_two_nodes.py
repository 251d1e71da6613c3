"""A whole AutoML run on a Ray of two nodes, which this test starts and ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tuning.candidates import STACKED
from tuning.config import Config
from tuning.pipeline import fit_table

pytestmark = [pytest.mark.slow, pytest.mark.cluster]
BUDGET_S = 40.0


@pytest.fixture
def two_nodes() -> Iterator[None]:
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, namespace="two-nodes")
        cluster.wait_for_nodes()
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.usefixtures("two_nodes")
def test_a_run_fits_on_both_nodes_and_ends_within_its_budget() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400))
    data: dict[str, Any] = {"a": a, "b": b, "y": (a + b + rng.normal(size=400) > 0).astype(float)}
    began = time.monotonic()
    kinds = ("linear", "lightgbm", "hist_boosting")
    report = fit_table(data, Config("y", budget_s=BUDGET_S, search="ray", workers=2, kinds=kinds)).report
    assert time.monotonic() - began < 2 * BUDGET_S  # exactly, and by its own clock: tests/unit/tuning/test_engine.py
    assert "on 2 nodes" in next(note.text for note in report.decisions if note.code == "ray")
    finished = [t for t in report.history if t.state == "finished" and t.model != "dummy"]
    assert {t.model for t in finished} - {STACKED} == set(kinds)
    assert (report.main().value or 0) > 0.8
