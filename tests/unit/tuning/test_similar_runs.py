"""Earlier runs of similar data: who is near, and what is taken from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reports import made
from tuning.candidates import PORTFOLIO, Candidate
from tuning.config import Config
from tuning.data.preparation import prepare
from tuning.pipeline import fit_table
from tuning.report import Hashes, Report, Trial
from tuning.search.similar_runs import distance, earlier, meta_features, proposals, similar_to

HERE = {"rows": 0.6, "categories": 0.2, "entropy": 0.9, "best column": 0.3}
KINDS = ("lightgbm", "linear", "extra_trees")
BEST, SECOND, THIRD = (next(c for c in PORTFOLIO if c.kind == kind) for kind in KINDS)


def report(best: tuple[Candidate, ...], moved: float = 0.0, **changed: Any) -> Report:
    """A run where ``best`` were tried, the best one last, on data that are ``moved`` away from ``HERE``."""
    history = tuple(
        Trial(number=i, model=c.kind, state="finished", score=0.7 + 0.01 * i, params={**c.params})
        for i, c in enumerate(reversed(best))
    )
    meta = {name: value + moved for name, value in HERE.items()}
    return made("binary", history=history, meta=meta, **changed)


def asked(runs: list[tuple[Path, Report]], **more: Any) -> Any:
    wanted: dict[str, Any] = {"problem": "binary", "data_hash": "new", "seed": 0, "kinds": KINDS, **more}
    return similar_to(HERE, runs, **wanted)


def test_the_nearest_runs_best_comes_first_then_each_ones_in_turn() -> None:
    far, near = report((THIRD, BEST), 0.1), report((BEST, SECOND), 0.01)
    similar = asked([(Path("far"), far), (Path("near"), near)])
    assert [k.folder.name for k in similar] == ["near", "far"]
    assert [c.key for c in proposals(similar)] == [BEST.key, THIRD.key, SECOND.key]
    assert {c.origin for c in proposals(similar)} == {"warm start"}


@pytest.mark.parametrize(
    "other",
    [
        report((BEST,), 0.5),
        report((BEST,)).model_copy(update={"problem": "regression"}),
        report((BEST,)).model_copy(update={"meta": {}}),
        report((Candidate("lightgbm", {"learning_rate": 99.0}), Candidate("gone", {}))),
    ],
    ids=["far away", "another problem", "told nothing", "outside of the spaces"],
)
def test_what_is_not_akin_is_not_listened_to(other: Report) -> None:
    assert asked([(Path("other"), other)]) == []


def test_what_was_chosen_on_rows_that_judge_now_is_left_out() -> None:
    """Same table, another seed: its training rows are partly this run's holdout."""
    same = report((BEST,), hashes=Hashes(schema="s", code="c", data="new"))
    assert asked([(Path("same"), same)], seed=same.run.seed)
    assert not asked([(Path("same"), same)], seed=same.run.seed + 1)


def test_a_damaged_result_costs_nothing(tmp_path: Path) -> None:
    for name, text in (("a", "{"), ("b", '{"format": 99}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(text)
    report((BEST,)).write(tmp_path / "result.json")
    assert [folder for folder, _ in earlier([tmp_path])] == [tmp_path.resolve()]


def table(rows: int, seed: int, signal: float = 1.0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    plan = rng.choice(["s", "m", "l"], rows).astype(object)
    z = signal * (a + (plan == "s")) + rng.normal(size=rows)
    return {"a": a, "b": np.where(rng.random(rows) < 0.2, np.nan, b), "plan": plan, "y": (z > 0).astype(float)}


def test_meta_features_tell_the_like_from_the_unlike() -> None:
    tables = [(500, 0, 1.0), (600, 1, 1.0), (500, 2, 0.0)]
    here, again, noise = (meta_features(prepare(table(*one), Config("y"))) for one in tables)
    assert all(-0.01 <= value <= 1.01 for value in here.values())
    assert distance(here, again) < 0.03 < distance(here, noise)
    assert here["missing"] == pytest.approx(0.2 / 3, abs=0.02)
    assert here["ridge"] > 0.2 > noise["ridge"]


@pytest.mark.slow
def test_a_run_begins_with_what_did_best_on_similar_data(tmp_path: Path) -> None:
    first = fit_table(table(300, 0), Config("y", trials=4, kinds=("linear", "lightgbm")))
    first.write(tmp_path / "before")
    best = max((t for t in first.report.history if t.model != "dummy"), key=lambda t: t.score or 0)
    second = fit_table(table(360, 1), Config("y", trials=4, kinds=("linear", "lightgbm"), learn_from=(tmp_path,)))
    tried = [t for t in second.report.history if t.model != "dummy"]
    assert (tried[0].model, tried[0].params, tried[0].origin) == (best.model, best.params, "warm start")
    assert any("'table'" in note.text for note in second.report.decisions if note.code == "warm-start")
    assert len({(t.model, str(t.params)) for t in tried}) == len(tried)
