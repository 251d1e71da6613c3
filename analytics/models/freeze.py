"""From a fitted scikit-learn or LightGBM estimator to the member that is stored and served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.members import Linear, Model, Neural, Wrapped
from analytics.models.trees import LEVELS, Link, Tree, TreeEnsemble, flatten


def freeze(estimator: Any, classes: int, features: int) -> Model:
    """``classes`` is 0 for regression. An estimator that is not known here is kept as it is (``Wrapped``).

    Classes must be encoded 0..K-1 and all of them have been in the training rows; else a ``ValueError``.
    """
    kind = type(estimator).__name__
    if classes and not np.array_equal(np.asarray(getattr(estimator, "classes_", range(classes))), np.arange(classes)):
        return Wrapped(estimator, classes)
    if kind in ("LGBMClassifier", "LGBMRegressor"):
        return from_lightgbm(estimator.booster_.model_to_string(), classes, features)
    if kind in _FORESTS:
        return from_forest(estimator, classes, features)
    if kind in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
        return from_hist(estimator, classes, features)
    if kind in ("LogisticRegression", "Ridge", "ElasticNet", "Lasso", "LinearRegression"):
        weights = np.atleast_2d(estimator.coef_).T.astype(np.float64)
        return Linear(weights, np.atleast_1d(estimator.intercept_).astype(np.float64), link_of(classes))
    if kind in ("MLPClassifier", "MLPRegressor") and estimator.activation == "relu":
        weights = [np.asarray(w, np.float64) for w in estimator.coefs_]
        return Neural(weights, [np.asarray(b, np.float64) for b in estimator.intercepts_], link_of(classes))
    return Wrapped(estimator, classes)


_FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")


def link_of(classes: int) -> Link:
    return "identity" if classes == 0 else "sigmoid" if classes == 2 else "softmax"


def from_forest(forest: Any, classes: int, features: int) -> TreeEnsemble:
    """The mean of the trees' leaf values or class shares."""
    trees: list[Tree] = []
    tables: list[Any] = []
    slots = 0
    for member in forest.estimators_:
        tree = member.tree_
        left = np.asarray(tree.children_left, np.int32)
        leaves = np.flatnonzero(left < 0)
        leaf = np.full(len(left), -1, np.int32)
        leaf[leaves] = np.arange(slots, slots + len(leaves))
        shares = np.asarray(tree.value[:, 0, :])
        if classes:
            shares = shares / shares.sum(axis=1, keepdims=True)
        value = shares[:, 1] if classes == 2 else shares[:, 0]
        if classes > 2:
            tables.append(shares[leaves])
            slots += len(leaves)
        trees.append(
            Tree(
                left,
                np.asarray(tree.children_right, np.int32),
                np.asarray(tree.feature, np.int32),
                np.asarray(tree.threshold, np.float64),
                np.asarray(tree.missing_go_to_left, np.bool_),
                leaf,
                value,
            )
        )
    return flatten(
        trees,
        column=np.zeros(len(trees), np.int32),
        outputs=max(1, classes if classes > 2 else 1),
        features=features,
        link="identity",
        values=np.concatenate(tables) if tables else None,
        scale=1.0 / len(trees),
    )


def from_hist(model: Any, classes: int, features: int) -> TreeEnsemble:
    """Histogram gradient boosting without categorical splits."""
    trees: list[Tree] = []
    columns: list[int] = []
    for stage in model._predictors:
        for k, predictor in enumerate(stage):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            trees.append(
                Tree(
                    np.where(leaf, -1, nodes["left"]).astype(np.int32),
                    nodes["right"].astype(np.int32),
                    nodes["feature_idx"].astype(np.int32),
                    nodes["num_threshold"].astype(np.float64),
                    nodes["missing_go_to_left"].astype(bool),
                    np.full(len(nodes), -1, np.int32),
                    nodes["value"].astype(np.float64),
                )
            )
            columns.append(k)
    shift = np.asarray(model._baseline_prediction, np.float64).ravel()
    return flatten(
        trees,
        column=np.array(columns, np.int32),
        outputs=len(shift),
        features=features,
        link=link_of(classes),
        shift=shift,
    )


def from_lightgbm(
    text: str, classes: int, features: int, shift: npt.NDArray[np.float64] | float = 0.0, link: Link | None = None
) -> TreeEnsemble:
    """A booster's text (``model_to_string``) without linear splits; ``shift`` is added to what its trees sum up to.

    ``decision_type``: bit 0 categorical, bit 1 missing goes left, bits 2-3 what is missing (0 nothing: NaN counts as 0).
    """
    outputs = classes if classes > 2 else 1
    trees: list[Tree] = []
    for block in text.split("\nTree=")[1:]:
        fields = dict(line.split("=", 1) for line in block.split("\n\n")[0].splitlines() if "=" in line)
        trees.append(_boosted(fields))
    return flatten(
        trees,
        column=(np.arange(len(trees)) % outputs).astype(np.int32),
        outputs=outputs,
        features=features,
        link=link or link_of(classes),
        shift=shift,
    )


def _boosted(fields: Mapping[str, str]) -> Tree:
    value = np.array(fields["leaf_value"].split(), np.float64)
    inner = int(fields["num_leaves"]) - 1
    value = value[: inner + 1]
    left, right, feature, threshold, decision = (
        np.array(fields.get(name, "").split(), np.float64)
        for name in ("left_child", "right_child", "split_feature", "threshold", "decision_type")
    )
    kinds = decision.astype(np.int64)
    goes_left = np.where((kinds >> 2) & 3 == 0, threshold >= 0.0, (kinds & 2) > 0)
    child = [np.where(c < 0, inner + ~c.astype(np.int64), c).astype(np.int32) for c in (left, right)]
    end = np.full(inner + 1, -1, np.int32)
    return Tree(
        np.concatenate([child[0], end]).astype(np.int32),
        np.concatenate([child[1], end]).astype(np.int32),
        np.concatenate([feature.astype(np.int32), end]).astype(np.int32),
        np.concatenate([threshold, np.zeros(inner + 1)]),
        np.concatenate([goes_left.astype(bool), np.zeros(inner + 1, bool)]),
        np.full(2 * inner + 1, -1, np.int32),
        np.concatenate([np.zeros(inner), value]),
        np.concatenate([_levels(fields, kinds & 1 > 0, threshold), np.zeros(inner + 1, np.uint32)]),
    )


def _levels(
    fields: Mapping[str, str], categorical: npt.NDArray[np.bool_], threshold: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint32]:
    """A categorical split's threshold is the number of its set, whose words in ``cat_threshold`` ``cat_boundaries`` tell."""
    found = np.zeros(len(threshold), np.uint32)
    if not categorical.any():
        return found
    bounds = np.array(fields["cat_boundaries"].split(), np.int64)
    words = np.array(fields["cat_threshold"].split(), np.uint64).astype(np.uint32)
    if (np.diff(bounds) != 1).any():
        raise ValueError(f"a booster that splits a category of more than {LEVELS} codes cannot be stored")
    found[categorical] = words[bounds[threshold[categorical].astype(np.int64)]]
    return found
