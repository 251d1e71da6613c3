"""Would more rows help? The heaviest candidate of the ensemble, alone, on ever more of the training rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tuning.candidates import STACKED
from tuning.data.preparation import Prepared
from tuning.data.splits import Parts, write_parts
from tuning.evaluation import learning_curve
from tuning.fitting.jobs import Done, Job
from tuning.fitting.worker_pool import Pool
from tuning.report import LearningPoint
from tuning.search.trials import Entry, Trials

I64 = npt.NDArray[np.int64]
FOLDS = 3
"""Folds that are judged, at most: their spread is the curve's band."""
_SHARE = 0.85
"""Fits of the four smaller sizes together, in those of all rows: the sizes grow by a factor of about two."""
_BUDGET = 0.04
"""Share of a budget that the curve may take."""


@dataclass(frozen=True)
class Learning:
    """The curve, scores in the metric's own sign; ``note`` says whose it is, or why there is none."""

    points: tuple[LearningPoint, ...]
    note: str


@dataclass(frozen=True)
class Learner:
    """Fits of ``trials``' candidates on parts of their training rows, by the processes of ``pool``."""

    prepared: Prepared
    trials: Trials
    pool: Pool
    rows_folder: Path
    budget_s: float | None
    sign: float
    """Turns a gain into the metric's own value."""
    seed: int

    def reserve_s(self, weights: Mapping[int, float]) -> float:
        """What the search leaves for the curve: at most a twenty-fifth of the budget."""
        if self.budget_s is None or not weights:
            return 0.0
        wanted = FOLDS * self._a_fold(self._heaviest(weights))
        return min(wanted, _BUDGET * self.budget_s)

    def run(self, weights: Mapping[int, float], left_s: float) -> Learning:
        """Five sizes up to all rows, on as many folds as ``left_s`` and the budget allow; all rows' scores are those of the
        search."""
        entry = self._heaviest(weights)
        name = entry.candidate.kind.replace("_", " ")
        may_s = left_s if self.budget_s is None else min(left_s, _BUDGET * self.budget_s)
        folds = self._folds(entry, may_s)
        if not folds:
            reason = f"the four smaller fits of {name} would take about {self._a_fold(entry):.1f} s a fold"
            return Learning((), f"No learning curve: {reason}, which the budget does not hold.")
        until = time.monotonic() + 1.5 * may_s
        outside = {fold: self._outside(fold) for fold in folds}
        rows = min(len(found) for found in outside.values())
        if self.trials.rows is not None:
            rows = min(rows, self.trials.rows)
        outside = {f: found[np.linspace(0, len(found) - 1, rows).astype(np.int64)] for f, found in outside.items()}
        of = self.prepared.y[outside[folds[0]]].astype(np.int64) if self.prepared.classes else None

        def judge(chosen: I64) -> list[float]:
            if len(chosen) == rows:
                return [self.sign * entry.fold_gains[fold] for fold in folds]
            return self._judged(entry, {fold: found[chosen] for fold, found in outside.items()}, until)

        points = learning_curve(judge, rows, classes=of, seed=self.seed)
        where = f"{len(folds)} folds" if len(folds) > 1 else "one fold"
        cut = "" if len(points) > 4 or rows < 250 else " Some of its fits did not end in time."
        return Learning(points, f"Of {name} alone, judged on {where} of the training rows.{cut}")

    def _heaviest(self, weights: Mapping[int, float]) -> Entry:
        """Of those that stand on no other: only these can be fitted alone."""
        plain = [entry for entry in self.trials.with_below(weights) if entry.candidate.kind != STACKED]
        return max(plain, key=lambda entry: weights.get(entry.number, 0.0))

    def _a_fold(self, entry: Entry) -> float:
        """Seconds of one fold's smaller fits."""
        return (_SHARE * entry.took_s / max(1, len(entry.folds)) + 0.1) / self.pool.size

    def _folds(self, entry: Entry, may_s: float) -> tuple[int, ...]:
        folds = (self.trials.parts.serving if self.prepared.times is not None else self.trials.parts.folds)[:FOLDS]
        return folds if may_s == float("inf") else folds[: int(max(0.0, may_s) / self._a_fold(entry))]

    def _outside(self, fold: int) -> I64:
        """Rows that may train for ``fold``, sorted by target: so that every sixth, say, has each class in its share."""
        part = self.trials.parts.part
        known = (part >= 0) & (part < fold) if self.prepared.times is not None else (part >= 0) & (part != fold)
        rows = np.flatnonzero(known)
        return rows[np.argsort(self.prepared.y[rows], kind="stable")]

    def _judged(self, entry: Entry, chosen: Mapping[int, I64], until: float) -> list[float]:
        """The score on each fold whose fit ended in time."""
        jobs: list[Job] = []
        of: dict[str, int] = {}
        for fold, rows in chosen.items():
            part = np.full(len(self.prepared.y), -1, np.int64)
            part[rows], part[self.trials.parts.part == fold] = 0, 1
            parts = Parts(f"learning-{fold}-{len(rows)}", part, (1,), (1,))
            write_parts(self.rows_folder, parts)
            of[parts.name] = fold
            c = entry.candidate
            jobs.append(Job(c.key, c.kind, c.params, parts.name, 1, self.seed))
        scores: list[float] = []
        while (jobs or self.pool.running()) and time.monotonic() < until:
            while jobs and self.pool.idle():
                self.pool.submit(jobs.pop(0), within_s=max(0.1, until - time.monotonic()))
            for job, result in self.pool.finished(0.5):
                if isinstance(result, Done):
                    truth = self.prepared.y[self.trials.parts.part == of[job.parts]]
                    scores.append(self.sign * self.trials.gain(truth, result.prediction.astype(np.float64)))
        self.pool.drop()
        return scores
