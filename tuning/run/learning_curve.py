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
SPLITS = 3
"""Splits that are judged, at most: their spread is the curve's band."""
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
    """Fits candidates of ``trials`` on ever more of their training rows, in the processes of ``pool``."""

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
        wanted = SPLITS * self._a_split(self._heaviest(weights))
        return min(wanted, _BUDGET * self.budget_s)

    def run(self, weights: Mapping[int, float], left_s: float) -> Learning:
        """Five sizes up to all rows, on as many splits as ``left_s`` and the budget allow; all rows' scores are those of the
        search."""
        entry = self._heaviest(weights)
        name = entry.candidate.kind.replace("_", " ")
        may_s = left_s if self.budget_s is None else min(left_s, _BUDGET * self.budget_s)
        splits = self._splits(entry, may_s)
        if not splits:
            reason = f"the four smaller fits of {name} would take about {self._a_split(entry):.1f} s a split"
            return Learning((), f"No learning curve: {reason}, which the budget does not hold.")
        until = time.monotonic() + 1.5 * may_s
        outside = {split: self._outside(split) for split in splits}
        rows = min(len(found) for found in outside.values())
        if self.trials.rows is not None:
            rows = min(rows, self.trials.rows)
        outside = {f: found[np.linspace(0, len(found) - 1, rows).astype(np.int64)] for f, found in outside.items()}
        of = self.prepared.y[outside[splits[0]]].astype(np.int64) if self.prepared.classes else None

        def judge(chosen: I64) -> list[float]:
            if len(chosen) == rows:
                return [self.sign * entry.split_gains[split] for split in splits]
            return self._judged(entry, {split: found[chosen] for split, found in outside.items()}, until)

        points = learning_curve(judge, rows, classes=of, seed=self.seed)
        where = f"{len(splits)} splits" if len(splits) > 1 else "one split"
        cut = "" if len(points) > 4 or rows < 250 else " Some of its fits did not end in time."
        return Learning(points, f"Of {name} alone, judged on {where} of the training rows.{cut}")

    def _heaviest(self, weights: Mapping[int, float]) -> Entry:
        """Of those that stand on no other: only these can be fitted alone."""
        plain = [entry for entry in self.trials.with_below(weights) if entry.candidate.kind != STACKED]
        return max(plain, key=lambda entry: weights.get(entry.number, 0.0))

    def _a_split(self, entry: Entry) -> float:
        """Seconds of one split's smaller fits."""
        return (_SHARE * entry.took_s / max(1, len(entry.splits)) + 0.1) / self.pool.size

    def _splits(self, entry: Entry, may_s: float) -> tuple[int, ...]:
        splits = (self.trials.parts.serving if self.prepared.times is not None else self.trials.parts.splits)[:SPLITS]
        return splits if may_s == float("inf") else splits[: int(max(0.0, may_s) / self._a_split(entry))]

    def _outside(self, split: int) -> I64:
        """Rows that may train for ``split``, sorted by target: so that every sixth, say, has each class in its share."""
        part = self.trials.parts.part
        known = (part >= 0) & (part < split) if self.prepared.times is not None else (part >= 0) & (part != split)
        rows = np.flatnonzero(known)
        return rows[np.argsort(self.prepared.y[rows], kind="stable")]

    def _judged(self, entry: Entry, chosen: Mapping[int, I64], until: float) -> list[float]:
        """The score on each split whose fit ended in time."""
        jobs: list[Job] = []
        of: dict[str, int] = {}
        for split, rows in chosen.items():
            part = np.full(len(self.prepared.y), -1, np.int64)
            part[rows], part[self.trials.parts.part == split] = 0, 1
            parts = Parts(f"learning-{split}-{len(rows)}", part, (1,), (1,))
            write_parts(self.rows_folder, parts)
            of[parts.name] = split
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
