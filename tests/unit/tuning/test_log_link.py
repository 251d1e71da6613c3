"""Models with a log link: for skewed targets without negative values, held against the libraries' own answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import TweedieRegressor

from analytics.models.blob import from_bytes, to_bytes
from analytics.models.ensemble import Ensemble, Member
from analytics.models.schema import Feature, WrongInput
from tuning.candidates import PORTFOLIO, POSITIVE
from tuning.data.target import is_skewed
from tuning.fitting.recipes import SplitRows, Task, encoding_of, fit
from tuning.pipeline import run_automated_ml


def spend(rows: int, seed: int) -> tuple[Any, Any]:
    """Means that are products of two columns' effects; a third of the rows spend nothing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3)).astype(np.float32)
    y = np.exp(1.2 * x[:, 0] - 0.8 * x[:, 1] + 0.3 * rng.normal(size=rows)) * 50.0
    return x, np.where(rng.random(rows) < 0.33, 0.0, y)


TASK = Task(tuple(Feature(name, name, "number") for name in "abc"), 0)


@pytest.mark.parametrize("candidate", [c for c in PORTFOLIO if c.kind in POSITIVE], ids=lambda c: c.key)
def test_they_tell_a_product_better_than_a_constant_and_come_back_from_their_bytes(candidate: Any) -> None:
    (x, y), (x_out, y_out) = spend(1500, 0), spend(500, 1)
    view, seen = encoding_of(candidate.kind, candidate.params, SplitRows(x, y, x_out, y_out), TASK, 0)
    out = view.transform(x_out)
    model = fit(candidate.kind, candidate.params, view, (seen, y), (out, y_out), TASK, 0, None)
    shown = model.predict(out)
    assert shown.shape == (500, 1)
    assert (shown > 0).all()
    truth = 50.0 * np.exp(1.2 * x_out[:, 0] - 0.8 * x_out[:, 1] + 0.045) * 0.67
    assert np.corrcoef(np.log(shown[:, 0]), np.log(truth))[0, 1] > 0.95
    assert shown.mean() == pytest.approx(truth.mean(), rel=0.2)
    again = from_bytes(to_bytes(Ensemble([view], [Member(0, model, 1.0)])))
    assert np.array_equal(again.predict(x_out), shown)


def test_a_linear_one_answers_as_scikit_learn_does_but_for_its_bound() -> None:
    x, y = spend(800, 2)
    params: Any = {"strength": 0.1, "power": 1.5, "knots": 0, "keep": 1.0}
    view, seen = encoding_of("glm", params, SplitRows(x, y, x, y), TASK, 0)
    model = fit("glm", params, view, (seen, y), (seen, y), TASK, 0, None)
    alpha = 1.0 / (0.1 * len(x))
    theirs = TweedieRegressor(power=1.5, link="log", alpha=alpha, max_iter=300).fit(seen.astype(float), y / y.mean())
    assert model.predict(seen)[:, 0] == pytest.approx(
        np.minimum(theirs.predict(seen.astype(float)) * y.mean(), 2 * y.max()), rel=1e-6
    )
    far = view.transform(np.array([[1e6, -1e6, 0.0]], np.float32))
    assert model.predict(far)[0, 0] == 2 * y.max()


def test_what_is_skewed() -> None:
    rng = np.random.default_rng(3)
    assert is_skewed(rng.lognormal(size=500))
    assert is_skewed(rng.poisson(0.3, 500).astype(float))
    assert not is_skewed(rng.normal(size=500))
    assert not is_skewed(rng.lognormal(size=500) - 5.0)
    assert not is_skewed(rng.uniform(size=500))
    assert not is_skewed(np.ones(50))


@pytest.mark.slow
def test_they_are_tried_where_the_target_asks_for_them_and_nowhere_else() -> None:
    x, y = spend(400, 4)
    data = {**{name: x[:, j].astype(float) for j, name in enumerate("abc")}, "y": y}
    config = {"target": "y", "trials": 4, "kinds": ("linear", *POSITIVE)}
    found = run_automated_ml("regression", data, config)
    kinds = {c.model for c in found["all_models"]}
    assert kinds == {"dummy", "linear", *POSITIVE}
    assert any("log link" in note.text for note in found["report"].decisions if note.code == "skewed-target")
    low, high = found["best_model"].interval(data, 0.9)
    assert low.min() == 0.0
    assert ((low <= y) & (y <= high)).mean() > 0.85
    assert found["best_model"].predict(data).min() >= 0.0
    signed = run_automated_ml("regression", {**data, "y": y - 200.0}, config)
    assert {c.model for c in signed["all_models"]} == {"dummy", "linear"}
    with pytest.raises(WrongInput, match=r"column 'y': glm, tweedie are for skewed values"):
        run_automated_ml("regression", {**data, "y": y - 200.0}, {**config, "kinds": POSITIVE})
    with pytest.raises(WrongInput, match="by squared error"):
        run_automated_ml("regression", data, {**config, "kinds": POSITIVE, "metric": "mae"})
