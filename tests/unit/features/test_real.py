"""Real sets out of the log: the numbers that others publish of them come out, and nothing of the future is in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.unit.features.real import EXAMPLES, dataset, example, log_of


def test_cdnow_customers_and_their_holdout(data_sets: Path) -> None:
    """Fader, Hardie and Lee 2005: of 2,357 customers in the sample, 39 weeks are held out after 30 September 1997."""
    sets = example("sets")
    events, definitions = sets.cdnow(data_sets / "cdnow")
    log = log_of(sets.table_of("cdnow", events))
    made = dataset(log, definitions, "repeat_purchase", at=["1997-10-01"], horizon="272d")
    assert made.table.num_rows == 2_357
    later = events[(events["time"] >= "1997-10-01") & (events["time"] < "1998-06-30")]
    assert sum(made.table["label"].to_pylist()) == later["subject"].nunique()
    before = events[events["time"] < "1997-10-01"].groupby("subject").size()
    orders = dict(zip(made.table["key"].to_pylist(), made.table["behavioral.orders"].to_pylist(), strict=True))
    assert orders == before.astype(float).to_dict()
    assert not made.report["knows_the_label"]
    spent = dataset(log, definitions, "revenue", at=["1997-10-01"], horizon="272d").table["label"].to_numpy()
    values = [float(one.split('"value": ')[1].split(",")[0]) for one in later["data"]]
    assert spent.sum() == pytest.approx(np.sum(values), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "folder", "label", "rows", "rate"),
    [("telco", "telco_churn", "churn_prediction", 7_043, 0.2654), ("mlc", "mlc_churn", "churn_prediction", 5_000, 0.1414),
     ("hillstrom", "hillstrom", "visits", 31_858, None)],
)  # fmt: skip
def test_snapshots_are_one_moment_and_what_came_after(
    data_sets: Path, name: str, folder: str, label: str, rows: int, rate: float | None
) -> None:
    sets = example("sets")
    events, definitions = sets.SETS[name](data_sets / folder)
    made = dataset(log_of(sets.table_of(name, events)), definitions, label, at=["2024-01-02"])
    assert made.table.num_rows == rows
    assert rate is None or made.report["label"]["rate"] == pytest.approx(rate, abs=5e-4)
    assert not made.report["knows_the_label"]
    assert all(share > 0.9 for share in made.report["coverage"].values())


@pytest.mark.long
@pytest.mark.parametrize(
    ("presentation", "length", "aims"), [("BBB/2013B", 240, {28: 0.71, 56: 0.77, 130: 0.85})], ids=str
)
def test_oulad_from_the_log(data_sets: Path, presentation: str, length: int, aims: dict[int, float]) -> None:
    """Withdrawn or failed, of those still registered: ten folds within one presentation."""
    from lightgbm import LGBMClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    oulad = example("oulad")
    definitions = yaml.safe_load((EXAMPLES / "oulad.yaml").read_text(encoding="utf-8"))
    log = log_of(oulad.events(data_sets / "oulad", presentation))
    for day, aim in aims.items():
        moment = oulad.moment(presentation, day)
        made = dataset(log, definitions, "withdrawn_or_failed", at=[moment], horizon=f"{length - day - 0.5}d")
        assert not made.report["knows_the_label"]
        frame = made.table.to_pandas().drop(columns=["key", "at"])
        y = frame.pop("label")
        for column in frame.select_dtypes(exclude="number"):
            frame[column] = frame[column].astype("category")
        model = LGBMClassifier(
            n_estimators=150, learning_rate=0.03, num_leaves=8, min_child_samples=20, subsample=0.7, subsample_freq=1,
            colsample_bytree=0.4, reg_lambda=5, n_jobs=1, verbose=-1, random_state=0,
        )  # fmt: skip
        folds = StratifiedKFold(10, shuffle=True, random_state=0)
        told = cross_val_predict(model, frame, y, cv=folds, method="predict_proba")[:, 1]
        assert roc_auc_score(y, told) >= aim, day
