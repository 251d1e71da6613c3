"""A run from table to model: prepare, search, select, judge on the holdout, refit, store. A straight line with a clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.arrays import Arrays
from analytics.models.schema import WrongInput
from analytics.models.table import TableModel
from tuning.candidates import POSITIVE, SPACES, Candidate, portfolio
from tuning.config import LEAST_BUDGET_S, Config, Phase, Progress, Row
from tuning.data.preparation import Prepared, parts_of, prepare, write_custom
from tuning.data.splits import write_parts
from tuning.data.tables import digest
from tuning.ensemble.admission import Entrants
from tuning.ensemble.assembly import cost_of, finish_model
from tuning.ensemble.latency import LEAST_MS, ROW_MS, Stopwatch, limits_for, tightened
from tuning.ensemble.refit import Refit, Sources
from tuning.ensemble.selection import greedy
from tuning.ensemble.stacking import Stacker, notes_of
from tuning.evaluation import METRICS
from tuning.evaluation.scoring import gain_of, metric_of, worth_of
from tuning.fitting.jobs import Rows
from tuning.fitting.recipes import Task
from tuning.fitting.worker_pool import Pool
from tuning.recorder import Event
from tuning.report import Note
from tuning.run.learning_curve import Learner, Learning
from tuning.run.outcome import Outcome
from tuning.search.on_ray import cluster_cores, search_on_ray
from tuning.search.proposals import Proposer
from tuning.search.resumption import Remains, folder_of
from tuning.search.similar_runs import earlier, meta_features, proposals, said, similar_to
from tuning.search.strategies import run_all, search_trials, search_until
from tuning.search.trials import Entry, Trials
from tuning.time_budget import Clock

F64 = npt.NDArray[np.float64]
Weights = dict[int, float]
Watch = Callable[[Progress], None]
_RESCUE_S = 60.0
_SHORT = 0.55
"""Of a budget too short to search: the share in which other processes fit."""
_BASELINE = Candidate("dummy", {}, "baseline")


def run(columns: Arrays, config: Config, watch: Watch = lambda _: None) -> Outcome:
    """Raises ``WrongInput`` where the table or the configuration do not allow a model. Ctrl-C keeps the best so far."""
    with folder_of(config) as folder, Pool(config.cores, folder / "rows") as pool:
        # Reading members back needs all of scikit-learn, timing a row pandas: imported while workers fit, not at the end.
        threading.Thread(target=lambda: [import_module(name) for name in ("skops.io", "pandas")], daemon=True).start()
        clock = Clock(config)
        prepared = prepare(columns, config)
        metric = metric_of(prepared.target.problem, config.metric)
        config = replace(config, kinds=_kinds(config, prepared, metric))
        stopwatch = Stopwatch(columns, prepared.target.rows[prepared.split.holdout], config.target)
        run = _Run(config, clock, prepared, metric, folder, pool, watch, stopwatch)
        run.set_up(digest(columns))
        run.search()
        return run.finish()


def _kinds(config: Config, prepared: Prepared, metric: str) -> tuple[str, ...]:
    """Those asked for; those with a log link only for the means (not medians) of a target that asks for one."""
    kinds = tuple(kind for kind in config.kinds if kind not in POSITIVE or (prepared.skewed and metric != "mae"))
    if not kinds:
        reason = f"{', '.join(config.kinds)} are for skewed values of 0 and more, by squared error; ask for other kinds"
        raise WrongInput(config.target, reason)
    return kinds


class _Run:
    def __init__(
        self, config: Config, clock: Clock, prepared: Prepared, metric: str, folder: Path, pool: Pool, watch: Watch,
        stopwatch: Stopwatch,
    ) -> None:  # fmt: skip
        self.config, self.clock, self.prepared, self.metric = config, clock, prepared, metric
        self.folder, self.pool, self._watch = folder, pool, watch
        self.notes = list(prepared.notes)
        if prepared.skewed:
            text = f"{config.target!r} is never negative and skewed: predictions and intervals end at 0."
            if set(POSITIVE) & set(config.kinds):
                text += " Models with a log link (Tweedie's loss) are tried, too."
            self.notes.append(Note(code="skewed-target", text=text, column=config.target))
        self.phase: Phase = "searching"
        self.weights: Weights = {}
        self.stopped = "budget" if config.trials is None else "trials"
        self.gain = gain_of(metric, prepared.target.problem)
        self.worth = worth_of(metric, prepared.target.problem)
        self._weighed = (-1, 0.0)
        self.stopwatch = stopwatch
        self.limits = limits_for(len(prepared.schema.used))

    def set_up(self, data_hash: str) -> None:
        """Write the rows and splits for the workers, take over what an earlier run left, and fit the baseline."""
        p, config = self.prepared, self.config
        self.data_hash = data_hash
        self.remains = Remains(self.folder, config, data_hash, self.metric)
        store = self.remains.store
        task = Task(p.features, p.classes, absolute=self.metric == "mae")
        self.rows = Rows(p.x, p.y, task, in_time=p.times is not None)
        self.rows.write(self.folder / "rows")
        write_custom(self.folder / "rows", config.custom)
        parts = parts_of(p, config.seed)
        write_parts(self.folder / "rows", parts)
        self.trials = Trials(parts, p.y, p.outputs, self.gain, store, config.seed, self._cap(parts), self._record)
        self.entrants = Entrants(self.trials, self.worth)
        self.refit = Refit(p, self.trials, self.pool, self.folder / "rows", self.clock, config.seed, self.limits)
        self.stacker = Stacker(
            p, self.trials, self.pool, self.folder / "rows", self.clock, self.limits,
            allowed="lightgbm" in config.kinds and config.custom is None,
        )  # fmt: skip
        sign = 1.0 if METRICS[self.metric].greater_is_better else -1.0
        self.learner = Learner(p, self.trials, self.pool, self.folder / "rows", self.clock.budget_s, sign, config.seed)
        known = self.remains.before if config.trials is None else []
        first: dict[str, Candidate] = {}
        for candidate in (*known, *self._warm(data_hash), *self._first()):
            first.setdefault(candidate.key, candidate)
        self.resumed = store.candidates()
        kinds = ("custom",) if config.custom is not None else config.kinds
        spaces = {**SPACES, "custom": config.space}
        self.proposer = Proposer([_BASELINE, *first.values()], kinds, config.seed, spaces)
        self._say("experiment.resumed" if self.resumed else "experiment.started", {
            "problem": p.target.problem, "target": config.target, "rows": len(p.y), "seed": config.seed,
            "budget_s": self.clock.budget_s, "trials": self.resumed or config.trials, "data": data_hash,
        })  # fmt: skip

    def _warm(self, data_hash: str) -> tuple[Candidate, ...]:
        """What the caller names, then what did best on similar data."""
        config, p = self.config, self.prepared
        self.meta = meta_features(p)
        if config.custom is not None or not config.learn_from:
            return config.warm_starts
        similar = similar_to(
            self.meta, earlier(config.learn_from), problem=p.target.problem, data_hash=data_hash, seed=config.seed,
            kinds=config.kinds,
        )  # fmt: skip
        found = proposals(similar)
        if found:
            self.notes.append(said(similar, len(found)))
        return (*config.warm_starts, *found)

    def _first(self) -> tuple[Candidate, ...]:
        if self.config.custom is not None:
            return (Candidate("custom", {}, "custom"),)
        return portfolio(self.config.kinds, len(self.prepared.y))

    def _cap(self, parts: Any) -> int | None:
        """Training rows of one fit at most, so that a budget holds a dozen of them; none where a run must be repeatable."""
        if self.clock.budget_s is None:
            return None
        rows = int((parts.part >= 0).sum())
        second_per_row = 3e-6 * max(1, self.prepared.x.shape[1])
        affordable = self.clock.budget_s * self.config.cores / (8.0 * len(parts.splits))
        cap = int(max(5_000, affordable / second_per_row))
        if cap >= rows:
            return None
        text = f"Fits see at most {cap:,} of {rows:,} training rows: more would not fit into the budget."
        self.notes.append(Note(code="rows-capped", text=text, severity="warning"))
        return cap

    def _say(self, kind: str, data: Mapping[str, Any]) -> None:
        self.config.recorder.record(Event(kind, self.config.name, time.time_ns() // 1000, data))

    def _record(self, entry: Entry) -> None:
        c = entry.candidate
        if entry.state == "finished":
            self.remains.tried(c)
        about = {
            "number": entry.number, "model": c.kind, "params": c.params, "took_s": entry.took_s, "origin": c.origin,
        }  # fmt: skip
        if entry.state == "failed":
            self._say("trial.failed", {**about, "reason": entry.reason})
        else:
            self._say("trial.finished", {**about, "gain": entry.gain, "state": entry.state, "reason": entry.reason})

    def search(self) -> None:
        """Search until the time for it is over, the wanted trials are done, or Ctrl-C is pressed."""
        try:
            if self.config.trials is not None:
                search_trials(self.trials, self.pool, self.proposer, self.config.trials + 1, self._weigh, self._show)
            elif self.clock.budget_s is not None and self.clock.budget_s < LEAST_BUDGET_S:
                text = f"A budget of {self.clock.budget_s:g} s is too short to search: at most two models are fitted."
                self.notes.append(Note(code="budget", text=text, severity="warning"))
                some = [self.trials.open(c) for c in (_BASELINE, *self._first()[:2])]
                run_all(self.trials, self.pool, some, self._show, until=self.clock.began + _SHORT * self.clock.budget_s)
            elif self._on_ray():
                end = self.clock.search_end
                self.notes.append(search_on_ray(self.trials, self.rows, self.config, end, self._first(), self._show))
            else:
                search_until(self.trials, self.pool, self.proposer, self.clock.search_end, self._weigh, self._show)
            if not self.trials.models() and self.config.custom is None:
                self._rescue()
            self.stacker.run(self._selected(), self._show)
        except KeyboardInterrupt:
            self.stopped = "interrupted"
            self.pool.drop()
            self.notes.append(Note(code="interrupted", text="The search was ended by hand: this is the best so far."))

    def _rescue(self) -> None:
        """A model beyond the budget rather than none, where a busy machine has not finished one; this too has an end."""
        if self.clock.budget_s is not None and self.clock.budget_s < LEAST_BUDGET_S:
            self._fit_here()
            return
        text = "No model was finished in time: the first two are fitted beyond the budget."
        self.notes.append(Note(code="budget", text=text, severity="warning"))
        fresh = [Candidate(c.kind, c.params, "baseline") for c in self._first()[:2]]
        run_all(
            self.trials, self.pool, [self.trials.open(c) for c in fresh], self._show, until=time.monotonic() + _RESCUE_S
        )

    def _fit_here(self) -> None:
        """The cheapest model, in this process: where other processes have hardly begun, nothing is sooner done."""
        chosen = next((c for c in self._first() if c.kind == "linear"), self._first()[0])
        entry = self.trials.open(Candidate(chosen.kind, chosen.params, "baseline"))
        rows = Rows.read(self.folder / "rows")
        for split in self.trials.parts.splits:
            job = self.trials.job(entry, split)
            if split not in entry.splits:
                self.trials.take(entry, job, rows.run(job))
        text = f"No model was finished in time: only {chosen.kind.replace('_', ' ')} is fitted."
        self.notes.append(Note(code="budget", text=text, severity="warning"))

    def _on_ray(self) -> bool:
        """A connected cluster that has more cores than this machine pays for large tables and budgets; else local processes
        have begun fitting before Ray has started."""
        if self.config.custom is not None or self.config.search == "local":
            return False
        if self.config.search == "ray":
            return True
        large = self.prepared.x.size > 2_000_000 and self.config.budget_s >= 60
        return large and cluster_cores() > self.config.cores

    def _weigh(self) -> Weights:
        """Weights of the ensemble so far; renewed when entries have finished, but not all the time."""
        done = self.trials.models()
        count, at = self._weighed
        pause = 0.0 if self.clock.budget_s is None else self.clock.budget_s / 25
        if len(done) != count and time.monotonic() - at >= pause:
            self.weights = self._selected()
            self._weighed = (len(done), time.monotonic())
            parts = (self.refit, self.learner, self.stacker)
            self.clock.after_s = sum(part.reserve_s(self.weights) for part in parts)
        return self.weights

    def _selected(self) -> Weights:
        """Greedy selection among those that may join, within the limits of what is shipped."""
        done = self.entrants.models()[:25]
        if not done:
            return {}
        costs = [cost_of(e, self.trials) for e in done]
        found = greedy(
            [self.trials.cross_validated(e) for e in done],
            self.trials.y,
            self.worth,
            costs,
            self.limits,
            self.config.seed,
        )
        return {done[i].number: weight for i, weight in found.items()}

    def _show(self) -> None:
        weights = self._weigh()
        best = next(iter(self.trials.finished()), None)
        rows = [
            Row(e.candidate.kind, e.gain or 0.0, e.took_s, weights.get(e.number, 0.0))
            for e in self.trials.finished()[:8]
        ]
        ended = [e for e in self.trials.entries if e.state in ("stopped", "failed")]
        tried = len(self.trials.finished())
        left = self.clock.left()
        gain = best.gain if best else None
        self._watch(Progress(self.phase, self.clock.elapsed(), left, tried, len(ended), self.metric, gain, rows))

    def _model(self, sources: Sources) -> TableModel:
        return finish_model(self.prepared, self.config.target, sources, seed=self.config.seed)

    def _judged(self) -> TableModel:
        """The selection as a model; selected anew within less while one row takes longer than it may. Not with ``trials``:
        a repeatable run looks at no clock."""
        while True:
            self.weights = self._selected()
            model = self._model([(self.trials, self.weights)])
            last = self.config.trials is not None or self.limits.row_ms <= LEAST_MS or time.monotonic() > self.clock.end
            if last or (took := self.stopwatch.of(model)).cpu_ms <= ROW_MS:
                return model
            self.limits = tightened(self.limits, took)

    def finish(self) -> Outcome:
        """Select the ensemble, judge it on the holdout, and where there is time fit it again on all rows."""
        if not self.trials.models():
            failed = next((e.reason for e in self.trials.entries if e.state == "failed"), "the search ended too early")
            raise ValueError(f"no model could be fitted: {failed}")
        self.phase = "finishing"
        self._show()
        judged = self._judged()
        self.notes += [*self.entrants.notes(), *notes_of(self.trials, self.weights)]
        holdout = judged.on_matrix(self.prepared.x[self.prepared.split.holdout])
        model, learning = judged, Learning((), "No learning curve: the run was ended by hand.")
        if self.stopped != "interrupted":
            learning = self.learner.run(self.weights, self.clock.end - time.monotonic())
            refitted, said = replace(self.refit, limits=self.limits).run(self.weights, self._show)
            self.notes.append(said)
            while refitted:
                model = self._model(refitted)
                took = self.stopwatch.of(model)
                if took.cpu_ms <= ROW_MS or len(refitted) == 1 or self.config.trials is not None:
                    break
                refitted.pop()  # a repeat less: the estimates were too low for this machine
        self.phase = "done"
        self._show()
        took = self.stopwatch.of(model)
        if took.cpu_ms > ROW_MS:
            text = f"One row takes {took.cpu_ms:.1f} ms of processor time, more than the {ROW_MS:g} ms that are wanted."
            self.notes.append(Note(code="slow-row", text=text, severity="warning"))
        return Outcome(
            model, judged, self.prepared, self.trials, self.weights, self.metric, self.notes, self.stopped, self.resumed,
            self.clock.elapsed(), self.data_hash, self.meta, took, learning, holdout,
        )  # fmt: skip
