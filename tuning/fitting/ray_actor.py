"""The actor that fits on a Ray cluster. Imports Ray: only ``on_ray`` and the actors themselves load this module."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from ray import tune
from threadpoolctl import threadpool_limits

from tuning.candidates import Params
from tuning.fitting.jobs import Job, Rows
from tuning.fitting.remote import Found
from tuning.fitting.worker_pool import Failed

STEP_S = 1.0
"""A step does fits until so much time has passed: Tune's own cost is per step."""


class Fits(tune.Trainable):
    """One candidate, fit by fit (a split each, or for one split ever more rows); reports the mean gain so far."""

    def setup(self, config: dict[str, Any], **shared: Any) -> None:
        self._shared = shared
        part = {shared["name"]: shared["part"]}
        self._rows = Rows(shared["x"], shared["y"], shared["task"], in_time=shared["in_time"], parts=part)
        self._begin(config)

    def _begin(self, config: dict[str, Any]) -> None:
        self._kind = str(config["kind"])
        self._params: Params = {n.split(".", 1)[1]: v for n, v in config.items() if n.startswith(f"{self._kind}.")}
        self._at = 0
        self._gains: list[float] = []

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        began = time.monotonic()
        fits: list[tuple[int, float]] = self._shared["fits"]
        while self._at < len(fits) and (not self._gains or time.monotonic() - began < STEP_S):
            self._fit(*fits[self._at])
            self._at += 1
        return {"gain": float(np.mean(self._gains)), "fits": self._at, "done": self._at >= len(fits)}

    def _fit(self, split: int, share: float) -> None:
        s = self._shared
        rows = int((s["part"] >= 0).sum()) if s["cap"] is None else s["cap"]
        job = Job(
            "far",
            self._kind,
            self._params,
            s["name"],
            split,
            s["seed"],
            None,
            s["cap"] if share == 1.0 else int(share * rows),
        )
        try:
            with threadpool_limits(1):
                done = self._rows.run(job)
        except Exception as error:
            self._tell(Found(self._kind, self._params, split, Failed(f"{type(error).__name__}: {str(error)[:300]}")))
            raise
        truth = s["y"][s["part"] == split]
        gain = s["gain"](truth, done.prediction.astype(np.float64))
        if share < 1.0:
            self._gains = [gain]
            return
        self._gains = [gain] if len({f for f, _ in s["fits"]}) == 1 else [*self._gains, gain]
        self._tell(Found(self._kind, self._params, split, done))

    def _tell(self, found: Found) -> None:
        import ray

        node = str(ray.get_runtime_context().get_node_id())
        ray.get(self._shared["box"].put.remote(replace(found, node=node)))

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Keep nothing: the results of finished splits have been sent to the driver already."""

    def load_checkpoint(self, checkpoint: Any) -> None: ...
