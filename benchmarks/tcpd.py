"""Change points on the Turing data: ours at its one default, ruptures' BinSeg and PELT, and never a change.

``python -m benchmarks.tcpd`` prints, for each series and on average, covering and F1 (margin 5), then what every share
from .04 to .2 gives and leave-one-series-out. ``HINDCAST_DATA`` names the folder of data sets (``../shared/data``).

The two of ruptures run as TCPDBench runs R's ``changepoint`` by default: values scaled to unit variance, change of
mean, normal cost of known variance, penalty MBIC (3 log n, and log of each segment's share of n), at most 5 changes for
BinSeg. ``tuned`` is the one multiple of log n that does best here, with the labels in hand, for cost ``l2``; PELT's
optimum is found by ruptures' compiled ``KernelCPD`` with the linear kernel, which is the same.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import ruptures as rpt

import analytics.trend.changepoints as ours
from analytics.trend import change_points
from benchmarks.data import data_set
from benchmarks.segmentation import covering, f1

Table = np.ndarray
Finder = Callable[[Table], list[int]]
GRID = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30)
SHARES = (0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11, 0.12, 0.13, 0.15, 0.2)


class ScaledMean(rpt.base.BaseCost):
    """R's ``mll.mean`` with MBIC: squared deviation in unit variance, and the log of the segment's share."""

    model, min_size = "scaled-mean", 1

    def fit(self, signal: Table) -> ScaledMean:
        self.signal = signal
        return self

    def error(self, start: int, end: int) -> float:
        part = self.signal[start:end]
        return float(((part - part.mean(axis=0)) ** 2).sum() + np.log((end - start) / len(self.signal)))


def load() -> dict[str, Table]:
    found: dict[str, Table] = {}
    with gzip.open(data_set("tcpd/series.jsonl.gz")) as lines:
        for line in lines:
            row = json.loads(line)
            found[row["name"]] = np.array([column["raw"] for column in row["series"]], float).T
    return found


def scaled(table: Table) -> Table:
    return (table - table.mean(axis=0)) / table.std(axis=0, ddof=1)


def until(found: list[int]) -> list[int]:
    """ruptures ends its list with n."""
    return found[:-1]


def pelt(table: Table) -> list[int]:
    return until(
        rpt.Pelt(custom_cost=ScaledMean(), min_size=1, jump=1).fit(scaled(table)).predict(pen=3 * np.log(len(table)))
    )


def binseg(table: Table) -> list[int]:
    cost, penalty = ScaledMean().fit(scaled(table)), 3 * np.log(len(table))
    cuts: list[int] = []
    while len(cuts) < 5:
        edges = [0, *sorted(cuts), len(table)]
        gains = [
            (cost.error(a, b) - cost.error(a, c) - cost.error(c, b), c)
            for a, b in pairwise(edges)
            for c in range(a + 1, b)
        ]
        best = max(gains)
        if best[0] <= penalty:
            break
        cuts.append(best[1])
    return sorted(cuts)


def tuned_binseg(times: float) -> Finder:
    return lambda table: until(
        rpt.Binseg(model="l2", min_size=2, jump=1).fit(scaled(table)).predict(pen=times * np.log(len(table)))
    )


def tuned_pelt(times: float) -> Finder:
    return lambda table: until(
        rpt.KernelCPD(kernel="linear", min_size=2).fit(scaled(table)).predict(pen=times * np.log(len(table)))
    )


def share(value: float) -> Finder:
    def find(table: Table) -> list[int]:
        before, ours.SHARE = ours.SHARE, value
        try:
            return change_points(table).indices
        finally:
            ours.SHARE = before

    return find


def scores(finder: Finder, data: dict[str, Table], truth: dict[str, dict[str, list[int]]]) -> np.ndarray:
    """(covering, F1) of each series."""
    rows: list[tuple[float, float]] = []
    for name, table in data.items():
        found = finder(table)
        rows.append((covering(truth[name], found, len(table)), f1(truth[name], found)))
    return np.array(rows)


def main() -> None:
    data, truth = load(), json.loads(data_set("tcpd/annotations.json").read_text())
    columns: dict[str, np.ndarray] = {
        "hindcast": scores(lambda table: change_points(table).indices, data, truth),
        "BinSeg": scores(binseg, data, truth),
        "PELT": scores(pelt, data, truth),
        "zero": scores(lambda table: [], data, truth),
    }
    for name, make in (("BinSeg", tuned_binseg), ("PELT", tuned_pelt)):
        tried = {times: scores(make(times), data, truth) for times in GRID}
        best = max(tried, key=lambda times: tried[times].mean())
        columns[f"{name} tuned ({best} log n)"] = tried[best]
    univariate = [at for at, table in enumerate(data.values()) if table.shape[1] == 1]
    print("| series (cover / F1) | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for at, name in enumerate(data):
        print(f"| {name} | " + " | ".join(f"{c[at, 0]:.3f} / {c[at, 1]:.3f}" for c in columns.values()) + " |")
    for name, rows in (("all", list(range(len(data)))), ("univariate", univariate)):
        means = [c[rows].mean(axis=0) for c in columns.values()]
        print(f"| **{name}** | " + " | ".join(f"{m[0]:.3f} / {m[1]:.3f}" for m in means) + " |")
    by_share = {value: scores(share(value), data, truth) for value in SHARES}
    print("\n| SHARE | " + " | ".join(map(str, SHARES)) + " |\n" + "|---" * (len(SHARES) + 1) + "|")
    for which, name in ((0, "cover"), (1, "F1")):
        print(f"| {name} | " + " | ".join(f"{by_share[v][:, which].mean():.3f}" for v in SHARES) + " |")
    chosen, held = [], []
    for at in range(len(data)):
        rest = [other for other in range(len(data)) if other != at]
        chosen.append(max(SHARES, key=lambda v: by_share[v][rest].mean()))
        held.append(by_share[chosen[-1]][at])
    print(
        f"\nleave one out: SHARE {min(chosen)} to {max(chosen)}, held-out cover / F1",
        np.round(np.mean(held, axis=0), 3),
    )


if __name__ == "__main__":
    main()
