"""Training of the content model: from an experiment in which people were shown variants, and from tests of headlines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.encoding import fit_linear_encoding
from analytics.models.schema import F32, Feature, Schema, WrongInput, as_booleans, as_numbers, as_texts
from analytics.predictive.content import ContentOptimizationModel, Responses
from analytics.predictive.headlines import HeadlineModel
from analytics.predictive.model import LEVEL, Evidence, Label
from analytics.predictive.probability import observed_values
from analytics.predictive.rates import RateIntervals, groups_of
from tuning.data.column_types import schema_of
from tuning.data.tables import as_columns
from tuning.models.trained import Trained, in_one_thread

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
THRESHOLD = 0.0
"""Uplift of its own choices over the control that a model must be above to be registered."""
SETTINGS = ((0.3, 0.03), (0.1, 0.1), (1.0, 0.3))
"""Size of what a variant does to single features beside what it does to all, and the strength of the logistic model: the
first pair is taken unless another one has surely less loss in cross-validation."""
SHARE = 0.3
_FOLDS = 5
_LEAST = 50


@in_one_thread
def train_content_optimization(
    data: Any,
    *,
    variant: str = "variant",
    response: str = "response",
    control: str | None = None,
    ignore: Sequence[str] = (),
    headlines: HeadlineModel | None = None,
    horizon_days: float | None = None,
    min_score_threshold: float = THRESHOLD,
    seed: int = 0,
) -> Trained[ContentOptimizationModel]:
    """``data`` has one row a person of a randomised experiment: the ``variant`` shown, the ``response`` (yes or no), and
    features known before. ``control`` is the variant that uplift is counted from, by default the one shown most.

    The score is what its choices bring over the control (``policy_uplift``): the responses of those who happened to be shown
    what it would have chosen for them, without having seen them, less those to the control. Raises ``WrongInput`` for one
    variant only, or one that fewer than 50 people saw.
    """
    columns = as_columns(data)
    for name in (variant, response):
        if name not in columns:
            raise WrongInput(name, f"is not in the table; it has {', '.join(list(columns)[:12])}")
    shown = as_texts(columns[variant])
    answered = _yes(response, columns[response])
    if None in shown:
        raise WrongInput(variant, f"row {shown.index(None) + 1} says nothing: leave the row out")
    names, code = np.unique(np.array(shown, str), return_inverse=True)
    trials = np.bincount(code).astype(np.float64)
    if len(names) < 2:
        raise WrongInput(variant, f"has only {names[0]!r}: there is nothing to choose from")
    if trials.min() < _LEAST:
        few = str(names[int(trials.argmin())])
        raise WrongInput(variant, f"{few!r} was shown to {int(trials.min())} people, {_LEAST} at least are needed")
    plain = str(names[int(trials.argmax())]) if control is None else control
    if plain not in names:
        raise WrongInput("control", f"there is no variant {plain!r}; there are {', '.join(names)}")
    table = {name: values for name, values in columns.items() if name not in {variant, response, *ignore}}
    schema, notes = schema_of(table, apart={}) if table else (Schema([]), [])
    schema = Schema(schema.columns)
    x = schema.matrix(table) if schema.used else np.empty((len(code), 0), np.float32)
    made, crossed = None, np.tile((np.bincount(code, answered) / trials)[None, :], (len(code), 1))
    if schema.used:
        made, crossed = _responses(x, answered, code, len(names), schema.features(), seed)
    numbers = [c.name for c in schema.used if c.kind == "number"]
    model = ContentOptimizationModel(
        Label("response", "who responds to which variant", "policy_uplift", horizon_days),
        names.tolist(), plain, np.bincount(code, answered).astype(np.float64), trials, schema, made,
        x[np.sort(np.random.default_rng(seed).permutation(len(x))[:40])],
        observed=observed_values({n: next(c for c in schema.used if c.name == n).read(table[n]) for n in numbers}, numbers),
        headlines=headlines,
    )  # fmt: skip
    baseline = names.tolist().index(plain)
    others = [k for k in range(len(names)) if k != baseline]
    gain = crossed[:, others] @ (trials[others] / trials[others].sum()) - crossed[:, baseline]
    treated = code != baseline
    top = uplift_at(gain, answered, treated, SHARE)
    everybody = float(answered[treated].mean() - answered[~treated].mean())
    policy = policy_uplift(crossed, answered, code, trials / len(code), baseline)
    scores = {"policy_uplift": policy, "uplift_at_30": top, "uplift": everybody}
    p = crossed[np.arange(len(code)), code]
    groups = groups_of(x.astype(np.float64), p, answered, seed=seed)
    low, high = model.bounds(crossed, LEVEL)
    model.evidence = Evidence(
        rows=len(code), trained_on=len(code), scores=scores, level=LEVEL,
        coverage=RateIntervals(np.zeros(1), np.ones(1), float(model.worth.min())).coverage(groups, LEVEL),
        width=float((high - low)[np.arange(len(code)), code].mean()), importance=_importance(model, x),
        split="cross-validated by people", notes=[n.text for n in notes if n.severity != "info"],
    )  # fmt: skip
    used = {c.name: np.asarray(c.read(table[c.name])) for c in schema.used}
    return Trained(model, policy, min_score_threshold, None, used, p)


def policy_uplift(p: F64, answered: F64, code: I64, shares: F64, control: int) -> float:
    """Responses a person where each is shown the variant with the greatest ``p``, less those to ``control``.

    Told by those who were shown it by chance, each weighing one over the chance of that (Horvitz and Thompson 1952, with
    weights that add up to one).
    """
    chosen = p.argmax(axis=1)
    weight = np.where(code == chosen, 1.0 / shares[chosen], 0.0)
    if not weight.any():
        return 0.0
    return float((weight * answered).sum() / weight.sum() - answered[code == control].mean())


def uplift_at(gain: F64, answered: F64, treated: npt.NDArray[np.bool_], share: float) -> float:
    """The difference in responses between treated and others, within the ``share`` of each with the greatest ``gain``."""
    found: list[float] = []
    for group in (treated, ~treated):
        rows = np.flatnonzero(group)
        best = rows[np.argsort(-gain[rows], kind="stable")][: max(1, int(len(rows) * share))]
        found.append(float(answered[best].mean()))
    return found[0] - found[1]


def _yes(name: str, values: npt.NDArray[Any]) -> F64:
    if values.dtype.kind in "f":
        numbers = as_numbers(name, values)
        if not np.isin(numbers, (0.0, 1.0)).all():
            bad = int(np.flatnonzero(~np.isin(numbers, (0.0, 1.0)))[0])
            raise WrongInput(name, f"row {bad + 1} is neither 0 nor 1")
        return numbers
    told = as_booleans(name, values)
    if None in told:
        raise WrongInput(name, f"row {told.index(None) + 1} says nothing: leave the row out")
    return np.array([t == "true" for t in told], np.float64)


def _responses(
    x: F32, y: F64, code: I64, variants: int, features: Sequence[Feature], seed: int
) -> tuple[Responses, F64]:
    """Fitted to all rows, and what is said of each row, for every variant, by a fit that had not seen it."""
    if y.min() == y.max():
        raise WrongInput("response", "is the same for everybody: nothing can be learnt")
    part = np.empty(len(y), np.int64)
    rng = np.random.default_rng(seed)
    for k in range(variants):
        for value in (0.0, 1.0):
            rows = rng.permutation(np.flatnonzero((code == k) & (y == value)))
            part[rows] = np.arange(len(rows)) % _FOLDS
    best: tuple[F64, tuple[float, float], F64] | None = None
    for setting in SETTINGS:
        crossed = np.empty((len(y), variants))
        for fold in range(_FOLDS):
            rows, out = part != fold, part == fold
            made = _fitted(x[rows], y[rows], code[rows], variants, features, setting, seed)
            crossed[out] = made.predict(x[out], variants)
        p = crossed[np.arange(len(y)), code]
        loss = -(y * np.log(p) + (1 - y) * np.log(1 - p))
        if best is None or _surely_less(loss, best[0]):
            best = loss, setting, crossed
    assert best is not None
    return _fitted(x, y, code, variants, features, best[1], seed), best[2]


def _surely_less(loss: F64, best: F64) -> bool:
    """By two standard errors of the difference: uplift is small beside chance, and choosing by chance costs more of it."""
    apart = best - loss
    return float(apart.mean()) > 2.0 * float(apart.std()) / np.sqrt(len(apart))


def _fitted(
    x: F32, y: F64, code: I64, variants: int, features: Sequence[Feature], setting: tuple[float, float], seed: int
) -> Responses:
    from sklearn.linear_model import LogisticRegression

    interaction, strength = setting
    encoding, shown = fit_linear_encoding(x, y, features, np.arange(x.shape[1]), classes=2, seed=seed, knots=1)
    shown = shown.astype(np.float64)
    own = np.eye(variants)[code]
    joint = (own[:, :, None] * (interaction * shown[:, None, :])).reshape(len(y), -1)
    model: Any = LogisticRegression(C=strength, max_iter=300).fit(np.concatenate([shown, own, joint], axis=1), y)
    return Responses(encoding, model.coef_[0].astype(np.float64), float(model.intercept_[0]), interaction)


def _importance(model: ContentOptimizationModel, x: F32) -> dict[str, float]:
    """By how much the probabilities of a response move, on average over the variants, when a feature is shuffled."""
    if model.responses is None:
        return {}
    made, features = model.responses, model.schema.features()
    some = x[:: max(1, len(x) // 1000)]
    base = made.predict(some, len(model.variants))
    rng = np.random.default_rng(0)
    sums: dict[str, float] = {}
    for j, feature in enumerate(features):
        mixed = some.copy()
        mixed[:, j] = rng.permutation(mixed[:, j])
        moved = float(np.abs(made.predict(mixed, len(model.variants)) - base).mean())
        sums[feature.column] = sums.get(feature.column, 0.0) + moved
    return dict(sorted(sums.items(), key=lambda item: -item[1]))
