"""The search on a Ray cluster: Tune with Optuna's sampler, and successive halving over splits or rows.

For large tables, where a fit takes seconds and cores are elsewhere. A trial is stopped early where its first splits (for one
split: its first shares of the rows) are not among the best (ASHA, Li et al. 2020). Actors are reused, and a step does fits
until a second has passed: Tune's own cost is per step.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from events import runtime_folder
from tuning.candidates import SPACES, Between, Candidate, OneOf
from tuning.config import Config
from tuning.fitting.jobs import Rows
from tuning.fitting.remote import Found
from tuning.report import Note
from tuning.search.trials import Entry, Trials

_SHARES = (1 / 9, 1 / 3, 1.0)
_POLL_S = 0.3


def cluster_cores() -> int:
    """Cores of the cluster that this process is connected to; 0 where it is to none."""
    ray: Any = sys.modules.get("ray")
    return int(ray.cluster_resources().get("CPU", 0)) if ray is not None and ray.is_initialized() else 0


def search_on_ray(
    trials: Trials,
    rows: Rows,
    config: Config,
    until: Callable[[], float],
    first: Sequence[Candidate],
    watch: Callable[[], None],
) -> Note:
    """Fill ``trials`` until the monotonic time ``until()``; says how many nodes fitted.

    Starts a small local Ray where none is connected, and ends it.
    With a Ray of the caller's, ``tuning`` and ``analytics`` must be importable on its nodes.
    """
    ray = _ray()
    ours = not ray.is_initialized()
    folder = tempfile.mkdtemp(prefix="", dir=runtime_folder.of_user())  # short: Ray makes sockets below it
    if ours:
        ray.init(
            num_cpus=config.cores, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1", _temp_dir=folder, namespace="hindcast-automl",
        )  # fmt: skip
    nodes: set[str] = set()
    try:
        box = ray.remote(num_cpus=0)(_Box).remote()
        left = until() - time.monotonic()
        tuner = _tuner(trials, rows, config, list(first), box, folder, left, cluster_cores())
        failures: list[BaseException] = []
        thread = threading.Thread(target=_fit, args=(tuner, failures), daemon=True)
        thread.start()
        while thread.is_alive() and time.monotonic() < until():
            thread.join(_POLL_S)
            _collect(trials, ray.get(box.take.remote()), nodes)
            watch()
        # Tune's own clean-up may wait for what still runs; we do not.
        thread.join(2.0)
        _collect(trials, ray.get(box.take.remote()), nodes)
        if failures and not trials.models():
            raise ValueError(f"the search on Ray failed: {failures[0]}")
        many = f"{len(nodes)} nodes" if len(nodes) != 1 else "one node"
        return Note(code="ray", text=f"The search ran on Ray: splits were fitted on {many}.")
    finally:
        for entry in trials.entries:
            trials.end(entry, "stopped", "stopped early, or the time was over")
        if ours:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def _ray() -> Any:
    """Ray and Tune without their talk."""
    quiet = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_FORCE_TRIAL_CLEANUP_S": "1",
        "TUNE_RESULT_BUFFER_LENGTH": "0",
        "RAY_AIR_NEW_OUTPUT": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_AUTO_CONNECT": "0",  # a Tune that is left behind must not join, or start, another Ray
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    import ray

    for name in ("ray", "ray.tune", "optuna"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return ray


class _Box:
    """Where actors put finished splits, since Tune's results are for numbers. Runs on no core of its own."""

    def __init__(self) -> None:
        self._found: list[Found] = []

    def put(self, found: Found) -> None:
        self._found.append(found)

    def take(self) -> list[Found]:
        found, self._found = self._found, []
        return found


def _fit(tuner: Any, failures: list[BaseException]) -> None:
    try:
        tuner.fit()
    except SystemExit:
        pass  # Ray was shut down while Tune still waited: the time was over
    except Exception as error:  # noqa: BLE001 - the search ends with what it has; the caller says so
        failures.append(error)


def _collect(trials: Trials, found: Sequence[Found], nodes: set[str]) -> None:
    for one in found:
        nodes.add(one.node)
        entry = _entry(trials, Candidate(one.kind, one.params, "search"))
        if entry.state == "running" and one.split not in entry.asked:
            entry.asked.add(one.split)
            trials.take(entry, trials.job(entry, one.split), one.result)


def _entry(trials: Trials, candidate: Candidate) -> Entry:
    known = next((e for e in trials.entries if e.candidate.key == candidate.key), None)
    return known if known is not None else trials.open(candidate)


def _tuner(
    trials: Trials, rows: Rows, config: Config, first: list[Candidate], box: Any, folder: str, left: float, cores: int
) -> Any:
    import optuna
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    from tuning.fitting.ray_actor import Fits

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    splits = trials.parts.splits
    fits: list[tuple[int, float]] = [(f, 1.0) for f in splits]
    if len(fits) == 1:
        fits = [(fits[0][0], share) for share in _SHARES]
    named = {k: dict(SPACES[k]) for k in config.kinds}
    points = [{"kind": c.kind, **{f"{c.kind}.{n}": v for n, v in c.params.items()}} for c in first]
    inside = [p for p, c in zip(points, first, strict=True) if set(c.params) == set(named[c.kind])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is experimental in Optuna is ours to know
        sampler = optuna.samplers.TPESampler(seed=config.seed, multivariate=True, group=True, constant_liar=True)
    search = OptunaSearch(_Space(named), metric="gain", mode="max", points_to_evaluate=inside, sampler=sampler)
    x, y = rows.x, rows.y
    trainable = tune.with_parameters(
        Fits, x=np.asarray(x), y=y, task=rows.task, in_time=rows.in_time, part=trials.parts.part, name=trials.parts.name,
        fits=fits, seed=trials.seed, cap=trials.rows, box=box, gain=trials.gain,
    )  # fmt: skip
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        tune_config=tune.TuneConfig(
            metric="gain", mode="max", search_alg=search, num_samples=-1, reuse_actors=True, time_budget_s=max(1.0, left),
            scheduler=ASHAScheduler(time_attr="fits", max_t=len(fits), grace_period=1, reduction_factor=3),
            max_concurrent_trials=max(1, cores),
        ),
        run_config=tune.RunConfig(storage_path=folder, name="automl", verbose=0),
    )  # fmt: skip


@dataclass(frozen=True)
class _Space:
    """Optuna's define-by-run: the kind first, then the kind's own parameters. Tune pickles it, so it is no closure."""

    named: dict[str, dict[str, Between | OneOf]]

    def __call__(self, trial: Any) -> None:
        kind = trial.suggest_categorical("kind", tuple(self.named))
        for name, place in self.named[kind].items():
            if isinstance(place, OneOf):
                trial.suggest_categorical(f"{kind}.{name}", tuple(dict.fromkeys(place.choices)))
            elif place.whole:
                trial.suggest_int(f"{kind}.{name}", int(place.low), int(place.high), log=place.log)
            else:
                trial.suggest_float(f"{kind}.{name}", place.low, place.high, log=place.log)
