"""A second layer: boosted trees that are shown the rows and what members of the ensemble predict for rows new to them.

Stacked generalisation (Wolpert 1992), with the rows shown again as in AutoGluon (Erickson et al. 2020). What the layer is
worth is decided as for any candidate: by its own cross-validated predictions, in the selection of the ensemble.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tuning.candidates import STACKED, Candidate, second_layer
from tuning.data.preparation import Prepared
from tuning.ensemble.assembly import cost_of
from tuning.ensemble.selection import Limits, within
from tuning.fitting.jobs import below_file
from tuning.fitting.worker_pool import Pool
from tuning.report import Note
from tuning.search.strategies import run_all
from tuning.search.trials import Entry, Trials
from tuning.time_budget import Clock

_FEWEST_ROWS, _FEWEST_MODELS = 200, 6
_SHARE = 0.15
"""Of a budget: a layer that would take more is not begun, nor does it stand on more than can be fitted anew in as long."""
_ROOM = 0.8
"""Of what serving may cost, for the members that the layer stands on."""


@dataclass(frozen=True)
class Stacker:
    """Fits a layer on ``trials``' entries, by the processes of ``pool``."""

    prepared: Prepared
    trials: Trials
    pool: Pool
    rows_folder: Path
    clock: Clock
    limits: Limits
    allowed: bool
    """Whether the caller wants boosted trees."""

    def base(self, weights: Mapping[int, float]) -> list[Entry]:
        """What a layer would stand on: the ensemble, and the best of every other kind, as far as time and limits go.

        Nothing where the layer is not worth its time; in order of time, where the rows of the first part have no
        cross-validated prediction; where there is one split only.
        """
        cut = (
            self.allowed
            and self.prepared.times is None
            and len(self.trials.parts.splits) > 1
            and self.trials.rows is None
        )
        models = self.trials.models()
        if not cut or not weights or len(self.trials.judged) < _FEWEST_ROWS or len(models) < _FEWEST_MODELS:
            return []
        may_s = float("inf") if self.clock.budget_s is None else _SHARE * self.clock.budget_s
        chosen = [self.trials.entries[n] for n in weights]
        room = Limits(round(_ROOM * self.limits.size), _ROOM * self.limits.row_ms)
        for entry in models:
            if entry.candidate.kind in {STACKED, *(e.candidate.kind for e in chosen)}:
                continue
            more = [*chosen, entry]
            if within([cost_of(e, self.trials) for e in more], room) and self._again_s(more) <= may_s:
                chosen = more
        return chosen if len(chosen) > 1 and self._layer_s() <= may_s else []

    def _layer_s(self) -> float:
        """By what boosting took so far; nothing where no such model is finished."""
        took = [e.took_s for e in self.trials.models() if e.candidate.kind in ("lightgbm", "hist_boosting")]
        return 1.3 * len(second_layer(())) * float(np.mean(took)) / self.pool.size if took else 0.0

    def _again_s(self, entries: Sequence[Entry]) -> float:
        """Seconds of fitting them anew on all rows."""
        more_rows = len(self.prepared.y) / len(self.trials.judged)
        return 1.2 * more_rows * sum(e.took_s for e in entries) / self.pool.size

    def reserve_s(self, weights: Mapping[int, float]) -> float:
        """What the search leaves for the layer, for fitting it anew, and what it stands on besides the ensemble."""
        if self.clock.budget_s is None or not (base := self.base(weights)):
            return 0.0
        return 2.0 * self._layer_s() + self._again_s([e for e in base if e.number not in weights])

    def run(self, weights: Mapping[int, float], watch: Callable[[], None]) -> None:
        """Adds the layer's entries to the trials."""
        base = self.base(weights)
        if base:
            until = float("inf") if self.clock.budget_s is None else time.monotonic() + 1.5 * self._layer_s()
            layer = second_layer([entry.candidate for entry in base])
            fit_above(self.trials, self.pool, self.rows_folder, layer, watch, until)


def fit_above(
    trials: Trials,
    pool: Pool,
    rows_folder: Path,
    candidates: Sequence[Candidate],
    watch: Callable[[], None],
    until: float,
) -> list[Entry]:
    """Fit stacked candidates; those that they stand on have been fitted. Workers read what these predict from a file."""
    entries = [trials.open(candidate) for candidate in candidates]
    for on, entry in {str(entry.candidate.params["on"]): entry for entry in entries}.items():
        predicted = np.concatenate([trials.cross_validated(e) for e in trials.below(entry)], axis=1)
        table = np.full((len(trials.parts.part), predicted.shape[1]), np.nan, np.float32)
        table[trials.judged] = predicted
        np.save(rows_folder / below_file(trials.parts.name, on), table)
    run_all(trials, pool, entries, watch, until)
    return entries


def notes_of(trials: Trials, weights: Mapping[int, float]) -> list[Note]:
    """That the ensemble has a second layer, where it has one."""
    share = sum(w for n, w in weights.items() if trials.entries[n].candidate.kind == STACKED)
    if not share:
        return []
    members = {e.number for n in weights for e in trials.below(trials.entries[n])}
    text = (
        f"{share:.0%} of the ensemble's weight is on boosted trees of a second layer, which are shown what {len(members)} "
        "models predict, besides the row."
    )
    return [Note(code="second-layer", text=text)]
