"""The results as a table of scores, and the mean rank of each system over the tables that all of them finished."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.automl.contest import METRICS
from benchmarks.automl.contestant import SYSTEMS
from benchmarks.automl.tables import BY_NAME
from tuning.evaluation import gain

Row = dict[str, Any]


def summary(rows: list[Row]) -> str:
    """Markdown, a part for each budget."""
    parts = [
        _budget(budget, [r for r in rows if r["budget"] == budget]) for budget in sorted({r["budget"] for r in rows})
    ]
    return "\n\n".join([*parts, _intervals(rows)])


def _budget(budget: float, rows: list[Row]) -> str:
    systems = [s for s in SYSTEMS if any(r["system"] == s for r in rows)]
    runs: dict[tuple[str, int], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        runs[row["table"], row["seed"]][row["system"]] = row
    lines = [f"Budget {budget:.0f} s", "", "| table | " + " | ".join(systems) + " |", "|---" * (len(systems) + 1) + "|"]
    ranks: list[Any] = []
    for (table, seed), of in sorted(runs.items()):
        metric = METRICS[BY_NAME[table].problem][0]
        cells = [_cell(of.get(system), metric) for system in systems]
        lines.append(f"| {table} {seed}, {metric} | " + " | ".join(cells) + " |")
        if all("scores" in of.get(system, {}) for system in systems):
            ranks.append(rankdata([-gain(metric, of[system]["scores"][metric]) for system in systems]))
    if ranks:
        means = " | ".join(f"**{mean:.2f}**" for mean in np.mean(ranks, axis=0))
        lines.append(f"| mean rank over {len(ranks)} | {means} |")
    for name, key, digits in (("fit, s", "fit_s", 0), ("peak, MB", "peak_mb", 0), ("row, ms", "row_ms", 1)):
        found = [[r[key] for r in rows if r["system"] == s and r.get(key) is not None] for s in systems]
        cells = [f"{np.median(of):.{digits}f} ({max(of):.{digits}f})" if of else "" for of in found]
        lines.append(f"| {name}: median (most) | " + " | ".join(cells) + " |")
    sizes = [[r["bytes"] / 1e6 for r in rows if r["system"] == s and r.get("bytes")] for s in systems]
    cells = [f"{np.median(of):.1f} ({max(of):.1f})" if of else "" for of in sizes]
    lines.append("| model, MB: median (most) | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Row | None, metric: str) -> str:
    if row is None:
        return "not run"
    return f"{row['scores'][metric]:.4f}" if "scores" in row else "failed"


def _intervals(rows: list[Row]) -> str:
    """How often the reported interval of the holdout held the score on the test rows."""
    held = [
        row["noted"]["next_low"]
        <= row["scores"][METRICS[BY_NAME[row["table"]].problem][0]]
        <= row["noted"]["next_high"]
        for row in rows
        if row["system"] == "ours" and row.get("noted", {}).get("next_low") is not None
    ]
    return f"The reported interval held the test score in {sum(held)} of {len(held)} runs." if held else ""
