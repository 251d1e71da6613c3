"""False relations, relations found, and seconds. For the tables of ``docs/quality/correlation.md``.

``python -m benchmarks.correlation [null|power|speed]``. Seconds are CPU seconds of one core, thread pools at one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import process_time

import numpy as np
from scipy.signal import lfilter
from scipy.stats import binom, pearsonr

from analytics.correlation import Moments, MomentSpec, correlate, correlations


def ar1(r: np.random.Generator, n: int, p: int, phi: float) -> np.ndarray:
    """float64[n, p]; 1.0 gives random walks."""
    return lfilter([1.0], [1.0, -phi], r.normal(size=(n + 300, p)), axis=0)[300:]


def seasonal(r: np.random.Generator, n: int, p: int) -> np.ndarray:
    """Days of 24 rows, each series with a phase of its own, and autoregressive noise."""
    phase = r.uniform(0, 2 * np.pi, p)
    return 2 * np.sin(2 * np.pi * np.arange(n)[:, None] / 24 + phase) + ar1(r, n, p, 0.5)


def volatile(r: np.random.Generator, n: int, p: int) -> np.ndarray:
    """White, but in calm and wild stretches (a GARCH-like scale)."""
    scale = np.exp(ar1(r, n, p, 0.95) * 0.3)
    return scale * r.normal(size=(n, p))


STREAMS = {
    "AR(1) 0": lambda r, n, p: ar1(r, n, p, 0.0),
    "AR(1) 0.5": lambda r, n, p: ar1(r, n, p, 0.5),
    "AR(1) 0.9": lambda r, n, p: ar1(r, n, p, 0.9),
    "AR(1) -0.7": lambda r, n, p: ar1(r, n, p, -0.7),
    "random walk": lambda r, n, p: ar1(r, n, p, 1.0),
    "daily season, own phase": seasonal,
    "lognormal AR(1) 0.5": lambda r, n, p: np.exp(ar1(r, n, p, 0.5)),
    "calm and wild": volatile,
}

RUNS = 8
METHODS = (("pearson", 0), ("pearson", 24), ("spearman", 0), ("distance", 4), ("mutual_information", 4))


def null() -> None:
    """Independent series of one kind, 30 at a time: the share of p <= 0.05 and <= 0.01, and runs with a discovery."""
    print("| series | rows | method | lags | pairs | p <= 0.05 | p <= 0.01 | runs with a discovery (fdr 0.05) |")
    print("|---|---|---|---|---|---|---|---|")
    for name, draw in STREAMS.items():
        for n in (100, 500):
            rows: list[tuple[str, int, list[float], int]] = []
            plain: list[float] = []
            for method, lag in (
                ("pearson", 0),
                ("pearson", 24),
                ("spearman", 0),
                ("distance", 4),
                ("mutual_information", 4),
            ):
                p, runs = [], 0
                for seed in range(RUNS):
                    values = draw(np.random.default_rng(seed), n, 30)
                    names = [f"s{i}" for i in range(30)]
                    found = correlate(values, names=names, max_lag=lag, method=method, min_effective=4)
                    p += [x.p_value for x in found.pairs if x.p_value is not None]
                    runs += bool(found.significant)
                    if method == "pearson" and not lag:
                        i, j = np.triu_indices(30, 1)
                        plain += list(pearsonr(values.T[i], values.T[j], axis=1).pvalue)
                rows.append((method, 2 * lag + 1, p, runs))
            sums: list[float] = []
            for seed in range(RUNS):
                values = draw(np.random.default_rng(seed), n, 30)
                window = Moments.of(MomentSpec.of(values, 24), values)
                found = correlations(window, names=[f"s{i}" for i in range(30)], max_lag=0, min_effective=4)
                sums += [x.p_value for x in found.pairs if x.p_value is not None]
            rows += [("sums of windows", 1, sums, -1), ("plain Pearson", 1, plain, -1)]
            for method, lags, p, runs in rows:
                share = [np.mean(np.array(p) <= level) for level in (0.05, 0.01)]
                print(
                    f"| {name} | {n} | {method} | {lags} | {len(p)} | {share[0]:.2%} | {share[1]:.2%} "
                    f"| {f'{runs} of {RUNS}' if runs >= 0 else ''} |",
                    flush=True,
                )
    pairs = 435 * RUNS
    print(f"95 % of {pairs:,} independent pairs: {bounds(pairs, 0.05)}, {bounds(pairs, 0.01)}")


def bounds(n: int, level: float) -> str:
    return f"{binom.ppf(0.025, n, level) / n:.2%} to {binom.ppf(0.975, n, level) / n:.2%}"


def power() -> None:
    """One of 45 pairs is related at a lag of 5 rows, searched over -24 to 24: found at that lag, and what else was found."""
    print("| relation | phi | method | found at its lag | other pairs a run |")
    print("|---|---|---|---|---|")
    lag, runs, n = 5, 25, 500
    for relation in ("linear, r 0.3", "linear, r 0.5", "square", "slow common cause, noise on both"):
        for phi in (0.0, 0.9):
            counts = {m: np.zeros(2) for m in (*dict(METHODS), "sums of windows")}
            for seed in range(runs):
                values = planted(np.random.default_rng(seed), n, lag, phi, relation)
                names = [f"s{i}" for i in range(10)]
                for method, count in counts.items():
                    if method == "sums of windows":
                        found = correlations(Moments.of(MomentSpec.of(values, 24), values), names=names)
                    else:
                        found = correlate(values, names=names, max_lag=24, method=method)
                    hit = [p for p in found.significant if (p.first, p.second) == ("s0", "s1")]
                    count += bool(hit) and hit[0].lag == lag, len(found.significant) - len(hit)
            for method, (hits, other) in counts.items():
                print(f"| {relation} | {phi} | {method} | {hits / runs:.0%} | {other / runs:.2f} |", flush=True)


def planted(r: np.random.Generator, n: int, lag: int, phi: float, relation: str) -> np.ndarray:
    x = ar1(r, n + lag, 10, phi)
    values, lead = x[lag:].copy(), x[: len(x) - lag, 0]
    if relation == "square":
        values[:, 1] = lead**2 / np.std(lead) + values[:, 1]
    elif relation.startswith("slow"):
        cause = ar1(r, n + lag, 1, 0.95)[:, 0] / 3.2
        values = x[lag:] * 0.5 + 0.0
        values[:, 0] += cause[lag:]
        values[:, 1] += cause[: len(x) - lag]
    else:
        weight = float(relation[-3:])
        values[:, 1] = weight * lead + np.sqrt(1 - weight**2) * values[:, 1]
    return values


def speed() -> None:
    """200 x 200 series x lags -48 to 48 over 10,000 rows, as lines of JSON; the best of three.

    The yardstick is a matrix product a lag: the sums of products alone, without a mean, an interval or a test.
    """
    r = np.random.default_rng(0)
    values = ar1(r, 10_000, 200, 0.5)
    holes = np.where(r.random(values.shape) < 0.01, np.nan, values)
    names = [f"s{i}" for i in range(200)]
    few = names[:20]
    cases = {
        "pearson, 200 x 200 x 97 lags, aim 5": lambda: correlate(values, names=names, max_lag=48),
        "spearman": lambda: correlate(values, names=names, max_lag=48, method="spearman"),
        "pearson, 1 % missing": lambda: correlate(holes, names=names, max_lag=48),
        "pearson, lag 0": lambda: correlate(values, names=names),
        "partial": lambda: correlate(values, names=names, partial=True),
        "distance, 20 x 20 x 97 lags": lambda: correlate(values[:, :20], names=few, max_lag=48, method="distance"),
        "mutual information, 20 x 20 x 97": lambda: correlate(
            values[:, :20], names=few, max_lag=48, method="mutual_information"
        ),
        "a matrix product a lag, products only": lambda: [values[: 10_000 - k].T @ values[k:] for k in range(49)],
        "sums of windows, 50 series, 24 lags": lambda: Moments.of(MomentSpec.of(values[:, :50], 24), values[:, :50]),
    }
    products = "a matrix product a lag, products only"
    took = {name: min(timed(run) for _ in range(3)) for name, run in cases.items()}
    for name, seconds in took.items():
        compared = name == "pearson, 200 x 200 x 97 lags, aim 5"
        found = {
            "name": f"correlation, {name}",
            "value": round(seconds, 2),
            "unit": "s",
            "against": products if compared else "",
            "ratio": round(seconds / took[products], 2) if compared else None,
        }
        print(json.dumps(found), flush=True)


def timed(run: Callable[[], object]) -> float:
    begin = process_time()
    run()
    return process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", default=["null", "power", "speed"])
    for name in parser.parse_args().tables:
        print(f"\n{name}")
        {"null": null, "power": power, "speed": speed}[name]()


if __name__ == "__main__":
    main()
