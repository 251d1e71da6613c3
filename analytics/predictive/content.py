"""Which content for whom: what each variant brings with each person, whether it helps, and what to show next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.arrays import Arrays
from analytics.models.explain import shapley
from analytics.models.schema import F32, Schema, WrongInput
from analytics.predictive.headlines import HeadlineModel
from analytics.predictive.model import Evidence, Input, Label, PredictiveModel, cases_of, inputs_of
from analytics.predictive.rates import wilson

F64 = npt.NDArray[np.float64]
DRAWS = 400
"""Draws from the posteriors by which the probability to be the best is told."""


@dataclass
class Responses:
    """The probability of a response to each variant: a logistic model of the person, the variant, and both together.

    ``weights`` is float64[features + variants + features·variants]. ``interaction`` scales what a variant does to single
    features: below 1 that is held near nothing, for most people respond to content as everybody does.
    """

    encoding: Any
    weights: F64
    bias: float
    interaction: float

    def predict(self, x: F32, variants: int) -> F64:
        """float64[rows, variants]."""
        shown = self.encoding.transform(x).astype(np.float64)
        k = shown.shape[1]
        base = shown @ self.weights[:k] + self.bias
        own = self.weights[k : k + variants]
        joint = self.weights[k + variants :].reshape(variants, k)
        raw = base[:, None] + own[None, :] + self.interaction * (shown @ joint.T)
        return 1.0 / (1.0 + np.exp(-np.clip(raw, -500.0, 500.0)))


@dataclass
class ContentOptimizationModel(PredictiveModel):
    """A case is a person's features (none where the experiment had none). Answered are the variant that is likeliest to get
    a response, its probability, and its ``uplift`` over ``control``.

    ``successes`` and ``trials`` are what was observed of each variant; Thompson sampling goes on from them (``choose``,
    ``updated``). ``headlines`` tells headlines apart that were never shown.
    """

    label: Label
    variants: list[str]
    control: str
    successes: F64
    trials: F64
    schema: Schema
    responses: Responses | None
    background: F32
    evidence: Evidence = field(default_factory=Evidence)
    observed: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    headlines: HeadlineModel | None = None
    name: str = "content_optimization"

    @property
    def inputs(self) -> list[Input]:
        return inputs_of(self.schema, {name: [v[0], v[-1]] for name, v in self.observed.items() if v})

    def probabilities(self, columns: Arrays, rows: int) -> F64:
        """float64[rows, variants] the probability of a response."""
        if self.responses is None:
            return np.tile((self.successes + 1) / (self.trials + 2), (rows, 1))
        return self.responses.predict(self.schema.matrix(columns), len(self.variants))

    def answer(self, columns: Arrays, rows: int, level: float) -> dict[str, npt.NDArray[Any]]:
        """``prediction`` is the probability of a response to ``content`` with its interval, ``uplift`` (with its own) how
        much above ``control``, ``probability_best`` how sure it is that no other variant is better."""
        p = self.probabilities(columns, rows)
        best = p.argmax(axis=1)
        at = np.arange(rows)
        low, high = self.bounds(p, level)
        control = self.variants.index(self.control)
        uplift = p[at, best] - p[:, control]
        # Newcombe's interval of a difference of two shares (Statistics in Medicine 1998, method 10).
        below = np.hypot(p[at, best] - low[at, best], high[:, control] - p[:, control])
        above = np.hypot(high[at, best] - p[at, best], p[:, control] - low[:, control])
        same = best == control
        sure = self.sureness(p)
        return {
            "content": np.array([*(self.variants[k] for k in best), None], object)[:-1],
            "prediction": p[at, best],
            "low": low[at, best],
            "high": high[at, best],
            "uplift": uplift,
            "uplift_low": np.where(same, 0.0, np.maximum(uplift - below, -1.0)),
            "uplift_high": np.where(same, 0.0, np.minimum(uplift + above, 1.0)),
            "probability_best": sure[at, best],
            **{f"probability_{name}": p[:, k] for k, name in enumerate(self.variants)},
        }

    def bounds(self, p: F64, level: float) -> tuple[F64, F64]:
        """Of each probability, as sure as a share among as many trials as stand behind it."""
        return wilson(p, np.broadcast_to(self.worth, p.shape), level)

    @property
    def worth(self) -> F64:
        """Trials that stand behind a probability: those of the variant, shared by the features that part the people."""
        return np.maximum(self.trials / (1 if self.responses is None else 1 + len(self.schema.used)), 1.0)

    def sureness(self, p: F64) -> F64:
        """float64[rows, variants]: the share of draws from the posteriors in which each variant is the best. Seeded."""
        generator = np.random.default_rng(0)
        n = np.broadcast_to(self.worth, p.shape)
        best = np.zeros(p.shape)
        for _ in range(DRAWS):
            drawn = generator.beta(p * n + 1, (1 - p) * n + 1)
            best[np.arange(len(p)), drawn.argmax(axis=1)] += 1
        return best / DRAWS

    def uplift(self, features: Any, variant: str | None = None) -> F64:
        """float64[n]: by how much ``variant`` raises the probability; without one all but the control, on average."""
        cases = cases_of(features)
        p = self.probabilities(cases.columns, cases.rows)
        control = self.variants.index(self.control)
        if variant is None:
            others = [k for k in range(len(self.variants)) if k != control]
            weight = self.trials[others] / max(self.trials[others].sum(), 1.0)
            return p[:, others] @ weight - p[:, control]
        return p[:, self._number(variant)] - p[:, control]

    def choose(self, features: Any, generator: np.random.Generator) -> Any:
        """Thompson sampling (Biometrika 1933): draw each variant's probability from its posterior, show the greatest.

        A name for one case, a list for many. The same generator state gives the same choices.
        """
        cases = cases_of(features) if not isinstance(features, dict) or features else None
        p = self.probabilities(cases.columns, cases.rows) if cases else self.probabilities({}, 1)
        n = np.broadcast_to(self.worth, p.shape)
        chosen = [self.variants[k] for k in generator.beta(p * n + 1, (1 - p) * n + 1).argmax(axis=1)]
        return chosen[0] if cases is None or cases.one else chosen

    def updated(self, variant: str, successes: float, trials: float) -> ContentOptimizationModel:
        """The model after so many further trials of a variant. Without person features what it says moves with them."""
        if not 0 <= successes <= trials:
            raise WrongInput("successes", f"0 to trials ({trials:g}) are possible, got {successes:g}")
        k = self._number(variant)
        more = np.eye(len(self.variants))[k]
        return replace(self, successes=self.successes + successes * more, trials=self.trials + trials * more)

    def compare_headlines(self, first: str | Sequence[str], second: str | Sequence[str]) -> Any:
        """The probability that ``first`` is clicked by a larger share than ``second``: a number, or float64[n] for lists."""
        one = isinstance(first, str)
        a, b = ([text] if isinstance(text, str) else list(text) for text in (first, second))
        found = self._headlines.compare(a, b)
        return float(found[0]) if one else found

    def rank_headlines(self, headlines: Sequence[str]) -> list[dict[str, Any]]:
        """Best first: ``{headline, score, probability_best}``, of one topic; against each other by pairs."""
        texts = list(headlines)
        score = self._headlines.score(texts)
        strength = np.exp(self._headlines.scale * (score - score.max()))
        order = np.argsort(-score, kind="stable")
        share = strength / strength.sum()
        return [{"headline": texts[i], "score": float(score[i]), "probability_best": float(share[i])} for i in order]

    @property
    def _headlines(self) -> HeadlineModel:
        if self.headlines is None:
            raise WrongInput("headline", "this model was trained without headline tests")
        return self.headlines

    def _number(self, variant: str) -> int:
        if variant not in self.variants:
            raise WrongInput("variant", f"there is no {variant[:40]!r}; there are {', '.join(self.variants)}")
        return self.variants.index(variant)

    def contributions(self, columns: Arrays, rows: int) -> list[dict[str, float]]:
        """Of the greatest probability of a response."""
        if self.responses is None:
            return [{} for _ in range(rows)]
        made = self.responses
        features = self.schema.features()
        players = {c.name: [str(j) for j, f in enumerate(features) if f.column == c.name] for c in self.schema.used}

        def predict(x: Any) -> F64:
            return made.predict(np.ascontiguousarray(x, np.float32), len(self.variants)).max(axis=1)

        why = shapley(predict, self.schema.matrix(columns), self.background, players=players)  # pyright: ignore[reportArgumentType]
        return [{n: float(v) for n, v in zip(why.names, row, strict=True)} for row in why.values]
