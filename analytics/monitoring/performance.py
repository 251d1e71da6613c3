"""What a model was asked and what it answered: the part of its performance that needs no outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.monitoring.profile import Profile, place


class PerformanceTracker:
    """Quality of the rows and spread of the answers. ``expect`` gives it the profile of a model's training rows."""

    __slots__ = ("_profiles",)

    def __init__(self) -> None:
        self._profiles: dict[str, Profile] = {}

    def expect(self, model_id: str, profile: Profile) -> None:
        """What the training rows of a model looked like."""
        self._profiles[model_id] = profile

    def track(
        self, model_id: str, predictions: npt.NDArray[Any], data: Mapping[str, npt.NDArray[Any]]
    ) -> dict[str, Any]:
        """``rows``; of the predictions ``mean``, ``quantiles`` (0.05, 0.5, 0.95) or the ``shares`` of classes; of each
        column that is worse than in training ``missing`` (share), ``unseen`` (share of values that training never had).
        """
        found: dict[str, Any] = {"rows": len(predictions), **_spread(np.asarray(predictions))}
        missing: dict[str, float] = {}
        unseen: dict[str, float] = {}
        for name, column in self._profiles.get(model_id, {}).items():
            if name not in data:
                continue
            places = [place(column, value) for value in np.asarray(data[name]).tolist()]
            last = len(column["counts"]) - 1
            share = places.count(last) / max(1, len(places))
            if share > column["counts"][last] / max(1, sum(column["counts"])):
                missing[name] = share
            if "levels" in column and (other := places.count(last - 1)):
                unseen[name] = other / len(places)
        return {**found, "missing": missing, "unseen": unseen}


def _spread(predictions: npt.NDArray[Any]) -> dict[str, Any]:
    if predictions.dtype.kind in "biuf":
        known = predictions[np.isfinite(predictions.astype(np.float64))].astype(np.float64)
        if not len(known):
            return {"mean": None, "quantiles": {}}
        at: Sequence[float] = (0.05, 0.5, 0.95)
        quantiles = dict(zip(map(str, at), np.quantile(known, at).tolist(), strict=True))
        return {"mean": float(known.mean()), "quantiles": quantiles}
    names, counts = np.unique(predictions.astype(str), return_counts=True)
    return {"shares": dict(zip(names.tolist(), (counts / len(predictions)).tolist(), strict=True))}
