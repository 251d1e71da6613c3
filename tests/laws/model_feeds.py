"""What the streams ``models`` and ``predictions`` may hold: a few models with a few versions, deployed now and then."""

from __future__ import annotations

import json
import random
from typing import Any

MODELS = ("churn", "revenue")
KINDS = (
    *("version.registered", "version.registered", "version.approved", "alias.moved", "deployment.changed"),
    *("deployment.changed", "deployment.removed", "deployment.rolled_back", "monitoring.started", "model.degraded"),
    *("experiment.started", "trial.finished", "trial.failed", "model.registered", "experiment.finished"),
)
TASKS = ("", "binary", "regression", "binary")
PROFILE = {
    "x": {"edges": [-1.0, 0.0, 1.0], "counts": [10, 10, 10, 10, 2]},
    "plan": {"levels": ["free", "pro"], "counts": [20, 20, 1, 1]},
    "(prediction)": {"edges": [0.5], "counts": [20, 20, 0]},
}
VALUES: dict[tuple[str, str], Any] = {
    ("models", "type"): KINDS,
    ("predictions", "type"): ("prediction.made", "prediction.made", "prediction.failed", "outcome.recorded"),
    ("predictions", "model"): MODELS,
    ("predictions", "version"): (1, 2),
    ("predictions", "subject"): ("u1", "u2", None),
    ("predictions", "cause"): (None,),
    ("predictions", "value"): (0.2, 0.7, 1.0, None),
    ("predictions", "label"): (None, "no", "yes"),
    ("predictions", "latency_us"): (800, 90_000, None),
    ("predictions", "features"): ('{"x": 0.5, "plan": "pro"}', '{"x": null, "plan": "new"}', None),
}


def subject(rng: random.Random, kind: str) -> str:
    return (
        rng.choice(("e1", "e2")) if kind.startswith(("experiment", "trial", "model.registered")) else rng.choice(MODELS)
    )


def said(rng: random.Random, kind: str) -> str:
    """The data of a row of ``models``."""
    number = rng.randint(1, 3)
    variants = [{"name": "a", "version": rng.choice(("champion", 1, 2)), "weight": 1.0}]
    variants += [{"name": "b", "version": 2, "weight": 0.5, "shadow": rng.random() < 0.5}]
    found: dict[str, Any] = {
        "version.registered": {
            "version": f"e{number}", "sha256": "0" * 64, "model_id": f"m{number}", "task": TASKS[number],
            "score": 0.9, "classes": ["no", "yes"], "profile": PROFILE,
        },
        "version.approved": {"number": number, "by": "ada"},
        "alias.moved": {"alias": rng.choice(("champion", "challenger")), "number": number},
        "deployment.changed": {
            "variants": variants[: rng.randint(1, 2)],
            "config": {"watch": {"window_rows": 100, "retrain": True}, "roll_back": {"min_rows": 10, "errors": 0.3}},
        },
        "deployment.rolled_back": {"numbers": rng.choice(([], [1], [2]))},
        "monitoring.started": {"place": f"t/models/0:{number}"},
        "model.registered": {"score": 0.8, "threshold": 0.7, "reason": "good", "model_id": "m1"},
        "trial.finished": {"number": number, "model": "linear", "gain": rng.choice((0.5, 0.7, None)), "state": "finished"},
        "experiment.started": {"name": "churn_training", "rows": 10},
    }.get(kind, {})  # fmt: skip
    return json.dumps(found)
