"""Parts of a backtest as Ray tasks: each opens the log for itself. Where no cluster is, they run one after the other."""

from __future__ import annotations

import os
from collections.abc import Sequence

import ray
from ray.exceptions import RayTaskError

from actors.backtest.alerting import Found
from actors.backtest.run import Part, Runs
from events.catalog import METRICS
from events.errors import Corrupt, Rejected
from events.log import LogReader, LogSpec

WORTH_TASKS = 50_000
"""Samples in the log from which on tasks are worth their start."""
MOST_PARTS = 8


def _fold(spec: LogSpec, part: Part) -> Found:
    log = spec.open(woken=False)
    try:
        return part.run(log)
    finally:
        log.close()


def shared_out(spec: LogSpec, log: LogReader) -> tuple[int, Runs | None]:
    """(parts, how to run them) that suit ``log``, which is the one of ``spec``."""
    samples = sum(log.head(METRICS.name, producer) for producer in log.producers(METRICS.name))
    if samples < WORTH_TASKS or not ray.is_initialized():
        return 1, None
    return min(len(os.sched_getaffinity(0)), MOST_PARTS), lambda parts: on_ray(spec, parts)


def on_ray(spec: LogSpec, parts: Sequence[Part]) -> list[Found]:
    """Raises what a part raises."""
    task = ray.remote(num_cpus=0)(_fold)  # the services take no cores from Ray's count either: nothing may wait for one
    try:
        return ray.get([task.remote(spec, part) for part in parts])
    except RayTaskError as error:
        if isinstance(error.cause, (Rejected, Corrupt)):
            raise error.cause from None
        raise
