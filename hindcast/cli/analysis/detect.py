"""``hindcast detect``: what is unusual in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.analysis import picture
from hindcast.cli.analysis.resample import asked, resample_options, resampled
from hindcast.cli.analysis.source import (
    Source,
    column_options,
    counted,
    faults_of,
    file_argument,
    load,
    out_option,
    stamp,
    working,
)
from hindcast.cli.analysis.start import quick_start
from hindcast.cli.output import note, print_json
from hindcast.cli.target import json_option

if TYPE_CHECKING:
    import pyarrow as pa

    from analytics.spans import Span

WORST = 5


@click.command()
@file_argument
@column_options
@resample_options
@click.option(
    "--false-alarms-per-week",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="N",
    help="How many alarms a week each series may raise when nothing is wrong.",
)
@out_option
@picture.plot_option
@json_option
@quick_start()
def detect(
    file: str,
    time_: str | None,
    value: str | None,
    key: str | None,
    every: Span | None,
    agg: str | None,
    false_alarms_per_week: float,
    out: str | None,
    plot: str | None,
    as_json: bool,
) -> None:
    """Find what is unusual in FILE (CSV, NDJSON or Parquet, also gzipped; `-`: standard input).

    Writes one row for each row of FILE, in its order: key (where there is one), time, value, anomaly_score (0 to 1),
    expected, lower, upper, is_anomaly, direction (-1 below, 1 above), status (warming, ready). As CSV to standard output,
    or to --out. A summary with the worst rows goes to stderr; anomalies within 30 rows of one another are one alarm.
    --plot draws the series with the worst alarms.

    Each row is judged by the rows of its key at earlier times alone. A row without a value scores 0.
    """
    from analytics.anomaly import detect as judge
    from files.writing import writable, write

    writable(out)
    writable(plot, picture.SUFFIXES)
    source = resampled(load(file, time_, value, key, agg == "count"), file, asked(every, agg))
    names = source.columns
    with faults_of(file), working("detecting") as heard:
        found = judge(
            source.table, time=names.time, value=names.value, key=names.key,
            false_alarms_per_week=false_alarms_per_week, progress=heard,
        )  # fmt: skip
    alarms = _alarms(source, found)
    summary = _summary(source, found, alarms)
    if out is not None:
        with working("writing") as heard:
            write(found, out, heard)
    if plot is not None:
        picture.save(picture.of_anomalies(source, found, alarms), plot)
    if as_json:
        written = {name: path for name, path in (("out", out), ("plot", plot)) if path is not None}
        print_json(summary | written | ({} if out is not None else {"rows": _rows(found)}))
    elif out is None:
        write(found, None)
    _say(summary, out, plot)


def _summary(source: Source, found: pa.Table, alarms: list[int]) -> dict[str, Any]:
    import numpy as np

    ready = int((np.asarray(found["status"]) == "ready").sum())
    missing = int((~source.times.known | ~np.isfinite(source.values)).sum())
    return {
        "count": found.num_rows,
        "series": len(source.keys),
        "missing": missing,
        "warming": found.num_rows - ready,
        "anomalies": int(np.asarray(found["is_anomaly"]).sum()),
        "alarms": len(alarms),
        "worst": [_worst(source, found, row) for row in alarms[:WORST]],
    }


def _alarms(source: Source, found: pa.Table) -> list[int]:
    """The farthest-out row of each alarm of a series, the most surprising alarm first."""
    import numpy as np

    from analytics.anomaly import EPISODE_ROWS

    order = np.lexsort((source.times.us, source.codes))
    flagged = np.asarray(found["is_anomaly"])[order]
    at = np.flatnonzero(flagged)
    if not len(at):
        return []
    code = source.codes[order][at]
    run = np.cumsum(np.concatenate([[True], (np.diff(at) > EPISODE_ROWS) | (np.diff(code) != 0)]))
    rows = order[at]
    value, score = source.values[rows], np.asarray(found["anomaly_score"])[rows]
    low, high = (found[side].to_numpy()[rows] for side in ("lower", "upper"))
    with np.errstate(over="ignore", invalid="ignore"):
        excess = np.nan_to_num(np.maximum(value - high, low - value) / np.maximum(high - low, 1e-300))
    farthest_first = np.lexsort((rows, -excess, run))
    _, first = np.unique(run[farthest_first], return_index=True)
    farthest, most = farthest_first[first], np.maximum.reduceat(score, np.flatnonzero(np.diff(run, prepend=0)))
    return rows[farthest[np.lexsort((rows[farthest], -most))]].tolist()


def _worst(source: Source, found: pa.Table, row: int) -> dict[str, Any]:
    cells = {name: found[name][row].as_py() for name in ("value", "expected", "lower", "upper", "anomaly_score")}
    return {"row": row + 1, "key": source.name(int(source.codes[row])) or None} | {
        "time": stamp(int(source.times.us[row]), source.times),
        **cells,
    }


def _rows(found: pa.Table) -> list[dict[str, Any]]:
    plain = (int, float, bool, str, type(None))
    return [
        {name: cell if isinstance(cell, plain) else str(cell) for name, cell in row.items()}
        for row in found.to_pylist()
    ]


def _say(summary: dict[str, Any], *paths: str | None) -> None:
    of = f" of {counted(summary['series'], 'series', 'series')}" if summary["series"] > 1 else ""
    alarms = f" in {counted(summary['alarms'], 'alarm')}, the worst first" if summary["alarms"] else ""
    note(f"{counted(summary['count'], 'row')}{of}: {counted(summary['anomalies'], 'anomaly', 'anomalies')}{alarms}")
    if summary["missing"]:
        note(f"{counted(summary['missing'], 'row')} without a time or a finite value: not judged")
    if summary["warming"]:
        note(f"{counted(summary['warming'], 'row')} not judged, or only provisionally: too little came before")
    for worst in summary["worst"]:
        key = f"{worst['key']}, " if worst["key"] else ""
        band = f"{worst['lower']:.6g} to {worst['upper']:.6g}" if worst["lower"] is not None else "no band"
        note(
            f"  {key}{worst['time']} (row {worst['row']}): {worst['value']:.6g}, expected {band}"
            f", score {worst['anomaly_score']:.4f}"
        )
    for path in filter(None, paths):
        note(f"written to {path}")
