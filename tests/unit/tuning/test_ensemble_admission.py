"""Who may join the ensemble: what was chosen elsewhere, and of a search what is better by more than luck."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tuning.candidates import Candidate
from tuning.data.splits import Parts
from tuning.ensemble.admission import Entrants, errors_asked
from tuning.evaluation.scoring import worth_of
from tuning.fitting.jobs import Done
from tuning.search.trials import Entry, Store, Trials

ROWS = 400


class Bench:
    """Trials of two splits, whose models are made up: ``noise`` blurs the log odds that they know."""

    def __init__(self, folder: Path) -> None:
        self.rng = np.random.default_rng(3)
        self.odds = self.rng.normal(0, 1.5, ROWS)
        y = (self.rng.random(ROWS) < 1 / (1 + np.exp(-self.odds))).astype(float)
        self.part = np.arange(ROWS) % 2
        parts = Parts("train", self.part, (0, 1), (0, 1))
        self.gain = worth_of("auc", "binary")
        self.trials = Trials(parts, y, 1, self.gain, Store(folder), seed=0)

    def finish(self, origin: str, noise: float, kind: str = "lightgbm") -> Entry:
        entry = self.trials.open(Candidate(kind, {"x": len(self.trials.entries)}, origin))  # pyright: ignore[reportArgumentType]
        shown = 1 / (1 + np.exp(-self.odds - self.rng.normal(0, noise, ROWS)))
        for split in (0, 1):
            job = self.trials.job(entry, split)
            self.trials.take(
                entry, job, Done(job.name, shown[self.part == split, None].astype(np.float32), 0.1, b"", 1)
            )
        return entry

    def joined(self) -> set[int]:
        return {entry.number for entry in Entrants(self.trials, self.gain).models()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_luckiest_of_many_equals_stay_out(bench: Bench) -> None:
    given = bench.finish("portfolio", 1.0)
    searched = [bench.finish("search", 1.0) for _ in range(200)]
    lucky = [e for e in searched if (e.gain or 0) > (given.gain or 0)]
    joined = bench.joined()
    assert given.number in joined and len(lucky) > 20
    assert len(joined) - 1 < 0.05 * len(lucky)


def test_the_longer_the_search_the_more_is_asked_of_each() -> None:
    asked = [errors_asked(n) for n in (1, 10, 100, 1000)]
    assert asked == sorted(asked)
    assert asked[0] == pytest.approx(2.0, abs=0.05)
    assert asked[2] > 4.0


def test_what_is_truly_better_joins(bench: Bench) -> None:
    bench.finish("portfolio", 1.5)
    better = bench.finish("search", 0.2)
    assert better.number in bench.joined()
    note = Entrants(bench.trials, bench.gain).notes()[0]
    assert note.code == "searched-models" and note.text.startswith("1 of 1 ")


def test_kinds_are_held_against_their_own_and_those_without_a_given_setting_against_none(bench: Bench) -> None:
    bench.finish("portfolio", 0.2)
    alone, warm = bench.finish("search", 2.0, "network"), bench.finish("warm start", 2.0)
    worse = bench.finish("search", 2.0)
    assert {alone.number, warm.number} <= bench.joined() and worse.number not in bench.joined()


def test_nothing_searched_beside_a_given_setting_is_not_worth_a_word(bench: Bench) -> None:
    bench.finish("portfolio", 1.0)
    bench.finish("search", 1.0, "custom")
    assert not Entrants(bench.trials, bench.gain).notes()
