"""Forecast every series of a forecasting competition by the default procedure, and score it as the competition did."""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import process_time

import numpy as np

from analytics.forecast.calendar import Frequency
from analytics.forecast.engine import one
from analytics.forecast.evaluation import smape
from analytics.kernels import F64
from benchmarks.data import data_set

LEVELS = (80.0, 95.0)
csv.field_size_limit(1 << 30)


@dataclass(frozen=True)
class Task:
    group: str
    train: F64
    test: F64
    period: int


@dataclass
class Table:
    """Scores as they come in: by model a list of (group, sMAPE, MASE); by level the coverage of ours."""

    scores: dict[str, list[tuple[str, float, float]]]
    covered: dict[float, list[tuple[str, float]]]
    seconds: float = 0.0
    tasks: int = 0

    def mean(self, model: str, group: str | None = None) -> tuple[float, float, int]:
        rows = [(s, m) for g, s, m in self.scores[model] if group in (None, g)]
        return float(np.mean([s for s, _ in rows])), float(np.mean([m for _, m in rows])), len(rows)

    def coverage(self, level: float, group: str | None = None) -> float:
        return float(np.mean([c for g, c in self.covered[level] if group in (None, g)]))


def rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(data_set(name), "rt") as file:
        yield from csv.DictReader(file)


def numbers(text: str) -> F64:
    return np.array(text.split(), np.float64)


def sampled(tasks: list[Task]) -> list[Task]:
    """All of them, or as many as ``--sample N`` says, drawn with a fixed seed."""
    if "--sample" not in sys.argv:
        return tasks
    wanted = int(sys.argv[sys.argv.index("--sample") + 1])
    chosen = np.random.default_rng(1).permutation(len(tasks))[:wanted]
    return [tasks[i] for i in np.sort(chosen)]


def run(tasks: list[Task], mase_season: Mapping[str, int]) -> Table:
    """Every task by the default; MASE over the seasonal differences that the competition takes."""
    table = Table({}, {level: [] for level in LEVELS})
    for i, task in enumerate(tasks):
        begin = process_time()
        outcome = one(task.train[-4000:], Frequency("ordinal", 1), task.test.shape[0], LEVELS, task.period)
        table.seconds += process_time() - begin
        table.tasks += 1
        if outcome is None:
            raise ValueError(f"series {i} has no forecast")
        season = mase_season[task.group]
        unit = np.abs(task.train[season:] - task.train[:-season]).mean()
        for name, point in (("ours", outcome.point), *outcome.single.items()):
            score = (task.group, smape(task.test, point), float(np.abs(task.test - point).mean() / unit))
            table.scores.setdefault(name, []).append(score)
        for level in LEVELS:
            inside = (task.test >= outcome.lo[level]) & (task.test <= outcome.hi[level])
            table.covered[level].append((task.group, float(inside.mean())))
        if sys.stderr.isatty() or i % 100 == 99:
            print(f"{i + 1}/{len(tasks)}", f"{table.seconds:.0f} s", file=sys.stderr, flush=True)
    return table
