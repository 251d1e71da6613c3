"""The anomaly kernel beside a plain Python loop and River's detectors, and how often noise alarms.

10 k keys, each row's key uniform or zipf 1.2, rows a minute apart; all on one thread, CPU seconds. River's detectors are
one object a key and judge the first 20 k rows; HalfSpaceTrees builds megabytes of trees for every new key, so it judges
500, which are mostly the first of their key. Alarms of noise where one a week is asked for: 17 days, 69 days, and 2 days
of 10 s. How many rows of noise reach a score. Prints JSON lines
``{name, value, unit, against, ratio}``. ``python -m benchmarks.anomaly``
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
from river.anomaly import GaussianScorer, HalfSpaceTrees

from analytics.anomaly import AnomalySpec, AnomalyState, episodes, score
from benchmarks.kernels import best, report
from tests.unit.analytics.anomaly_oracle import Key

N, SAMPLE, FEW, KEYS = 2_000_000, 20_000, 500, 10_000
START, MINUTE = 1_780_000_000_000_000, 60_000_000

Rows = list[tuple[int, int, float]]


def plain(rows: Rows) -> None:
    keys: defaultdict[int, Key] = defaultdict(Key)
    for k, t, v in rows:
        keys[k].row(t, v)


def gaussian(rows: Rows) -> None:
    detectors: defaultdict[int, GaussianScorer] = defaultdict(GaussianScorer)
    for k, _, v in rows:
        detector = detectors[k]
        detector.score_one(None, v)
        detector.learn_one(None, v)


def trees(rows: Rows) -> None:
    detectors: defaultdict[int, HalfSpaceTrees] = defaultdict(HalfSpaceTrees)
    for k, _, v in rows:
        detector, x = detectors[k], {"x": v}
        detector.score_one(x)
        detector.learn_one(x)


def speed() -> None:
    rng = np.random.default_rng(0)
    uniform = rng.integers(0, KEYS, N).astype(np.int32)
    zipf = ((rng.zipf(1.2, N) - 1) % KEYS).astype(np.int32)
    time, value = START + np.arange(N) * MINUTE, rng.lognormal(0, 0.5, N)
    for shape, key in (("uniform", uniform), ("zipf 1.2", zipf)):
        ours = N / best(lambda k=key: score(AnomalyState(AnomalySpec()), k, time, value))
        rows = list(zip(key[:SAMPLE].tolist(), time[:SAMPLE].tolist(), value[:SAMPLE].tolist()))
        rivals: tuple[tuple[str, Callable[[Rows], None], int], ...] = (
            ("the same in plain Python", plain, SAMPLE),
            ("River GaussianScorer", gaussian, SAMPLE),
            ("River HalfSpaceTrees", trees, FEW),
        )
        for name, rival, n in rivals:
            theirs = n / best(lambda rival=rival, some=rows[:n]: rival(some), 1)
            report(f"anomaly, 10 k keys, {shape}", ours / 1e6, "M rows/s", name, theirs / 1e6)


def noises(rows: int, keys: int) -> Iterator[tuple[str, np.ndarray]]:
    rng, shape = np.random.default_rng(0), (rows, keys)
    normal = rng.normal(0, 1, shape)
    autoregressive = np.zeros(shape)
    for i in range(1, rows):
        autoregressive[i] = 0.9 * autoregressive[i - 1] + normal[i]
    day = 55 - 45 * np.cos(2 * np.pi * np.arange(rows)[:, None] / 288)
    yield "normal", normal
    yield "Laplace", rng.laplace(0, 1, shape)
    yield "lognormal 0.5", rng.lognormal(0, 0.5, shape)
    yield "lognormal 1", rng.lognormal(0, 1, shape)
    for mean in (0.3, 3, 100):
        yield f"Poisson {mean}", rng.poisson(mean, shape).astype(float)
    yield "day's wave 10:1", rng.poisson(day, shape).astype(float)
    yield "Student, 3 df", rng.standard_t(3, shape)
    yield "autoregressive 0.9", autoregressive
    yield "random walk", np.cumsum(normal, 0)


def noise_alarms(minutes: float, rows: int, keys: int) -> None:
    week = 7 * 24 * 60 / minutes
    time = START + np.repeat(np.arange(rows), keys) * int(minutes * MINUTE)
    key = np.tile(np.arange(keys, dtype=np.int32), rows)
    for name, values in noises(rows, keys):
        found = score(AnomalyState(AnomalySpec()), key, time, values.ravel()).is_anomaly.reshape(rows, keys)
        alarms = np.mean([len(episodes(flags)) for flags in found.T]) / (rows / week)
        report(
            f"alarms of noise, {rows} rows at {minutes:.3g} min, {name}", float(alarms), "1/week", "as asked for", 1.0
        )


def noise_scores(rows: int, keys: int) -> None:
    time = START + np.repeat(np.arange(rows), keys) * 5 * MINUTE
    key = np.tile(np.arange(keys, dtype=np.int32), rows)
    for name, values in noises(rows, keys):
        found = score(AnomalyState(AnomalySpec()), key, time, values.ravel()).score
        for level in (0.15, 0.2, 0.3, 0.5):
            report(f"noise scored {level} or more, {name}", 1e4 * float((found >= level).mean()), "of 10,000 rows")


if __name__ == "__main__":
    speed()
    noise_alarms(5, 5_000, 400)
    noise_alarms(5, 20_000, 100)
    noise_alarms(1 / 6, 16_000, 100)
    noise_scores(20_000, 100)
