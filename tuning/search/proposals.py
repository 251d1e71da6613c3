"""What to try next: the portfolio, then Optuna's sampler within the kind of model that pays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tuning.candidates import SPACES, Between, Candidate, OneOf, Params, Space


class Proposer:
    """Asked for candidates and told their gains (more is better). The same seed and the same tellings in the same order
    give the same candidates."""

    def __init__(
        self, first: Sequence[Candidate], kinds: Sequence[str], seed: int, spaces: Mapping[str, Space] = SPACES
    ) -> None:
        self._first = list(first)
        self._spaces = {kind: spaces[kind] for kind in kinds if spaces.get(kind)}
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._studies: dict[str, Any] = {}
        self._asked: dict[str, Any] = {}
        self._seen: set[str] = {c.key for c in first}

    def ask(self, value: Mapping[str, float], fits: Callable[[Candidate], bool] = lambda _: True) -> Candidate | None:
        """The next candidate; None where nothing is left to try. ``value`` is how much a kind is worth trying (0: never).

        Of the first ones those are passed over for good that do not ``fits``.
        """
        while self._first:
            candidate = self._first.pop(0)
            if fits(candidate):
                return candidate
        kinds = [kind for kind in self._spaces if value.get(kind, 0.0) > 0]
        if not kinds:
            return None
        weights = np.array([value[kind] for kind in kinds])
        for _ in range(20):
            kind = kinds[int(self._rng.choice(len(kinds), p=weights / weights.sum()))]
            trial = self._study(kind).ask({n: _distribution(r) for n, r in self._spaces[kind].items()})
            candidate = Candidate(kind, _rounded(trial.params), "search")
            if candidate.key not in self._seen:
                self._seen.add(candidate.key)
                self._asked[candidate.key] = trial
                return candidate
            self._study(kind).tell(trial, state=_state("FAIL"))
        return None

    def tell(self, candidate: Candidate, gain: float | None) -> None:
        """Take in the gain of a candidate that was asked for; ``None`` for one that failed or was stopped early."""
        trial = self._asked.pop(candidate.key, None)
        if trial is not None:
            study = self._study(candidate.kind)
            study.tell(trial, gain) if gain is not None else study.tell(trial, state=_state("FAIL"))
        elif gain is not None:
            self.know(candidate, gain)

    def know(self, candidate: Candidate, gain: float) -> None:
        """Take in a result that was not asked for, from the portfolio or from an earlier run."""
        self._seen.add(candidate.key)
        space = self._spaces.get(candidate.kind)
        if space is None or set(candidate.params) != set(space):
            return
        import optuna

        params = {n: v for n, v in candidate.params.items() if _inside(space[n], v)}
        if len(params) == len(space):
            distributions = {n: _distribution(r) for n, r in space.items()}
            trial = optuna.trial.create_trial(params=params, distributions=distributions, value=gain)
            self._study(candidate.kind).add_trial(trial)

    def _study(self, kind: str) -> Any:
        if kind not in self._studies:
            import warnings

            import optuna

            optuna.logging.set_verbosity(optuna.logging.ERROR)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is experimental in Optuna is ours to know
                sampler = optuna.samplers.TPESampler(
                    seed=self._seed + len(self._studies), n_startup_trials=4, multivariate=True, constant_liar=True
                )
            self._studies[kind] = optuna.create_study(direction="maximize", sampler=sampler)
        return self._studies[kind]


def _state(name: str) -> Any:
    import optuna

    return optuna.trial.TrialState[name]


def _distribution(place: Between | OneOf) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(place, OneOf):
        return CategoricalDistribution(tuple(dict.fromkeys(place.choices)))
    if place.whole:
        return IntDistribution(int(place.low), int(place.high), log=place.log)
    return FloatDistribution(place.low, place.high, log=place.log)


def _inside(place: Between | OneOf, value: Any) -> bool:
    return value in place.choices if isinstance(place, OneOf) else place.low <= float(value) <= place.high


def _rounded(params: Mapping[str, Any]) -> Params:
    """Four digits are plenty, and read well."""
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in params.items()}
