"""The report of a run: what was found, on rows that nothing was tuned on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.blob import sha256
from tuning import evaluation
from tuning.config import Config
from tuning.report import (
    Artifact,
    Baseline,
    Candidate,
    ClassCount,
    Column,
    Conformal,
    Data,
    Hashes,
    Report,
    Run,
    Score,
    Trial,
)
from tuning.report import Split as SplitPart
from tuning.run.importance import importance_of
from tuning.run.outcome import Outcome
from tuning.run.registration import registration
from tuning.search.trials import Entry

F64 = npt.NDArray[np.float64]
_WRITING_S, _LEAST_S = 0.5, 0.1
"""What of a budget is left for writing, and what the columns' importance takes however late it is."""


def holdout_scores(outcome: Outcome) -> tuple[Score, ...]:
    """Every score with its intervals, grouped rows counted as groups."""
    p = outcome.prepared
    groups, together = None, p.twins if p.groups is None else p.groups
    if together is not None:
        groups = np.unique(together[p.split.holdout].astype(str), return_inverse=True)[1].astype(np.int64)
    return evaluation.evaluate(
        p.target.problem, outcome.truth(), outcome.holdout, baseline=baseline_predictions(outcome), groups=groups
    )


def baseline_predictions(outcome: Outcome) -> F64:
    """Predictions for the holdout that look at no feature: the training rows' mean, or their shares of classes."""
    p = outcome.prepared
    y = p.y[p.split.train]
    n = len(p.split.holdout)
    if not p.classes:
        return np.full(n, y.mean())
    return np.tile(np.bincount(y.astype(np.int64), minlength=p.classes) / len(y), (n, 1))


def report_of(outcome: Outcome, config: Config, columns: Mapping[str, npt.NDArray[Any]], blob: bytes) -> Report:
    """The whole report; what costs time is cut to what is left of the budget."""
    p = outcome.prepared
    truth = outcome.truth()
    scores = holdout_scores(outcome)
    base = baseline_predictions(outcome)
    end = config.started + config.budget_s - _WRITING_S
    may_s = max(_LEAST_S, min(max(1.0, 0.04 * config.budget_s), end - time.monotonic()))
    left = may_s if config.trials is None else float("inf")
    importances, note = importance_of(outcome, left)
    binary = p.target.problem == "binary"
    names = list(p.target.classes)
    digest = sha256(blob)
    serious = [n for n in outcome.notes if n.severity != "info"]
    return Report(
        title=f"{config.name}: {config.target}",
        problem=p.target.problem,
        run=_run(outcome, config),
        data=_data(outcome, config, columns),
        split=SplitPart(
            kind=p.split.kind,
            column=config.time_col or config.group_col,
            holdout_rows=len(p.split.holdout),
            train_rows=len(p.split.train),
            folds=len(outcome.trials.parts.splits),
            description=p.split.text,
        ),
        columns=_columns(outcome, columns),
        metric=outcome.metric,
        metrics=tuple(evaluation.METRICS[s.metric] for s in scores),
        holdout=scores,
        baseline=Baseline(
            name="prior" if p.classes else "mean",
            description="the training rows' class shares for every row" if p.classes else "the training rows' mean",
            scores=evaluation.evaluate(p.target.problem, truth, base),
            skill=next((s.value for s in scores if s.metric == "skill"), None),
        ),
        leaderboard=_leaderboard(outcome),
        history=tuple(_trial(e, _sign(outcome.metric)) for e in outcome.trials.entries),
        importance=importances,
        importance_note=note,
        slices=_slices(outcome, config, columns, truth),
        calibration=evaluation.calibration_table(
            truth, outcome.holdout, method=outcome.judged.ensemble.calibration.method, seed=config.seed
        )
        if p.classes
        else None,
        roc=evaluation.roc(truth, outcome.holdout, names) if p.classes else (),
        precision_recall=evaluation.precision_recall(truth, outcome.holdout, names) if binary else (),
        confusion=evaluation.confusion(truth, outcome.holdout) if p.classes else (),
        residuals=None if p.classes else evaluation.residuals(truth, outcome.holdout, seed=config.seed),
        learning=outcome.learning.points,
        learning_note=outcome.learning.note,
        conformal=_conformal(outcome),
        decisions=tuple(n for n in outcome.notes if n.severity == "info"),
        warnings=tuple(serious),
        registration=registration(outcome, scores, config.min_score_threshold, digest),
        artifact=_artifact(outcome, blob),
        hashes=Hashes(schema=_schema_hash(outcome), code=code_hash(), data=outcome.data_hash),
        meta=outcome.meta,
        libraries=_libraries(),
    )


def _run(outcome: Outcome, config: Config) -> Run:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    elapsed = time.monotonic() - config.started
    return Run(
        id=f"{config.name}-{outcome.data_hash[:8]}-{config.seed}",
        started=datetime.now(UTC) - timedelta(seconds=elapsed),
        elapsed_s=elapsed,
        budget_s=None if config.trials is not None else config.budget_s,
        trials=config.trials,
        seed=config.seed,
        cores=config.cores,
        stopped=outcome.stopped,  # pyright: ignore[reportArgumentType]
        resumed=outcome.resumed,
        peak_memory_mb=peak,
    )


def _data(outcome: Outcome, config: Config, columns: Mapping[str, npt.NDArray[Any]]) -> Data:
    p = outcome.prepared
    total = len(next(iter(columns.values())))
    held = np.zeros(len(p.y), bool)
    held[p.split.holdout] = True
    counts = tuple(
        ClassCount(label=c, rows=int((p.y == k).sum()), holdout_rows=int((p.y[held] == k).sum()))
        for k, c in enumerate(p.target.classes)
    )
    return Data(
        name=config.name,
        rows=total,
        columns=len(columns),
        target=config.target,
        classes=counts,
        positive=p.target.classes[1] if p.classes == 2 else None,
        target_quantiles=() if p.classes else tuple(np.quantile(p.y, [0, 0.25, 0.5, 0.75, 1]).tolist()),
        dropped_rows=total - len(p.y),
        equal_rows=p.equal_rows,
    )


def _columns(outcome: Outcome, columns: Mapping[str, npt.NDArray[Any]]) -> tuple[Column, ...]:
    found: list[Column] = []
    for c in outcome.prepared.schema.columns:
        values = c.read(columns[c.name])
        if values.dtype == object:
            missing = float(np.mean([v is None for v in values.tolist()]))
        elif values.dtype.kind == "M":
            missing = float(np.isnat(values).mean())
        else:
            missing = float(np.isnan(values).mean()) if values.dtype.kind == "f" else 0.0
        distinct = None if c.kind == "text" else len(c.levels) or None
        found.append(
            Column(name=c.name, kind=c.kind, used=not c.dropped, reason=c.dropped, missing=missing, distinct=distinct)
        )
    return tuple(found)


def _leaderboard(outcome: Outcome) -> tuple[Candidate, ...]:
    """The best of each kind."""
    best: dict[str, Entry] = {}
    for entry in outcome.trials.finished():
        best.setdefault(entry.candidate.kind, entry)
    rows: list[Candidate] = []
    sign = _sign(outcome.metric)
    for rank, (kind, entry) in enumerate(best.items(), 1):
        same = [e for e in outcome.trials.entries if e.candidate.kind == kind]
        gains = [sign * g for _, g in sorted(entry.split_gains.items())]
        rows.append(
            Candidate(
                rank=rank,
                model=kind,
                score=None if entry.gain is None else sign * entry.gain,
                sd=float(np.std(gains, ddof=1)) if len(gains) > 1 else None,
                fold_scores=tuple(gains),
                trials=len(same),
                fit_s=entry.took_s,
                size_bytes=sum(f.size for f in entry.splits.values()),
                weight=sum(outcome.weights.get(e.number, 0.0) for e in same),
                params={**entry.candidate.params},
            )
        )
    return tuple(rows)


def _sign(metric: str) -> float:
    """What turns a gain, which is always better when greater, into the metric's own value."""
    return 1.0 if evaluation.METRICS[metric].greater_is_better else -1.0


def _trial(entry: Entry, sign: float) -> Trial:
    origin = {"custom": "search"}.get(entry.candidate.origin, entry.candidate.origin)
    state: Any = "stopped" if entry.state == "running" else entry.state
    return Trial(
        number=entry.number,
        model=entry.candidate.kind,
        state=state,
        score=None if entry.gain is None else sign * entry.gain,
        best=None if entry.best is None else sign * entry.best,
        at_s=entry.at_s,
        took_s=entry.took_s,
        params={**entry.candidate.params},
        origin=origin,
        reason=entry.reason,
    )


def _slices(outcome: Outcome, config: Config, columns: Mapping[str, npt.NDArray[Any]], truth: Any) -> Any:
    rows = outcome.prepared.target.rows[outcome.prepared.split.holdout]
    named = {
        c.name: evaluation.group_labels(c.read(columns[c.name][rows]))
        for c in outcome.prepared.schema.used[:30]
        if c.kind in ("category", "boolean", "number") and len(c.levels) <= 20
    }
    return evaluation.slices(outcome.metric, truth, outcome.holdout, named)


def _conformal(outcome: Outcome, level: float = 0.9) -> Conformal | None:
    """What the judged model's sets or intervals hold on the holdout."""
    p, model = outcome.prepared, outcome.judged
    from tuning.evaluation.calibration import wilson

    truth = outcome.truth()
    try:
        if model.sets is not None:
            inside = model.sets.sets(outcome.holdout, level)
            hit, size = inside[np.arange(len(truth)), truth], float(inside.sum(axis=1).mean())
            method = "adaptive prediction sets on cross-validated predictions"
        elif model.intervals is not None:
            low, high = model.interval_on(p.x[p.split.holdout], outcome.holdout, level)
            hit, size = (low <= truth) & (truth <= high), float((high - low).mean())
            method = "locally scaled conformal intervals on cross-validated errors"
        else:
            return None
    except ValueError as error:
        return Conformal(method="none", level=level, calibration_rows=len(outcome.trials.judged), note=str(error))
    low_c, high_c = wilson(float(hit.sum()), len(hit), 0.95)
    return Conformal(
        method=method, level=level, calibration_rows=min(20_000, len(outcome.trials.judged)), coverage=float(hit.mean()),
        coverage_low=low_c, coverage_high=high_c, size=size,
    )  # fmt: skip


def _artifact(outcome: Outcome, blob: bytes) -> Artifact:
    return Artifact(
        file="model.skops", sha256=sha256(blob), bytes=len(blob), row_ms=outcome.row.median_ms,
        row_ms_p95=outcome.row.p95_ms,
    )  # fmt: skip


def _schema_hash(outcome: Outcome) -> str:
    return sha256(repr(outcome.prepared.schema).encode())


def code_hash() -> str:
    """SHA-256 of the source of all modules that make models and answer with them."""
    root = Path(__file__).parents[2]
    found = hashlib.sha256()
    for path in sorted([*(root / "tuning").rglob("*.py"), *(root / "analytics" / "models").glob("*.py")]):
        found.update(path.read_bytes())
    return found.hexdigest()


def _libraries() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("scikit-learn", "lightgbm", "numpy", "scipy", "skops", "optuna")}
