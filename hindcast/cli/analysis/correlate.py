"""``hindcast correlate``: which columns of a file go together, and at what lag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.analysis.source import counted, cut, faults_of, file_argument, say, working
from hindcast.cli.analysis.start import quick_start
from hindcast.cli.output import note, print_json, print_table
from hindcast.cli.target import json_option

if TYPE_CHECKING:
    import pyarrow as pa

    from analytics.correlation import Correlations
    from analytics.kernels import F64, I64

SHOWN = 50
SPARSE = 4
"""A grid of more places than this for each row is no grid: lags count rows."""


@click.command()
@file_argument
@click.option("--time", "time_", metavar="COL", help="Column of the time.  [default: guessed; else the rows' order]")
@click.option("--values", metavar="A,B,…", help="Columns to compare.  [default: all numeric ones]")
@click.option(
    "--max-lag", type=click.IntRange(0), metavar="N", help="Search lags up to N steps either way.  [default: 24]"
)
@json_option
@quick_start()
def correlate(file: str, time_: str | None, values: str | None, max_lag: int | None, as_json: bool) -> None:
    """Find which columns of FILE go together (CSV, NDJSON or Parquet, also gzipped; `-`: standard input).

    Comes out: for each pair found, the lag (steps by which the second follows the first), the coefficient there with a
    95 % interval, and q, the false-discovery rate at which the pair is found (5 % is the limit). --json has all pairs.
    What is judged is what is new in each series, so that two that merely trend or share a season do not count.
    """
    from analytics.correlation import correlate as search
    from files.cells import asked, valued
    from files.tables import read

    with working("reading") as heard:
        table = read(file, heard).typed()
    with faults_of(file):
        time, names = _columns(_each(table, table.column_names, valued), time_, values)
        say(time=(time, time_), values=(", ".join(names), values))
        rows = _even(_each(table, [*names, *([] if time is None else [time])], asked), time, names)
    most = min(24, max(0, len(rows) // 4)) if max_lag is None else max_lag
    if max_lag is None and most < 24:
        note(f"{counted(len(rows), 'row')}: lags up to {most} are searched")
    with faults_of(file), working("correlating"):
        found = search(rows, names=names, max_lag=most)
    if as_json:
        print_json(_document(found))
    else:
        _tell(found)


def _each(table: pa.Table, names: list[str], read: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.Table:
    """The table with the text of these columns read anew."""
    import pyarrow as pa

    for name in names:
        if pa.types.is_string(table[name].type):
            table = table.set_column(table.column_names.index(name), name, read(table[name]))
    return table


def _columns(table: pa.Table, time: str | None, values: str | None) -> tuple[str | None, list[str]]:
    from analytics.columns import guess_time, listed

    names = [name.strip() for name in values.split(",") if name.strip()] if values is not None else None
    for name in [*(names or []), *([time] if time is not None else [])]:
        if name not in table.column_names:
            raise ValueError(f"there is no column {name!r}; there are {listed(table.column_names)}")
    if time is None:
        time = guess_time(table, [n for n in table.column_names if n not in (names or [])])
    if names is None:
        names = _numbers(table, [n for n in table.column_names if n != time])
    if len(names) < 2:
        raise ValueError(
            f"a correlation needs two numeric columns besides the time, here is {len(names) or 'none'}. There are"
            f" {listed(table.column_names)}: name them with --values"
        )
    return time, names


def _numbers(table: pa.Table, names: list[str]) -> list[str]:
    """Those of numbers, and those without a value. Raises ``ValueError`` for text among numbers where too few are left."""
    import pyarrow as pa

    from analytics.column_values import mostly_numbers, numeric, textual, values

    kept, faults = list[str](), list[ValueError]()
    for name in names:
        column = table[name]
        if numeric(column.type) or pa.types.is_null(column.type):
            kept.append(name)
        elif textual(column.type) and mostly_numbers(column):
            try:
                values(column, name)
                kept.append(name)
            except ValueError as error:
                faults.append(error)
    if faults and len(kept) < 2:
        raise faults[0]
    for fault in faults:
        note(f"left out: {fault}")
    return kept


def _even(table: pa.Table, time: str | None, names: list[str]) -> F64:
    """float64[steps, names] in order of time, steps without a row NaN; rows as they are where no time tells."""
    import numpy as np

    from analytics.column_values import values
    from analytics.times import times as times_of

    rows = np.column_stack([values(table[name], name) for name in names])
    infinite = int(np.isinf(rows).sum())
    if infinite:
        note(f"{counted(infinite, 'infinite value')} taken as missing")
    if time is None:
        note("no column of times: the rows are taken as even steps")
        return rows
    times = times_of(table[time], time)
    if not times.known.any():
        raise ValueError(f"column {time!r} has no time in any row: name another with --time")
    if not times.known.all():
        note(f"{counted(int((~times.known).sum()), 'row')} without a time left out")
    order = np.flatnonzero(times.known)
    order = order[np.argsort(times.us[order], kind="stable")]
    at = times.us[order]
    twice = np.flatnonzero(np.diff(at) == 0)
    if len(twice):
        first, second = sorted((order[twice[0] : twice[0] + 2] + 1).tolist())
        raise ValueError(f"column {time!r}: rows {first} and {second} have the same time; add them up to one row first")
    return _on_grid(rows[order], at)


def _on_grid(rows: F64, at: I64) -> F64:
    import numpy as np

    from analytics.trend.series import places

    grid = places(at)
    if grid is None or grid[-1] >= SPARSE * len(grid):
        note("the times have no regular step: lags count rows")
        return rows
    even = np.full((int(grid[-1]) + 1, rows.shape[1]), np.nan)
    even[grid] = rows
    if len(even) > len(rows):
        note(f"{counted(len(even) - len(rows), 'step')} without a row taken as missing")
    return even


def _document(found: Correlations) -> dict[str, Any]:
    return {
        "method": found.method,
        "max_lag": found.max_lag,
        "fdr": found.fdr,
        "pairs": [asdict(pair) for pair in sorted(found.pairs, key=lambda p: not p.significant)],
    }


def _tell(found: Correlations) -> None:
    related = found.significant
    counts = [
        f"{n} {what}"
        for what in ("not enough data", "constant")
        if (n := sum(pair.status == what for pair in found.pairs))
    ]
    unjudged = f" ({', '.join(counts)})" if counts else ""
    note(f"{counted(len(found.pairs), 'pair')}{unjudged}: {counted(len(related), 'relation')} found")
    if not related:
        click.echo("no relation found")
        return
    print_table(
        [
            {
                "first": pair.first,
                "second": pair.second,
                "lag": pair.lag,
                "coefficient": _short(pair.coefficient),
                "95 %": f"{pair.lower:.2f} to {pair.upper:.2f}"
                if pair.lower is not None and pair.upper is not None
                else None,
                "q": "< 0.001" if (pair.q_value or 0.0) < 0.001 else _short(pair.q_value),
                "rows": pair.n,
            }
            for pair in cut(related, SHOWN, "relations")
        ],
        ["first", "second", "lag", "coefficient", "95 %", "q", "rows"],
    )


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")
