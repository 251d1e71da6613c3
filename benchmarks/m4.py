"""M4 hourly and weekly: OWA, coverage and seconds, beside the published.

``python -m benchmarks.m4 [hourly] [weekly] [--sample N]``. The series come without times: the season is given (24, 52), as
in the competition. MASE is over 24 steps hourly, over one weekly.
"""

from __future__ import annotations

import sys

import benchmarks.competition as c

NAIVE2 = {"hourly": (18.383, 2.395), "weekly": (9.161, 2.777)}
PERIOD, MASE_SEASON = {"hourly": 24, "weekly": 52}, {"hourly": 24, "weekly": 1}
PUBLISHED = {
    "hourly": "Doornik CARD .410, ES-RNN .440, FFORMA .484, ForecastPro .496, seasonal naive .627, SCUM .663, Theta 1.006",
    "weekly": "ForecastPro .739, SCUM .751, ProLogistica .766, FFORMA .796, ES-RNN .851, Theta .971, naive 1.000",
}


def main() -> None:
    for name in [n for n in NAIVE2 if n in sys.argv] or list(NAIVE2):
        tasks = [
            c.Task(name, c.numbers(r["train"]), c.numbers(r["test"]), PERIOD[name])
            for r in c.rows(f"m4/m4_{name}.csv.gz")
        ]
        table = c.run(c.sampled(tasks), MASE_SEASON)
        by_smape, by_mase = NAIVE2[name]
        print(f"\nM4 {name}: {table.tasks} series, {table.seconds:.0f} CPU seconds in all")
        print(f"{'model':48s} {'sMAPE':>8s} {'MASE':>8s} {'OWA':>7s} series")
        for model in table.scores:
            smape, mase, n = table.mean(model)
            print(f"{model:48s} {smape:8.3f} {mase:8.3f} {(smape / by_smape + mase / by_mase) / 2:7.3f} {n:6d}")
        print("coverage", ", ".join(f"{level:.0f} %: {100 * table.coverage(level):.1f} %" for level in c.LEVELS))
        print("published OWA:", PUBLISHED[name], flush=True)


if __name__ == "__main__":
    main()
