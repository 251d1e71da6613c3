"""Which finished models may join the ensemble: a search of hundreds finds some that only fit the rows they are judged by.

The settings of the portfolio were chosen elsewhere, so their cross-validated scores are honest. The score of the best
of many searched ones is not: it is the luckiest, too (the optimiser's curse: Smith and Winkler 2006), and on a few
hundred rows that is most of its lead. A searched model therefore joins only if it is better than the portfolio's best
of its kind by more than luck, in standard errors of the difference over groups of rows: by two if it is the only one of
its kind that was searched, and by the more, the more there are (Bonferroni). So a longer search asks for more, and is
no worse than a shorter one.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tuning.evaluation.scoring import Gain
from tuning.report import Note
from tuning.search.trials import Entry, Trials

F64 = npt.NDArray[np.float64]
_GROUPS = 10
_LUCK = 0.038
"""The chance that any of the searched models of a kind joins by luck alone: two standard errors for one, on 10 groups."""


@lru_cache(maxsize=4096)
def errors_asked(searched: int) -> float:
    """How many standard errors the best of so many must be ahead (Student's t)."""
    from scipy.stats import t

    return float(t.ppf(1 - _LUCK / max(1, searched), _GROUPS - 1))


class Entrants:
    """Of ``trials``, by ``gain``; a model's gains by group are computed once."""

    def __init__(self, trials: Trials, gain: Gain) -> None:
        self._trials, self._gain = trials, gain
        self._group = np.random.default_rng(trials.seed).permutation(len(trials.y)) % _GROUPS
        self._gains: dict[int, F64] = {}

    def models(self) -> list[Entry]:
        """Those that may join, best first. All of a kind of which no setting was given."""
        given, searched = self._given(), Counter(e.candidate.kind for e in self._trials.models() if _searched(e))
        return [
            e
            for e in self._trials.models()
            if not _searched(e) or self._better(e, given.get(e.candidate.kind), searched[e.candidate.kind])
        ]

    def notes(self) -> list[Note]:
        """How many of the searched models that were held against a given setting could join."""
        given, joined = self._given(), {e.number for e in self.models()}
        held = [e.number for e in self._trials.models() if e.candidate.origin == "search" and e.candidate.kind in given]
        if not held:
            return []
        text = (
            f"{len(joined.intersection(held))} of {len(held)} models of the search beat the best given setting of their "
            "kind by more than luck; only these could join the ensemble."
        )
        return [Note(code="searched-models", text=text)]

    def _given(self) -> dict[str, Entry]:
        """The best given setting of each kind."""
        given: dict[str, Entry] = {}
        for entry in self._trials.models():
            if entry.candidate.origin in ("portfolio", "warm start"):
                given.setdefault(entry.candidate.kind, entry)
        return given

    def _better(self, entry: Entry, given: Entry | None, searched: int) -> bool:
        if given is None:
            return True
        if entry.gain is None or given.gain is None or entry.gain <= given.gain:
            return False
        lead = self._by_group(entry) - self._by_group(given)
        return bool(lead.mean() > errors_asked(searched) * lead.std(ddof=1) / np.sqrt(_GROUPS))

    def _by_group(self, entry: Entry) -> F64:
        if entry.number not in self._gains:
            y, shown = self._trials.y, self._trials.cross_validated(entry)
            parts = [self._group == n for n in range(_GROUPS)]
            self._gains[entry.number] = np.array([self._gain(y[part], shown[part]) for part in parts])
        return self._gains[entry.number]


def _searched(entry: Entry) -> bool:
    return entry.candidate.origin == "search"
