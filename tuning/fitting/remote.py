"""The result of one fit, as an actor on a Ray cluster returns it."""

from __future__ import annotations

from dataclasses import dataclass

from tuning.candidates import Params
from tuning.fitting.jobs import Done
from tuning.fitting.worker_pool import Failed


@dataclass(frozen=True)
class Found:
    """A split that is finished, or the reason why its trial failed."""

    kind: str
    params: Params
    split: int
    result: Done | Failed
    node: str = ""
    """Ray's name of the machine that fitted it."""
