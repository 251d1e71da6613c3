"""A whole AutoML run on a Ray of two nodes, which this program starts and ends; what came of it as JSON.

A program of its own, for Ray's threads outlive ``ray.shutdown`` and may end their process with them: that of a test session
has other tests to run.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from tuning.config import Config
from tuning.pipeline import fit_table

BUDGET_S = 40.0
KINDS = ("linear", "lightgbm", "hist_boosting")


def main() -> None:
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, namespace="two-nodes")
        cluster.wait_for_nodes()
        sys.stdout.write(json.dumps(run()) + "\n")
    finally:
        ray.shutdown()
        cluster.shutdown()


def run() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400))
    data: dict[str, Any] = {"a": a, "b": b, "y": (a + b + rng.normal(size=400) > 0).astype(float)}
    began = time.monotonic()
    report = fit_table(data, Config("y", budget_s=BUDGET_S, search="ray", workers=2, kinds=KINDS)).report
    return {
        "took_s": time.monotonic() - began,
        "ray": next(note.text for note in report.decisions if note.code == "ray"),
        "finished": sorted({t.model for t in report.history if t.state == "finished"}),
        "score": report.main().value or 0,
    }


if __name__ == "__main__":
    main()
