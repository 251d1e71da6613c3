"""How often does nothing alarm, what is found, and what does it cost? Writes the tables of ``docs/quality/drift.md``.

``python -m benchmarks.drift [--runs 1000] [--first 0] [null|power|order|stream]``: ``--first`` is the seed of the first run.
The data sets are looked for in HINDCAST_DATA, else ``../shared/data``. Seconds are CPU seconds of one core, thread pools
at one.
"""

from __future__ import annotations

import argparse
import sys
from time import process_time

import numpy as np
import pandas as pd
from scipy.stats import binom, chi2_contingency, ks_2samp

from analytics.drift import DriftSpec, DriftState, compare, update
from benchmarks.data import data_set

Table = dict[str, np.ndarray]


def bank() -> Table:
    return columns(pd.read_csv(data_set("bank_marketing/bank-additional-full.csv.gz")))


def elec2() -> Table:
    frame = pd.read_csv(data_set("elec2/elec2.csv.gz"))
    return columns(frame.assign(**{"class": frame["class"].astype(str)}))


def columns(frame: pd.DataFrame) -> Table:
    return {str(c): frame[c].to_numpy(float if frame[c].dtype.kind in "if" else object) for c in frame}


def rows(table: Table, index: np.ndarray) -> Table:
    return {name: values[index] for name, values in table.items()}


def size(table: Table) -> int:
    return len(next(iter(table.values())))


def bounds(runs: int, rate: float) -> str:
    return f"{int(binom.ppf(0.025, runs, rate))} to {int(binom.ppf(0.975, runs, rate))}"


def psi(before: np.ndarray, now: np.ndarray) -> float:
    """As it is usually computed: tenths of the reference, shares of at least 0.0001."""
    if before.dtype == object:
        _, code = np.unique(np.concatenate([before, now]).astype(str), return_inverse=True)
        a, b = code[: len(before)], code[len(before) :]
    else:
        edges = np.unique(np.quantile(before, np.linspace(0, 1, 11)[1:-1]))
        a, b = np.searchsorted(edges, before), np.searchsorted(edges, now)
    width = int(max(a.max(), b.max())) + 1
    p, q = (np.maximum(np.bincount(x, minlength=width) / len(x), 1e-4) for x in (a, b))
    return float(((p - q) * np.log(p / q)).sum())


def classic(before: np.ndarray, now: np.ndarray) -> float:
    """p of KS, or of chi-squared on the table of categories."""
    if before.dtype != object:
        return float(ks_2samp(before, now, method="asymp").pvalue)
    _, code = np.unique(np.concatenate([before, now]).astype(str), return_inverse=True)
    if code.max() == 0:
        return 1.0
    table = np.stack([np.bincount(c, minlength=code.max() + 1) for c in (code[: len(before)], code[len(before) :])])
    return float(chi2_contingency(table)[1])


def null(runs: int, first: int) -> None:
    """Shuffled halves, and shuffled samples of 100, of real data: nothing has drifted. Seeds from ``first`` on."""
    low, high = bounds(runs, 0.01), bounds(runs, 0.05)
    print(
        f"| data | rows | runs | alarms at 0.01 ({low}) | p <= 0.05 ({high}) | PSI > 0.1 | KS / chi2 at 0.05 | s a run |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for take in (None, 100):
        for name, table in (("bank-additional", bank()), ("elec2", elec2())):
            n = size(table)
            each = take or n // 2
            others = min(runs, 200 if take else 5)
            counts, took = np.zeros(4, int), 0.0
            for run, seed in enumerate(range(first, first + runs), 1):
                order = np.random.default_rng(seed).permutation(n)
                before, now = rows(table, order[:each]), rows(table, order[each : 2 * each])
                begin = process_time()
                report = compare(before, now, seed=seed)
                took += process_time() - begin
                counts[:2] += report.drifted, report.p_value is not None and report.p_value <= 0.05
                if run <= others:
                    counts[2] += any(psi(before[c], now[c]) > 0.1 for c in table)
                    counts[3] += any(classic(before[c], now[c]) < 0.05 for c in table)
                if run % 100 == 0:
                    print(f"{name} {each} {run} {counts[:2]}", file=sys.stderr, flush=True)
            print(
                f"| {name} | {each} + {each} | {runs} | {counts[0]} | {counts[1]} "
                f"| {counts[2] / others:.1%} | {counts[3] / others:.1%} | {took / runs:.3f} |",
                flush=True,
            )


def power(runs: int) -> None:
    """One of ten columns changes. Ours at 0.01 for all; PSI > 0.1 and KS at 0.05 a column, and their false alarms."""
    runs = min(runs, 60)
    print("| one of ten normal columns | rows | found | named alone | any PSI > 0.1 | any KS < 0.05 | any KS < 0.001 |")
    print("|---|---|---|---|---|---|---|")
    changes = {
        "nothing": lambda x: x,
        "mean + 0.1 sd": lambda x: x + 0.1,
        "mean + 0.2 sd": lambda x: x + 0.2,
        "mean + 0.5 sd": lambda x: x + 0.5,
        "sd x 1.2": lambda x: x * 1.2,
        "sd x 1.5": lambda x: x * 1.5,
        "2 % at + 5 sd": lambda x: np.where(np.arange(len(x)) % 50 == 0, x + 5, x),
    }
    for name, change in changes.items():
        for n in (100, 1000):
            counts = np.zeros(5, int)
            for seed in range(runs):
                r = np.random.default_rng(seed)
                before, now = ({f"x{i}": r.normal(size=n) for i in range(10)} for _ in range(2))
                now["x0"] = change(now["x0"])
                report = compare(before, now, seed=seed)
                p = np.array([ks_2samp(before[c], now[c], method="asymp").pvalue for c in before])
                counts += [
                    report.drifted,
                    report.drifted_columns == ("x0",),
                    any(psi(before[c], now[c]) > 0.1 for c in before),
                    (p < 0.05).any(),
                    (p < 0.001).any(),
                ]
            share = counts / runs
            print(f"| {name} | {n} + {n} | " + " | ".join(f"{s:.0%}" for s in share) + " |", flush=True)


def order() -> None:
    """bank-additional as it came, first 80 % and last 20 %; and elec2, whose rows resemble their neighbours."""
    for name, table in (("bank-additional", bank()), ("elec2", elec2())):
        n = size(table)
        cut = int(n * 0.8)
        begin = process_time()
        report = compare(rows(table, np.arange(cut)), rows(table, np.arange(cut, n)))
        print(f"{name}: {process_time() - begin:.2f} s, {len(report.drifted_columns)} of {len(report.columns)} drifted")
        print("| column | p | Jensen-Shannon | from about |")
        print("|---|---|---|---|")
        place = {c.name: c for c in report.columns}
        rest = [c.name for c in report.columns if not c.drifted]
        for column in (*report.drifted_columns, *rest):
            found = place[column]
            js = next(m for m in found.measures if m.name == "jensen_shannon")
            limit = "-" if js.threshold is None else f"{js.threshold:.3f}"
            print(f"| {column}{'' if found.drifted else ' (no)'} | {found.p_value:.4f} | {js.value:.3f} | {limit} |")


def stream() -> None:
    """Beside River's ADWIN at the same delta: false alarms on steady streams, delay after a change at row 1,000, speed."""
    from river.drift import ADWIN

    def river(values: np.ndarray) -> np.ndarray:
        detector, flags = ADWIN(delta=0.002), np.zeros(len(values), bool)
        for i, value in enumerate(values.tolist()):
            detector.update(value)
            flags[i] = detector.drift_detected
        return flags

    def ours(values: np.ndarray) -> np.ndarray:
        return update(DriftState(DriftSpec()), np.zeros(len(values), np.int32), values).changed

    kinds = {
        "bernoulli 0.05": lambda r, n: (r.random(n) < 0.05) * 1.0,
        "bernoulli 0.3": lambda r, n: (r.random(n) < 0.3) * 1.0,
        "uniform [0, 1]": lambda r, n: r.random(n),
        "normal": lambda r, n: r.normal(size=n),
        "normal x 1000": lambda r, n: r.normal(size=n) * 1000,
        "Student t3": lambda r, n: r.standard_t(3, n),
        "lognormal": lambda r, n: r.lognormal(size=n),
        "AR(1) 0.5": lambda r, n: ar1(r, n, 0.5),
        "AR(1) 0.9": lambda r, n: ar1(r, n, 0.9),
    }
    keys, steady = 100, 10_000
    print(
        "| stream | detector | false alarms / 100 k rows | median delay, + 0.5 sd | missed in 2,000 | median delay, + 1 sd |"
    )
    print("|---|---|---|---|---|---|")
    for name, draw in kinds.items():
        deviation = float(draw(np.random.default_rng(0), 200_000).std())
        for detector, run in (("ours", ours), ("River", river)):
            false = sum(int(run(draw(np.random.default_rng(k), steady)).sum()) for k in range(keys))
            cells = [f"{false / (keys * steady) * 1e5:.2f}"]
            for shift in (0.5, 1.0):
                delays: list[int] = []
                for k in range(keys):
                    r = np.random.default_rng(1000 + k)
                    values = draw(r, 3000)
                    values[1000:] += shift * deviation
                    flags = run(values)[1000:]
                    delays.append(int(flags.argmax()) if flags.any() else 2000)
                cells.append(f"{np.median(delays):.0f}")
                if shift == 0.5:
                    cells.append(f"{sum(d == 2000 for d in delays)} %")
            print(f"| {name} | {detector} | " + " | ".join(cells) + " |", flush=True)
    r, n = np.random.default_rng(0), 2_000_000
    value = r.random(n)
    print("| keys | M rows/s |")
    print("|---|---|")
    for label, key in (
        ("1", np.zeros(n, np.int32)),
        ("10,000, uniform", r.integers(0, 10_000, n).astype(np.int32)),
        ("10,000, zipf 1.2", ((r.zipf(1.2, n) - 1) % 10_000).astype(np.int32)),
    ):
        best = min(timed(lambda k=key: update(DriftState(DriftSpec()), k, value)) for _ in range(3))
        print(f"| {label} | {n / best / 1e6:.1f} |")
    print(f"| River, 1 key | {0.2 / timed(lambda: river(value[:200_000])):.2f} |")


def timed(run) -> float:
    begin = process_time()
    run()
    return process_time() - begin


def ar1(r: np.random.Generator, n: int, phi: float) -> np.ndarray:
    from scipy.signal import lfilter

    return lfilter([1.0], [1.0, -phi], r.normal(size=n + 200))[200:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", default=["order", "null", "power", "stream"])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    for name in asked.tables:
        print(f"\n{name}")
        {
            "order": order,
            "null": lambda: null(asked.runs, asked.first),
            "power": lambda: power(asked.runs),
            "stream": stream,
        }[name]()


if __name__ == "__main__":
    main()
