"""What is known of one version's answers: windows of them, and what came of those whose outcome is known."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from math import log2
from typing import Any

import msgspec
import numpy as np

from analytics.monitoring.accuracy import AccuracyMonitor, Answers
from analytics.monitoring.profile import place
from analytics.monitoring.shift import shifts

PREDICTION = "(prediction)"
"""The column of a profile that the predictions themselves are counted in."""
MOST_PENDING = 20_000
"""Answers of one version whose outcome is waited for; beyond, the oldest go."""
MOST_WINDOWS = 40
SCORED = 200
"""Outcomes that a score is made of."""
_BUCKETS = 96
_SLICED = 4
_FEW_LEVELS = 8


class Answered(msgspec.Struct, array_like=True):
    """An answer whose outcome is waited for."""

    subject: str | None
    value: float | None
    label: str | None
    low: float | None
    high: float | None
    slices: list[str]


class Pair(msgspec.Struct, array_like=True):
    """An answer with its outcome."""

    value: float
    outcome: float
    label: str | None
    came: str | None
    low: float | None
    high: float | None
    slices: list[str]


class Health(msgspec.Struct):
    """``task``, ``classes``, ``profile``, ``score`` and ``usual`` are as the version was registered."""

    number: int
    model_id: str = ""
    task: str = "regression"
    classes: list[str] = []
    score: float | None = None
    usual: float | None = None
    level: float = 0.9
    profile: dict[str, dict[str, Any]] = {}
    rows: int = 0
    errors: int = 0
    shadow_rows: int = 0
    outcomes: int = 0
    latency: list[int] = msgspec.field(default_factory=lambda: [0] * _BUCKETS)
    since: int = 0
    """Rows since the last look at errors and latency."""
    since_errors: int = 0
    since_latency: list[int] = msgspec.field(default_factory=lambda: [0] * _BUCKETS)
    tripped: str = ""
    """Why it was taken back; empty until then."""
    window: dict[str, list[int]] = {}
    window_rows: int = 0
    windows: list[dict[str, Any]] = []
    """Drift, of each window of rows: the newest last."""
    drifted: bool = False
    pending: dict[str, Answered] = {}
    newest: dict[str, str] = {}
    """By whom it is about, the id of the newest answer that is waited for."""
    pairs: list[Pair] = []
    scores: list[dict[str, Any]] = []
    """Of each window of outcomes, the newest last."""
    degraded: bool = False

    # -- answers ---------------------------------------------------------------------------------------------------

    def see(self, row: Mapping[str, Any], features: Mapping[str, Any]) -> None:
        """Take in an answer."""
        self.rows += 1
        self.since += 1
        self.shadow_rows += bool(row["shadow"])
        if row["latency_us"] is not None:
            bucket = bucket_of(row["latency_us"])
            self.latency[bucket] += 1
            self.since_latency[bucket] += 1
        if features and self.profile:
            self._count(features, row)
        if row["id"]:
            self._await(row, features)

    def fail(self) -> None:
        self.errors += 1
        self.since += 1
        self.since_errors += 1
        self.rows += 1

    def _count(self, features: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        self.window_rows += 1
        answer = row["value"] if row["value"] is not None else row["label"]
        for name, column in self.profile.items():
            counts = self.window.setdefault(name, [0] * len(column["counts"]))
            counts[place(column, answer if name == PREDICTION else features.get(name))] += 1

    def _await(self, row: Mapping[str, Any], features: Mapping[str, Any]) -> None:
        while len(self.pending) >= MOST_PENDING:
            gone = next(iter(self.pending))
            old = self.pending.pop(gone)
            if old.subject and self.newest.get(old.subject) == gone:
                del self.newest[old.subject]
        answer = Answered(
            row["subject"], row["value"], row["label"], row["low"], row["high"], [*self._slices(features)]
        )
        self.pending[row["id"]] = answer
        if row["subject"]:
            self.newest[row["subject"]] = row["id"]

    def _slices(self, features: Mapping[str, Any]) -> Any:
        small = (n for n, c in self.profile.items() if len(c.get("levels", "?" * 99)) <= _FEW_LEVELS)
        for name in islice(small, _SLICED):
            if name in features:
                yield f"{name} = {features[name]}"

    # -- judgements ------------------------------------------------------------------------------------------------

    def look(self) -> tuple[float, float | None]:
        """Share of errors and the 95th percentile of the latency (ms) since the last look."""
        errors = self.since_errors / max(1, self.since)
        p95 = quantile_of(self.since_latency, 0.95)
        self.since, self.since_errors, self.since_latency = 0, 0, [0] * _BUCKETS
        return errors, p95

    def judge_window(self, at: float, rate: float) -> dict[str, Any]:
        """Compare the window with the training rows, and begin another one."""
        found = shifts(self.profile, self.window, rate)
        named = [one.name for one in found if one.drifted]
        told = {one.name: {"p": one.p_value, "distance": round(one.distance, 6)} for one in found[:20]}
        window = {"at": at, "rows": self.window_rows, "drifted": named, "columns": told}
        self.windows = [*self.windows, window][-MOST_WINDOWS:]
        self.window, self.window_rows = {}, 0
        return window

    def settle(self, cause: str | None, subject: str | None, outcome: float | None, came: str | None) -> bool:
        """Join an outcome to the answer that it belongs to; False where none is waited for."""
        id_ = cause if cause in self.pending else self.newest.get(subject or "")
        if outcome is None and came is not None and len(self.classes) == 2:
            outcome = float(came == self.classes[1])
        if id_ is None or (outcome is None and came is None):
            return False
        said = self.pending.pop(id_)
        if said.subject and self.newest.get(said.subject) == id_:
            del self.newest[said.subject]
        if said.value is None and said.label is None:
            return False
        value = said.value if said.value is not None else float("nan")
        came_as = outcome if outcome is not None else float("nan")
        self.pairs.append(Pair(value, came_as, said.label, came, said.low, said.high, said.slices))
        self.outcomes += 1
        return True

    def judge_outcomes(self, at: float) -> dict[str, Any]:
        """The score of the newest outcomes, with calibration and slices, and begin another window."""
        found = accuracy(self, self.pairs)
        del found["estimate"], found["model_id"]
        found |= {"at": at, "slices": self._by_slice()}
        self.scores = [*self.scores, found][-MOST_WINDOWS:]
        self.pairs = []
        return found

    def _by_slice(self) -> list[dict[str, Any]]:
        groups: dict[str, list[Pair]] = {}
        for pair in self.pairs:
            for name in pair.slices:
                groups.setdefault(name, []).append(pair)
        told: list[dict[str, Any]] = []
        for name, pairs in sorted(groups.items()):
            found = accuracy(self, pairs)
            told.append({"slice": name, "rows": len(pairs), "score": found["score"]})
        return told


def accuracy(health: Health, pairs: list[Pair]) -> dict[str, Any]:
    """What ``AccuracyMonitor`` says of answers with their outcomes."""

    def numbers(values: list[float | None]) -> np.ndarray:
        return np.array([np.nan if v is None else v for v in values], np.float64)

    task: Any = health.task
    bounded = any(p.low is not None for p in pairs)
    said = Answers(
        task,
        numbers([p.value for p in pairs]),
        tuple(p.label or "" for p in pairs),
        numbers([p.low for p in pairs]) if bounded else None,
        numbers([p.high for p in pairs]) if bounded else None,
        health.level,
        health.usual,
    )
    classes = tuple(p.came for p in pairs) if task == "multiclass" else ()
    return AccuracyMonitor().monitor(health.model_id, said, numbers([p.outcome for p in pairs]), classes)


def bucket_of(latency_us: int) -> int:
    """Quarters of an octave, from 1 µs on."""
    return min(_BUCKETS - 1, max(0, int(4.0 * log2(max(1, latency_us)))))


def quantile_of(buckets: list[int], share: float) -> float | None:
    """Milliseconds, the upper bound of the bucket; None without rows."""
    left = share * sum(buckets)
    if left <= 0:
        return None
    for bucket, count in enumerate(buckets):
        left -= count
        if left <= 0:
            return round(2.0 ** ((bucket + 1) / 4.0) / 1000.0, 3)
    return None
