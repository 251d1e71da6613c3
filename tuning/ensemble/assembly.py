"""From stored members and weights to the model that is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.blob import from_bytes
from analytics.models.conformal import Intervals, PredictionSets
from analytics.models.encoding import Encoding
from analytics.models.ensemble import Calibration, Ensemble, Member
from analytics.models.freeze import from_hist
from analytics.models.table import Scale, TableModel
from tuning.data.preparation import Prepared
from tuning.ensemble.selection import Cost, calibrate
from tuning.fitting.recipes import encoding_key
from tuning.search.trials import Entry, Trials

F64 = npt.NDArray[np.float64]
FEWEST_FOR_SETS = 100
"""Rows below which no conformal level is promised."""
_BACKGROUND = 40


def cost_of(entry: Entry, trials: Trials, copies: int = 1) -> Cost:
    """What an entry's serving members cost, ``copies`` times over (repeats), with those that it stands on."""
    parts: dict[str, tuple[int, float]] = {}
    for part in (*trials.below(entry), entry):
        serving = [part.splits[split] for split in trials.parts.serving]
        size = max(f.size for f in serving)
        nodes = max(f.nodes for f in serving)
        # Cold caches included: a forest of 10^5 nodes takes a tenth of a millisecond.
        row_ms = {"neighbours": 0.03 + size / 3e6, "custom": 0.3}.get(part.candidate.kind, 0.015 + nodes * 1e-6)
        key = encoding_key(part.candidate.kind, part.candidate.params)
        view_ms = 0.015 if key.startswith("trees") else 0.05
        n = copies * len(serving)
        parts[f"member {part.number}"] = (copies * sum(f.size for f in serving), n * row_ms)
        parts[f"view {key}"] = (0, n * view_ms)
    return Cost(parts)


def ensemble_of(sources: Sequence[tuple[Trials, Mapping[int, float]]]) -> Ensemble:
    """The weighted members of all serving splits of all sources (repeats), each source weighing the same, and those that
    others stand on.

    Members that see a split through equal views share one.
    """
    views: list[Encoding] = []
    place: dict[tuple[str, str, int], int] = {}
    members: list[Member] = []
    below: dict[tuple[tuple[int, ...], ...], int] = {}
    for trials, weights in sources:
        at: dict[int, tuple[int, ...]] = {}
        for entry in trials.with_below(weights):
            groups = tuple(at[e.number] for e in trials.below(entry))
            layer = below.setdefault(groups, len(below)) if groups else -1
            at[entry.number] = tuple(range(len(members), len(members) + len(trials.parts.serving)))
            for split in trials.parts.serving:
                stored: Ensemble = from_bytes(trials.store.blob(trials.job(entry, split).name))
                key = (encoding_key(entry.candidate.kind, entry.candidate.params), trials.parts.name, split)
                if key not in place:
                    place[key] = len(views)
                    views.append(stored.views[0])
                share = weights.get(entry.number, 0.0) / len(trials.parts.serving) / len(sources)
                members.append(Member(place[key], stored.members[0].model, share, layer))
    return Ensemble(views, members, below=tuple(below))


def mean_cross_validated(sources: Sequence[tuple[Trials, Mapping[int, float]]]) -> F64:
    """The ensemble's predictions for rows that its members have not seen, averaged over repeats on the same rows."""
    total: Any = 0.0
    for trials, weights in sources:
        total = total + sum(w * trials.cross_validated(trials.entries[n]) for n, w in weights.items()) / len(sources)
    return np.asarray(total, np.float64)


def finish_model(
    prepared: Prepared,
    target: str,
    sources: Sequence[tuple[Trials, Mapping[int, float]]],
    *,
    seed: int,
    calibrated: bool = True,
) -> TableModel:
    """Ensemble, calibration and conformal piece, fitted on cross-validated predictions of rows that ``sources`` judged."""
    ensemble = ensemble_of(sources)
    rows, y = sources[0][0].judged, sources[0][0].y
    seen = mean_cross_validated(sources)
    ensemble.calibration = calibrate(seen, y, prepared.classes) if calibrated else Calibration()
    seen = ensemble.calibration(seen)
    chosen = np.random.default_rng(seed).permutation(len(prepared.x))[:_BACKGROUND]
    model = TableModel(
        prepared.target.problem, target, list(prepared.target.classes), prepared.schema, ensemble,
        np.ascontiguousarray(prepared.x[np.sort(chosen)]),
    )  # fmt: skip
    if prepared.skewed:
        model.least = 0.0
    if len(y) >= FEWEST_FOR_SETS:
        from threadpoolctl import threadpool_limits

        some = np.sort(np.random.default_rng(seed).permutation(len(y))[:20_000])
        if prepared.classes:
            table = np.column_stack([1 - seen, seen]) if prepared.classes == 2 else seen
            model.sets = PredictionSets().fit(table[some], y[some].astype(np.int64))
        else:
            features = prepared.x[rows[some]].astype(np.float64)
            with threadpool_limits(1):  # OpenMP's threads spin against the workers'
                model.intervals = storable(Intervals().fit(features, seen[some, 0], y[some], seed=seed))
    return model


def storable(intervals: Intervals) -> Intervals:
    """Its model of the local scale as plain arrays."""
    if intervals.scale is not None:
        width = int(intervals.scale.n_features_in_)
        intervals.scale = Scale(from_hist(intervals.scale, 0, width))
    return intervals
