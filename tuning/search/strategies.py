"""The two strategies of search: until a time that it never overruns, or a number of trials that are the same each time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tuning.candidates import Candidate
from tuning.fitting.jobs import Job
from tuning.fitting.worker_pool import Failed, Pool
from tuning.search.proposals import Proposer
from tuning.search.trials import Entry, Trials

GENERATION = 4
"""Trials that are asked for together where a run must be repeatable."""
_HOPELESS = {"baseline": 0.0, "portfolio": 0.85, "warm start": 0.9, "search": 0.95, "custom": 0.0}
"""Skill (of the best so far) below which a candidate is stopped before its last split."""


@dataclass
class Pace:
    """How long fits of each kind have taken, from which the time of the next one is estimated."""

    taken: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    at_least: dict[str, float] = field(default_factory=dict[str, float])

    def learn(self, kind: str, fit_s: float) -> None:
        self.taken.setdefault(kind, []).append(fit_s)

    def too_slow(self, kind: str, after_s: float) -> None:
        self.at_least[kind] = max(after_s, self.at_least.get(kind, 0.0))

    def expected(self, entry: Entry) -> float | None:
        """Seconds that a fit on one split will take; ``None`` where nothing is known."""
        if entry.splits:
            return max(f.fit_s for f in entry.splits.values()) * 1.1
        return self.of_kind(entry.candidate.kind)

    def of_kind(self, kind: str) -> float | None:
        """Seconds of one fit of a kind."""
        known = self.taken.get(kind)
        floor = self.at_least.get(kind, 0.0)
        if not known:
            return floor * 1.5 if floor else None
        return max(float(np.quantile(known, 0.8)) * 1.2, floor)


def worth(trials: Trials, weights: dict[int, float], pace: Pace | None) -> dict[str, float]:
    """How much a kind is worth trying: its share in the ensemble and how near its best comes, against what it costs."""
    found: dict[str, float] = {}
    for entry in trials.models():
        near = trials.skill(entry) or 0.0
        share = weights.get(entry.number, 0.0)
        kind = entry.candidate.kind
        found[kind] = max(found.get(kind, 0.0), max(0.0, near) ** 12) + share
    if pace is not None:
        for kind, value in found.items():
            cost = float(np.mean(pace.taken[kind])) if kind in pace.taken else 1.0
            found[kind] = value / (0.1 + cost) ** 0.5
    return found


def search_until(
    trials: Trials,
    pool: Pool,
    proposer: Proposer,
    until: Callable[[], float],
    weigh: Callable[[], dict[int, float]],
    watch: Callable[[], None],
) -> Pace:
    """Try candidates until the monotonic time ``until()``, which may move. What would not be done by then is not begun."""
    pace = Pace()
    active: list[Entry] = []
    told: set[int] = set()
    while True:
        left = until() - time.monotonic()
        while left > 0 and pool.idle():
            job = _next(trials, proposer, pace, active, told, left, pool.size, weigh)
            if job is None:
                break
            assert job.limit_s is not None
            pool.submit(job, within_s=max(1.0, min(1.3 * job.limit_s, left * 1.05)))
        if not pool.running():
            break
        for job, result in pool.finished(min(0.25, max(0.02, left)) if left > 0 else 0.25):
            entry = next(e for e in active if e.candidate.key == job.key)
            if isinstance(result, Failed):
                pace.too_slow(job.kind, left if result.timed_out else 0.0)
            else:
                pace.learn(job.kind, result.fit_s)
            trials.take(entry, job, result)
            _race(trials, entry)
        _tell(trials, proposer, told)
        watch()
        if left <= -0.5:
            pool.drop()
            for entry in active:
                trials.end(entry, "stopped", "the time was over")
            break
    for entry in active:
        trials.end(entry, "stopped", "the time was over")
    _tell(trials, proposer, told)
    return pace


def _next(
    trials: Trials, proposer: Proposer, pace: Pace, active: list[Entry], told: set[int], left: float, size: int,
    weigh: Callable[[], dict[int, float]],
) -> Job | None:  # fmt: skip
    turns = -(-len(trials.parts.splits) // size)

    def fits(kind: str) -> bool:
        return (pace.of_kind(kind) or 0.0) * turns <= left

    for _ in range(50):
        for entry in active:
            split = trials.next_split(entry)
            if split is None:
                continue
            expected = pace.expected(entry)
            if expected is not None and expected > left:
                trials.end(entry, "stopped", f"a split of about {expected:.1f} s does not fit into the time left")
                continue
            splits = len(trials.parts.splits) - len(entry.splits)
            entry.asked.add(split)
            share = 0.9 if expected is not None else 0.4  # what is not known may not take everything
            return trials.job(entry, split, limit_s=max(0.3, share * left / max(1, -(-splits // size))))
        _tell(trials, proposer, told)
        value = {kind: v for kind, v in worth(trials, weigh(), pace).items() if fits(kind)}
        candidate = proposer.ask(value, lambda c: fits(c.kind))
        if candidate is None:
            return None
        entry = trials.open(candidate)
        active.append(entry)
        _race(trials, entry)
    return None


def _race(trials: Trials, entry: Entry) -> None:
    if entry.state != "running" or not entry.splits:
        return
    skill = trials.skill(entry)
    if skill is not None and skill < _HOPELESS[entry.candidate.origin]:
        trials.end(entry, "stopped", f"after {len(entry.splits)} splits at {skill:.0%} of the best one's skill")


def _tell(trials: Trials, proposer: Proposer, told: set[int]) -> None:
    for entry in trials.entries:
        if entry.state != "running" and entry.number not in told:
            told.add(entry.number)
            proposer.tell(entry.candidate, entry.gain)


def search_trials(
    trials: Trials,
    pool: Pool,
    proposer: Proposer,
    count: int,
    weigh: Callable[[], dict[int, float]],
    watch: Callable[[], None],
) -> None:
    """Try ``count`` candidates in generations.

    A generation is proposed at once and its results are reported in its order, so the speed of the machine does not change
    which candidates are tried.
    """
    left = count
    while left > 0:
        value = worth(trials, weigh(), None)
        asked: list[Candidate] = []
        while len(asked) < min(GENERATION, left) and (candidate := proposer.ask(value)) is not None:
            asked.append(candidate)
        if not asked:
            return
        left -= len(asked)
        entries = [trials.open(candidate) for candidate in asked]
        run_all(trials, pool, entries, watch)
        for entry in entries:
            proposer.tell(entry.candidate, entry.gain)


def run_all(
    trials: Trials,
    pool: Pool,
    entries: list[Entry],
    watch: Callable[[], None] = lambda: None,
    until: float = float("inf"),
) -> None:
    """Every split of every entry, in order; what is not done by the monotonic time ``until`` is stopped."""
    total = max(1, sum(len(trials.parts.splits) for _ in entries) // pool.size)
    while True:
        left = until - time.monotonic()
        while left > 0 and pool.idle():
            entry = next((e for e in entries if trials.next_split(e) is not None), None)
            if entry is None:
                break
            split = trials.next_split(entry)
            assert split is not None
            entry.asked.add(split)
            pool.submit(trials.job(entry, split, limit_s=None if np.isinf(until) else left / total))
        if not pool.running():
            break
        if left <= 0:
            pool.drop()
            break
        for job, result in pool.finished(min(0.5, left)):
            entry = next(e for e in entries if e.candidate.key == job.key)
            trials.take(entry, job, result)
        watch()
    for entry in entries:
        trials.end(entry, "stopped", "the time was over")
