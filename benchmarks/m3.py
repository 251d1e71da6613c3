"""M3: sMAPE, coverage and seconds by frequency, beside the published. ``python -m benchmarks.m3 [--sample N]``"""

from __future__ import annotations

import csv

import benchmarks.competition as c
from benchmarks.data import data_set

PERIOD = {"YEARLY": 1, "QUARTERLY": 4, "MONTHLY": 12, "OTHER": 1}


def main() -> None:
    tasks = [
        c.Task(r["period"], c.numbers(r["train"]), c.numbers(r["test"]), PERIOD[r["period"]])
        for r in c.rows("m3/m3.csv.gz")
    ]
    table = c.run(c.sampled(tasks), PERIOD)
    print(f"\nM3: {table.tasks} series, {table.seconds:.0f} CPU seconds in all; sMAPE, mean over series")
    print(f"{'model':48s} {'all':>7s} " + " ".join(f"{g.lower():>9s}" for g in PERIOD) + "    MASE series")
    for model in table.scores:
        smape, mase, n = table.mean(model)
        groups = {g for g, _, _ in table.scores[model]}
        parts = " ".join(f"{table.mean(model, g)[0]:9.3f}" if g in groups else " " * 9 for g in PERIOD)
        print(f"{model:48s} {smape:7.3f} {parts} {mase:7.3f} {n:6d}")
    for level in c.LEVELS:
        parts = ", ".join(f"{g.lower()} {100 * table.coverage(level, g):.1f} %" for g in PERIOD)
        print(f"coverage of {level:.0f} %: {100 * table.coverage(level):.1f} %; {parts}")
    with data_set("m3/m3_published_scores.csv").open() as file:
        known = [r for r in csv.DictReader(file) if r["sMAPE_all"]][:8]
    print("published:", ", ".join(f"{r['method']} {r['sMAPE_all']}" for r in known), flush=True)


if __name__ == "__main__":
    main()
