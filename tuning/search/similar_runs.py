"""Which earlier runs were of similar data, and what did best there: candidates to try first.

Tables are compared by simple meta-features and landmarks (Feurer, Springenberg, Hutter, AAAI 2015; landmarks: Pfahringer,
Bensusan, Giraud-Carrier, ICML 2000). Each one is scaled by a fixed range, not by the runs at hand: a handful of runs has no
spread worth the name. The distance is the mean absolute difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tuning.candidates import SPACES, Candidate, OneOf
from tuning.data.leakage import skill_of
from tuning.data.preparation import Prepared
from tuning.fitting.recipes import select
from tuning.report import Note, Report, read_report

NEAREST = 5
"""Neighbours that are listened to, at most."""
MOST = 6
"""Candidates that are proposed, at most."""
FAR = 0.125
"""A distance from which on tables have too little in common: as if one of eight features were at its range's other end."""
_LANDMARK_ROWS, _LANDMARK_COLUMNS = 2000, 20


def meta_features(prepared: Prepared) -> dict[str, float]:
    """Describe the training rows by numbers within about 0..1.

    They are size, share of categories, share of gaps, classes, and the skill of simple models (landmarks).
    """
    rows = prepared.split.train
    x, y = prepared.x[rows], prepared.y[rows]
    some = np.linspace(0, len(rows) - 1, min(len(rows), _LANDMARK_ROWS)).astype(np.int64)
    code = [f.levels + 1 if f.kind == "category" else -1 for f in prepared.features]
    gaps = [np.mean(x[some, j] == c) if c >= 0 else np.mean(np.isnan(x[some, j])) for j, c in enumerate(code)]
    found = {
        "rows": np.log10(len(rows)) / 6.0,
        "columns": np.log10(1 + len(prepared.features)) / 4.0,
        "categories": float(np.mean([f.kind == "category" for f in prepared.features])),
        "missing": float(np.mean(gaps)),
        "classes": np.log10(max(1, prepared.classes)) / 2.0,
    }
    if prepared.classes:
        share = np.bincount(y.astype(np.int64), minlength=prepared.classes) / len(y)
        found["entropy"] = float(-(share * np.log(np.maximum(share, 1e-12))).sum() / np.log(prepared.classes))
    found |= _landmarks(prepared, some)
    return {name: round(float(value), 6) for name, value in found.items()}


def _landmarks(prepared: Prepared, some: npt.NDArray[np.int64]) -> dict[str, float]:
    """Skill (of squared errors, one half of the rows predicted from the other) of the best single column, and of a ridge
    regression on the best ones."""
    rows = prepared.split.train[some]
    y, classes = prepared.y[rows], prepared.classes
    best = select(prepared.x[rows], y, prepared.features, classes, _LANDMARK_COLUMNS)
    x = np.nan_to_num(prepared.x[rows][:, best].astype(np.float64), posinf=0.0, neginf=0.0)
    half = np.arange(len(rows)) % 2 == 0
    single = 0.0
    for column in x.T:
        edges = np.unique(np.quantile(column, np.arange(1, 10) / 10))
        single = max(single, skill_of(np.searchsorted(edges, column).astype(np.int64), y, half, classes))
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-12)
    target = (y[:, None] == np.arange(classes)).astype(np.float64) if classes else y[:, None]
    target = target - target.mean(axis=0)
    left = base = 0.0
    for part in (half, ~half):
        inner = x[~part].T @ x[~part] + 10.0 * np.eye(x.shape[1])
        weights = np.linalg.solve(inner, x[~part].T @ target[~part])
        left += float(((target[part] - x[part] @ weights) ** 2).sum())
        base += float((target[part] ** 2).sum())
    return {"best column": single, "ridge": max(0.0, 1.0 - left / base) if base > 0 else 0.0}


def distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The mean absolute difference of the features that both have; 1 where they have none in common."""
    both = sorted(one.keys() & other.keys())
    return float(np.mean([abs(one[name] - other[name]) for name in both])) if both else 1.0


@dataclass(frozen=True)
class SimilarRun:
    """An earlier run, how far its data are from these, and its candidates, best first."""

    folder: Path
    name: str
    distance: float
    candidates: tuple[Candidate, ...]


def earlier(folders: Iterable[Path]) -> list[tuple[Path, Report]]:
    """The readable results in the folders, and in the folders directly in them, in the order of their paths."""
    patterns = ("result.json", "*/result.json")
    paths = sorted({path.resolve() for folder in folders for like in patterns for path in folder.glob(like)})
    found: list[tuple[Path, Report]] = []
    for path in paths:
        try:
            found.append((path.parent, read_report(path)))
        except ValueError:
            continue  # another version's, or half of one: a hint less
    return found


def similar_to(
    meta: Mapping[str, float],
    runs: Sequence[tuple[Path, Report]],
    *,
    problem: str,
    data_hash: str,
    seed: int,
    kinds: Sequence[str],
) -> list[SimilarRun]:
    """The nearest runs of the same problem. One on the same data with another seed is left out: what did best there was
    chosen on rows that are this run's holdout."""
    found: list[SimilarRun] = []
    for folder, report in runs:
        same_rows_apart = report.hashes.data == data_hash and report.run.seed != seed
        if report.problem != problem or not report.meta or same_rows_apart:
            continue
        apart = distance(meta, report.meta)
        best = candidates_of(report, kinds)
        if apart < FAR and best:
            found.append(SimilarRun(folder, report.data.name, apart, best))
    return sorted(found, key=lambda similar: similar.distance)[:NEAREST]


def candidates_of(report: Report, kinds: Sequence[str]) -> tuple[Candidate, ...]:
    """A run's finished candidates, best first; those outside of today's spaces are passed over."""
    sign = 1.0 if report.definition(report.metric).greater_is_better else -1.0
    scored = [(sign * t.score, t) for t in report.history if t.state == "finished" and t.score is not None]
    made: dict[str, Candidate] = {}
    for _, trial in sorted(scored, key=lambda one: -one[0]):
        params = {name: value for name, value in trial.params.items() if value is not None}
        if trial.model in kinds and _inside(trial.model, params):
            candidate = Candidate(trial.model, params, "warm start")
            made.setdefault(candidate.key, candidate)
    return tuple(made.values())


def _inside(kind: str, params: Mapping[str, object]) -> bool:
    space = SPACES[kind]
    if set(params) != set(space):
        return False
    for name, place in space.items():
        value = params[name]
        if isinstance(place, OneOf):
            if value not in place.choices:
                return False
        elif not isinstance(value, (int, float)) or not place.low <= value <= place.high:
            return False
    return True


def proposals(similar: Sequence[SimilarRun], most: int = MOST) -> tuple[Candidate, ...]:
    """The best of each run in turn, the nearest run's first, then the second best of each."""
    found: dict[str, Candidate] = {}
    for turn in range(max((len(one.candidates) for one in similar), default=0)):
        for one in similar:
            if turn < len(one.candidates) and len(found) < most:
                found.setdefault(one.candidates[turn].key, one.candidates[turn])
    return tuple(found.values())


def said(similar: Sequence[SimilarRun], tried: int) -> Note:
    """A sentence that says which earlier runs gave candidates."""
    names = ", ".join(f"{one.name!r} ({one.folder.name}, distance {one.distance:.2f})" for one in similar)
    return Note(code="warm-start", text=f"{tried} candidates come first that did best on similar data: {names}.")
