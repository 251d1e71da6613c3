"""The members that are shipped: the selected candidates fitted anew on all rows, holdout included.

What is reported is the score of the same recipe without the holdout. On small tables the holdout's share of rows is worth
more than another candidate; and repeats with other splits make the mean steadier (Erickson et al. 2020, repeated bagging).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tuning.candidates import STACKED
from tuning.data.preparation import Prepared, whole_parts
from tuning.data.splits import write_parts
from tuning.ensemble.assembly import cost_of
from tuning.ensemble.selection import Limits, within
from tuning.ensemble.stacking import fit_above
from tuning.fitting.worker_pool import Pool
from tuning.report import Note
from tuning.search.strategies import run_all
from tuning.search.trials import Trials
from tuning.time_budget import Clock

ROWS = 60_000
"""Larger tables keep the members that were judged."""
REPEATS = 3
_LEAST_WEIGHT = 0.6
_ESTIMATED = 1.5
"""So much more than it may, a row may be estimated to take."""
Sources = list[tuple[Trials, Mapping[int, float]]]


@dataclass(frozen=True)
class Refit:
    """A refit of ``trials``' entries on all rows of ``prepared``, by the processes of ``pool``."""

    prepared: Prepared
    trials: Trials
    pool: Pool
    rows_folder: Path
    clock: Clock
    seed: int
    limits: Limits

    def wanted(self) -> bool:
        return len(self.prepared.y) <= ROWS and self.trials.rows is None

    def expected_s(self, weights: Mapping[int, float]) -> float:
        """Seconds of one repeat."""
        if not self.wanted():
            return 0.0
        fits = sum(entry.took_s for entry in self.trials.with_below(weights))
        return 1.2 * fits * len(self.prepared.y) / len(self.trials.judged) / self.pool.size

    def reserve_s(self, weights: Mapping[int, float]) -> float:
        """What the search leaves for the refit: one repeat, and more as far as a quarter of the budget goes."""
        once = self.expected_s(weights) * 1.1
        if not once or self.clock.budget_s is None:
            return 0.0
        return once * float(np.clip(self.clock.budget_s / 4 // once, 1, self._most(weights)))

    def _most(self, weights: Mapping[int, float]) -> int:
        """Repeats, by what their members may cost. Estimates of that are high, and a repeat too many is taken back."""
        if self.prepared.times is not None or self.clock.budget_s is None:
            return 1
        limits = Limits(self.limits.size, _ESTIMATED * self.limits.row_ms)
        costs = [
            [cost_of(self.trials.entries[n], self.trials, copies) for n in weights] for copies in range(2, REPEATS + 1)
        ]
        return 1 + sum(within(of, limits) for of in costs)

    def run(self, weights: Mapping[int, float], watch: Callable[[], None]) -> tuple[Sources, Note]:
        """The refitted sources, as many repeats as time and limits allow; none where one did not fit in."""
        found: Sources = []
        while self.wanted() and len(found) < self._most(weights):
            repeat = len(found)
            if repeat == 0:
                weights = self._affordable(weights)
            if not weights or self.expected_s(weights) > self.clock.end - time.monotonic():
                break
            trials, done = self._repeat(repeat, weights, watch)
            share = sum(done.values())
            if share < _LEAST_WEIGHT or (repeat and share < 0.999):
                break
            found.append((trials, {n: w / share for n, w in done.items()}))
        return found, self._said(found)

    def _affordable(self, weights: Mapping[int, float]) -> dict[int, float]:
        """The heaviest members whose refit fits into the time left; none where they are not most of the ensemble."""
        left = self.clock.end - time.monotonic()
        kept: dict[int, float] = {}
        for n in sorted(weights, key=lambda n: -weights[n]):
            if self.expected_s({**kept, n: weights[n]}) <= left:
                kept[n] = weights[n]
        share = sum(kept.values())
        return {n: kept[n] / share for n in weights if n in kept} if share >= _LEAST_WEIGHT else {}

    def _repeat(
        self, repeat: int, weights: Mapping[int, float], watch: Callable[[], None]
    ) -> tuple[Trials, dict[int, float]]:
        """Fitted anew, and the weights of what was finished."""
        parts = whole_parts(self.prepared, repeat, len(self.trials.parts.splits), self.seed)
        write_parts(self.rows_folder, parts)
        old = self.trials
        trials = Trials(parts, self.prepared.y, self.prepared.outputs, old.gain, old.store, self.seed + 1 + repeat)
        wanted = [entry.candidate for entry in old.with_below(weights)]
        entries = [trials.open(candidate) for candidate in wanted if candidate.kind != STACKED]
        run_all(trials, self.pool, entries, watch, until=self.clock.end)
        if all(entry.state == "finished" for entry in entries):
            above = [candidate for candidate in wanted if candidate.kind == STACKED]
            fit_above(trials, self.pool, self.rows_folder, above, watch, self.clock.end)
        by_key = {e.candidate.key: e.number for e in trials.entries if e.state == "finished"}
        keys = {old.entries[n].candidate.key: weight for n, weight in weights.items()}
        return trials, {by_key[key]: weight for key, weight in keys.items() if key in by_key}

    def _said(self, found: Sources) -> Note:
        if not found:
            reason = "a refit on all rows did not fit into the budget" if self.wanted() else "the table is large"
            return Note(
                code="refit", text=f"The shipped model is the judged one, fitted without the holdout: {reason}."
            )
        splits = sum(len(trials.parts.serving) for trials, _ in found)
        text = (
            f"The shipped model is fitted anew on all {len(self.prepared.y):,} rows, in {splits} splits; its score is that "
            "of the same recipe without the holdout."
        )
        return Note(code="refit", text=text)
