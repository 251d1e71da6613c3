"""The second layer: what it is shown, what it is judged by, and that serving it gives the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from analytics.models.blob import from_bytes, to_bytes
from analytics.models.ensemble import Ensemble
from analytics.models.schema import Feature
from tuning.candidates import PORTFOLIO, STACKED, second_layer
from tuning.config import Config
from tuning.data.splits import Parts, splits_of, write_parts
from tuning.ensemble.assembly import cost_of, ensemble_of
from tuning.ensemble.selection import Limits, within
from tuning.ensemble.stacking import fit_above
from tuning.evaluation.scoring import gain_of
from tuning.fitting.jobs import Rows
from tuning.fitting.recipes import Task
from tuning.fitting.worker_pool import Pool
from tuning.pipeline import fit_table
from tuning.search.strategies import run_all
from tuning.search.trials import Entry, Store, Trials

pytestmark = pytest.mark.slow
ROWS = 400


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trials, Any]]:
    """Two models, a layer on both, and the rows; a tenth of the rows are in no split."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 3)).astype(np.float32)
    x[:, 2] = rng.integers(0, 5, ROWS)
    y = (x[:, 0] * x[:, 1] + (x[:, 2] == 3) + 0.3 * rng.normal(size=ROWS) > 0).astype(float)
    features = (Feature("a", "a", "number"), Feature("b", "b", "number"), Feature("c", "c", "category", 5))
    folder = tmp_path_factory.mktemp("run")
    Rows(x, y, Task(features, 2), in_time=False).write(folder)
    part = splits_of(y, 2, 3, 0)
    part[::10] = -1
    parts = Parts("train", part, (0, 1, 2), (0, 1, 2))
    write_parts(folder, parts)
    trials = Trials(parts, y, 1, gain_of("auc", "binary"), Store(folder / "fits"), seed=0)
    with Pool(2, folder) as pool:
        below = [trials.open(next(c for c in PORTFOLIO if c.kind == kind)) for kind in ("linear", "lightgbm")]
        run_all(trials, pool, below)
        fit_above(trials, pool, folder, second_layer([e.candidate for e in below]), lambda: None, float("inf"))
    yield trials, x


def member_of(trials: Trials, entry: Entry, split: int) -> Ensemble:
    return from_bytes(trials.store.blob(trials.job(entry, split).name))


def test_a_layer_is_judged_by_what_its_members_say_of_rows_that_neither_layer_was_fitted_on(
    layered: tuple[Trials, Any],
) -> None:
    trials, x = layered
    judged = trials.judged
    for entry in [e for e in trials.entries if e.candidate.kind == STACKED]:
        assert entry.state == "finished", entry.reason
        shown = np.concatenate([trials.cross_validated(e) for e in trials.below(entry)], axis=1, dtype=np.float32)
        for split in trials.parts.splits:
            rows = trials.parts.part[judged] == split
            member = member_of(trials, entry, split)
            seen = np.concatenate([member.views[0].transform(x[judged][rows]), shown[rows]], axis=1)
            assert np.allclose(member.members[0].model.predict(seen), trials.cross_validated(entry)[rows], atol=1e-6)


def test_what_is_served_shows_the_layer_the_means_of_the_members_below(layered: tuple[Trials, Any]) -> None:
    trials, _ = layered
    linear, boosted, *layer = trials.entries
    weights = {boosted.number: 0.25, layer[0].number: 0.5, layer[2].number: 0.25}
    served = from_bytes(to_bytes(ensemble_of([(trials, weights)])))
    new = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    new[:, 2] = np.arange(50) % 7

    def mean(entry: Entry) -> Any:
        return np.mean([member_of(trials, entry, split).predict(new) for split in trials.parts.serving], axis=0)

    below = {e.number: mean(e) for e in (linear, boosted)}
    wanted: Any = 0.25 * below[boosted.number]
    for entry in (layer[0], layer[2]):
        shown = np.concatenate([below[e.number] for e in trials.below(entry)], axis=1, dtype=np.float32)
        for split in trials.parts.serving:
            member = member_of(trials, entry, split)
            seen = np.concatenate([member.views[0].transform(new), shown], axis=1)
            wanted = wanted + weights[entry.number] / 3 * member.members[0].model.predict(seen)
    assert np.allclose(served.predict(new), wanted, atol=1e-6)
    assert np.allclose(np.concatenate([served.predict(new[i : i + 1]) for i in range(50)]), wanted, atol=1e-6)


def test_a_layer_pays_for_what_it_stands_on_once(layered: tuple[Trials, Any]) -> None:
    trials, _ = layered
    linear, boosted, first, second, _ = trials.entries
    alone, both = cost_of(first, trials), cost_of(second, trials)
    for below in (linear, boosted):
        assert cost_of(below, trials).parts.items() <= alone.parts.items()
    size = sum(f.size for e in (linear, boosted, first, second) for f in e.splits.values())

    assert within([alone, both, cost_of(linear, trials)], Limits(size=size, row_ms=100.0))
    assert not within([alone, both], Limits(size=size - 1, row_ms=100.0))


def test_a_run_with_a_layer_is_repeatable_and_says_so() -> None:
    rng = np.random.default_rng(3)
    columns: dict[str, Any] = {name: rng.normal(size=600) for name in "abcd"}
    z = columns["a"] * columns["b"] + np.sin(3 * columns["c"])
    columns["y"] = np.where(z + 0.2 * rng.normal(size=600) > 0, "yes", "no").astype(object)
    config = Config("y", trials=9, kinds=("linear", "lightgbm", "hist_boosting", "network"))
    runs = [fit_table(columns, config) for _ in range(2)]
    one, two = (run.report for run in runs)
    layer = [t for t in one.history if t.model == STACKED]
    assert len(layer) == 3
    assert all(t.origin == "second layer" and t.state == "finished" for t in layer)
    assert [(t.model, t.score) for t in one.history] == [(t.model, t.score) for t in two.history]
    weight = next(row.weight for row in one.leaderboard if row.model == STACKED)
    assert weight > 0
    assert any(f"{weight:.0%} of the ensemble's weight" in note.text for note in one.decisions)
    new = {name: values[:40] for name, values in columns.items() if name != "y"}
    assert np.array_equal(runs[0].model.predict(new), runs[1].model.predict(new))
    assert np.array_equal(from_bytes(to_bytes(runs[0].model)).predict(new), runs[0].model.predict(new))


def test_who_wants_no_boosted_trees_gets_no_layer_of_them() -> None:
    rng = np.random.default_rng(4)
    columns: dict[str, Any] = {name: rng.normal(size=400) for name in "ab"}
    columns["y"] = np.where(columns["a"] * columns["b"] > 0, "yes", "no").astype(object)
    report = fit_table(columns, Config("y", trials=8, kinds=("linear", "neighbours"))).report
    assert report.split.train_rows >= 200
    assert len([t for t in report.history if t.state == "finished"]) > 6
    assert {t.model for t in report.history} == {"dummy", "linear", "neighbours"}
