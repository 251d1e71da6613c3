"""What can be tried: kinds of models, where their parameters lie, and the portfolio that is tried before any search.

The portfolio's settings are common ones of the field (the libraries' defaults, regularised and randomised variants, as in
the zero-shot portfolios of Erickson et al. 2020 and Salinas and Erickson 2023), in an order that brings different kinds
of models early; none was fitted to a data set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Value = str | int | float | bool
Params = dict[str, Value]


@dataclass(frozen=True)
class Between:
    """A range of numbers, of whole ones if ``whole``."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class OneOf:
    choices: tuple[Value, ...]


Space = Mapping[str, Between | OneOf]


@dataclass(frozen=True)
class Candidate:
    """A kind with its parameters. ``key`` names it across runs."""

    kind: str
    params: Params = field(default_factory=dict[str, Value])
    origin: Literal["baseline", "portfolio", "warm start", "search", "custom", "second layer"] = "search"

    @property
    def key(self) -> str:
        text = json.dumps([self.kind, sorted(self.params.items())], sort_keys=True)
        return f"{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


STACKED = "stacked"
"""A kind that is not searched for: it stands on the members that the search ended with."""
POSITIVE = ("glm", "tweedie")
"""Kinds for means of skewed values that are never negative: a linear model and boosted trees with a log link."""
KINDS = ("linear", "lightgbm", "hist_boosting", "extra_trees", "random_forest", "network", "neighbours", *POSITIVE)
_KEEP = Between(0.3, 1.0)
"""Share of the features that the split's own selection keeps."""

_POWER = Between(1.05, 1.95)
"""Of the mean, as which the errors' variance grows: 1 as counts, 2 as what is off by a share of itself."""

_BOOSTED: Space = {
    "learning_rate": Between(0.01, 0.15, log=True),
    "num_leaves": Between(4, 160, log=True, whole=True),
    "min_child_samples": Between(2, 120, log=True, whole=True),
    "feature_fraction": Between(0.3, 1.0),
    "bagging_fraction": Between(0.5, 1.0),
    "lambda_l2": Between(1e-3, 50.0, log=True),
}

SPACES: dict[str, Space] = {
    "lightgbm": {
        **_BOOSTED,
        "lambda_l1": Between(1e-3, 10.0, log=True),
        "extra_trees": OneOf((False, True)),
        "newton": OneOf((True, False)),
        "native": OneOf((True, False)),
        "keep": _KEEP,
    },
    "hist_boosting": {
        "learning_rate": Between(0.02, 0.2, log=True),
        "max_leaf_nodes": Between(4, 100, log=True, whole=True),
        "min_samples_leaf": Between(4, 100, log=True, whole=True),
        "l2_regularization": Between(1e-3, 30.0, log=True),
        "max_features": Between(0.3, 1.0),
    },
    "linear": {
        "strength": Between(1e-4, 30.0, log=True),
        "l1_ratio": OneOf((0.0, 0.0, 0.5, 1.0)),
        "knots": OneOf((0, 3, 6, 10)),
        "keep": _KEEP,
    },
    "extra_trees": {
        "min_samples_leaf": Between(1, 30, log=True, whole=True),
        "max_features": Between(0.1, 1.0),
        "entropy": OneOf((False, True)),
        "keep": _KEEP,
    },
    "random_forest": {
        "min_samples_leaf": Between(1, 30, log=True, whole=True),
        "max_features": Between(0.1, 0.8),
        "entropy": OneOf((False, True)),
        "keep": _KEEP,
    },
    "network": {
        "width": Between(16, 128, log=True, whole=True),
        "layers": Between(1, 3, whole=True),
        "alpha": Between(1e-5, 1.0, log=True),
        "learning_rate": Between(3e-4, 1e-2, log=True),
        "knots": OneOf((0, 4)),
        "keep": _KEEP,
    },
    "neighbours": {"k": Between(5, 100, log=True, whole=True), "keep": _KEEP},
    "glm": {
        "strength": Between(1e-4, 30.0, log=True),
        "power": _POWER,
        "knots": OneOf((0, 3, 6)),
        "keep": _KEEP,
    },
    "tweedie": {
        **_BOOSTED,
        "power": _POWER,
        "native": OneOf((True, False)),
        "keep": _KEEP,
    },
}


def _boost(
    rate: float, leaves: int, least: int, columns: float, rows: float, l2: float, *, extra: bool = False,
    newton: bool = True, native: bool = True,
) -> Params:  # fmt: skip
    """``newton``: splits and leaves by second derivatives, too; ``native``: sets of levels are split, not ranks."""
    return {
        "learning_rate": rate,
        "num_leaves": leaves,
        "min_child_samples": least,
        "feature_fraction": columns,
        "bagging_fraction": rows,
        "lambda_l2": l2,
        "lambda_l1": 0.001,
        "extra_trees": extra,
        "newton": newton,
        "native": native,
        "keep": 1.0,
    }


def _tweedie(rate: float, leaves: int, least: int, power: float) -> Params:
    return {
        "learning_rate": rate,
        "num_leaves": leaves,
        "min_child_samples": least,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "lambda_l2": 1.0,
        "power": power,
        "native": True,
        "keep": 1.0,
    }


_SETTINGS: tuple[tuple[str, Params], ...] = (
    ("lightgbm", _boost(0.05, 31, 20, 0.8, 0.8, 1.0)),
    ("glm", {"strength": 0.1, "power": 1.5, "knots": 0, "keep": 1.0}),
    ("linear", {"strength": 0.1, "l1_ratio": 0.0, "knots": 6, "keep": 1.0}),
    ("tweedie", _tweedie(0.05, 8, 20, 1.2)),
    ("extra_trees", {"min_samples_leaf": 2, "max_features": 0.5, "entropy": True, "keep": 1.0}),
    ("lightgbm", _boost(0.05, 8, 30, 0.5, 0.8, 5.0, native=False)),
    ("lightgbm", _boost(0.05, 48, 10, 0.9, 0.9, 1.0, extra=True)),
    ("random_forest", {"min_samples_leaf": 2, "max_features": 0.3, "entropy": True, "keep": 1.0}),
    ("network", {"width": 64, "layers": 2, "alpha": 0.01, "learning_rate": 0.002, "knots": 0, "keep": 1.0}),
    ("glm", {"strength": 0.1, "power": 1.5, "knots": 6, "keep": 1.0}),
    ("linear", {"strength": 1.0, "l1_ratio": 0.0, "knots": 0, "keep": 1.0}),
    ("tweedie", _tweedie(0.05, 31, 20, 1.5)),
    ("lightgbm", _boost(0.03, 96, 5, 0.9, 0.9, 1.0, native=False)),
    ("lightgbm", _boost(0.05, 31, 5, 0.8, 0.7, 1.0, newton=False)),
    ("extra_trees", {"min_samples_leaf": 1, "max_features": 1.0, "entropy": False, "keep": 1.0}),
    ("hist_boosting", {"learning_rate": 0.06, "max_leaf_nodes": 16, "min_samples_leaf": 20, "l2_regularization": 3.0,
      "max_features": 0.5}),
    ("neighbours", {"k": 15, "keep": 1.0}),
    ("lightgbm", _boost(0.08, 4, 40, 0.4, 0.7, 10.0)),
    ("lightgbm", _boost(0.05, 12, 5, 0.6, 0.7, 1.0, newton=False, native=False)),
    ("random_forest", {"min_samples_leaf": 8, "max_features": 0.5, "entropy": False, "keep": 1.0}),
    ("glm", {"strength": 0.01, "power": 1.8, "knots": 3, "keep": 1.0}),
    ("linear", {"strength": 0.01, "l1_ratio": 0.0, "knots": 10, "keep": 1.0}),
    ("network", {"width": 32, "layers": 1, "alpha": 0.3, "learning_rate": 0.004, "knots": 4, "keep": 1.0}),
)  # fmt: skip
PORTFOLIO: tuple[Candidate, ...] = tuple(Candidate(kind, params, "portfolio") for kind, params in _SETTINGS)


def second_layer(on: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Boosted trees that are shown what the candidates ``on`` predict, besides the rows."""
    keys = ",".join(sorted(candidate.key for candidate in on))
    settings = (
        _boost(0.05, 31, 20, 0.8, 0.8, 1.0, native=False),
        _boost(0.03, 8, 30, 0.5, 0.8, 5.0, native=False),
        _boost(0.05, 48, 10, 0.9, 0.9, 1.0, extra=True),
    )
    return tuple(Candidate(STACKED, {**params, "on": keys}, "second layer") for params in settings)


_SLOW = ("random_forest", "extra_trees", "network")
MANY_ROWS = 15_000


def portfolio(kinds: Sequence[str], rows: int = 0) -> tuple[Candidate, ...]:
    """The portfolio's candidates of these kinds; with many rows those come last whose fits are slow."""
    chosen = [c for c in PORTFOLIO if c.kind in kinds]
    return tuple(sorted(chosen, key=lambda c: rows > MANY_ROWS and c.kind in _SLOW))


def unknown_kinds(kinds: Sequence[Any]) -> list[str]:
    return sorted({str(kind) for kind in kinds} - set(KINDS))
