"""``hindcast drift``: whether two files come from one distribution, column by column."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from events.errors import Rejected
from hindcast.cli.analysis.source import counted, faults_of, working
from hindcast.cli.analysis.start import quick_start
from hindcast.cli.output import note, print_json, print_table
from hindcast.cli.target import json_option

if TYPE_CHECKING:
    import pyarrow as pa

    from analytics.drift import ColumnDrift, DriftReport

_FILE = click.Path(exists=True, dir_okay=False)


@click.command()
@click.argument("reference", type=_FILE)
@click.argument("current", type=_FILE)
@click.option("--columns", metavar="A,B,…", help="Columns to compare.  [default: all that both have, but times]")
@click.option(
    "--alarm-rate",
    type=float,
    default=0.01,
    show_default=True,
    metavar="P",
    help="Chance that anything alarms where nothing changed.",
)
@click.option("--fail-on-drift", is_flag=True, help="Exit with code 1 where a column drifted, to stop a pipeline.")
@json_option
@quick_start()
def drift(
    reference: str, current: str, columns: str | None, alarm_rate: float, fail_on_drift: bool, as_json: bool
) -> None:
    """Say which columns of CURRENT are distributed otherwise than in REFERENCE (CSV, NDJSON or Parquet, also gzipped).

    Comes out: for each column its verdict, the p-value corrected for all columns, how far apart the two are (PSI and
    Jensen-Shannon; 0 where alike) and the shares of rows without a value. --json has every measure with its threshold.
    Rows count as independent: two stretches of an autocorrelated series differ by more than this allows for.
    """
    from analytics.drift import compare
    from hindcast.tables import read

    with working(f"reading {reference}") as heard:
        before = read(reference, heard)
    with working(f"reading {current}") as heard:
        now = read(current, heard)
    with faults_of(f"{reference}, {current}"), working("comparing"):
        names = _common(before, now, reference, current, columns)
        samples = [
            _sample(reference, before, now, names),
            _sample(current, now, before, names),
        ]
        found = compare(*samples, alarm_rate=alarm_rate)
    if as_json:
        print_json(asdict(found))
    else:
        _tell(found)
    if fail_on_drift and found.drifted_columns:
        raise SystemExit(1)


def _sample(file: str, table: pa.Table, other: pa.Table, names: list[str]) -> dict[str, Any]:
    import numpy as np

    with faults_of(file):
        cells = {name: _cells(name, table[name], other[name]) for name in names}
    infinite = {
        name: n for name, column in cells.items() if column.dtype == float and (n := int(np.isinf(column).sum()))
    }
    if infinite:
        columns = ", ".join(f"{name} ({n:,})" for name, n in infinite.items())
        note(f"{file}: infinite values taken as missing: {columns}")
    return cells


def _common(before: pa.Table, now: pa.Table, reference: str, current: str, columns: str | None) -> list[str]:
    """The columns to compare; says which are left out, and why."""
    import pyarrow as pa

    from analytics.columns import listed

    if columns is not None:
        names = [name.strip() for name in columns.split(",") if name.strip()]
        for file, table in ((reference, before), (current, now)):
            lacking = [name for name in names if name not in table.column_names]
            if lacking:
                raise Rejected(
                    file, f"there is no column {', '.join(map(repr, lacking))}; there are {listed(table.column_names)}"
                )
        return names
    for file, table, other in ((reference, before, now), (current, now, before)):
        alone = [name for name in table.column_names if name not in other.column_names]
        if alone:
            note(f"left out, only in {file}: {', '.join(alone)}")
    shared = [name for name in before.column_names if name in now.column_names]
    types = {name: (before.schema.field(name).type, now.schema.field(name).type) for name in shared}
    timed = [name for name in shared if any(pa.types.is_temporal(type_) for type_ in types[name])]
    nested = [name for name in shared if any(pa.types.is_nested(type_) for type_ in types[name])]
    if timed:
        note(f"left out, times: {', '.join(timed)}")
    if nested:
        note(f"left out, lists or objects: {', '.join(nested)}")
    names = [name for name in shared if name not in timed + nested]
    if not names:
        raise Rejected(
            f"{reference}, {current}", "have no column in common that could be compared; name some: --columns"
        )
    return names


def _cells(name: str, column: pa.ChunkedArray, other: pa.ChunkedArray) -> Any:
    """float64 for numbers and truth values, NaN for null; objects for the rest. A column of nulls is what the other is.

    Text where the other file has numbers must read as numbers: ``ValueError`` with the row that does not.
    """
    import numpy as np
    import pyarrow as pa

    from analytics.columns import numeric, textual, values

    def number(type_: pa.DataType) -> bool:
        return numeric(type_) or pa.types.is_boolean(type_)

    if number(column.type) or (pa.types.is_null(column.type) and number(other.type)):
        plain = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
        return np.asarray(plain.cast(pa.float64(), safe=False).fill_null(float("nan")), np.float64)
    if numeric(other.type) and textual(column.type):
        return values(column, name)
    cells = np.empty(len(column), object)
    cells[:] = [cell if cell is None or isinstance(cell, str) else str(cell) for cell in column.to_pylist()]
    return cells


def _tell(found: DriftReport) -> None:
    note(f"{found.rows_reference:,} rows against {found.rows_current:,}, alarm rate {found.alarm_rate:g}")
    if not found.can_alarm:
        note("so few rows, or so little that varies, that no difference could be told from chance at this rate")
    judged = [column for column in found.columns if column.status == "compared"]
    drifted = found.drifted_columns
    click.echo(
        f"drift in {len(drifted)} of {counted(len(found.columns), 'column')}"
        if drifted
        else f"no drift found in {counted(len(judged), 'column')}"
    )
    order = sorted(found.columns, key=lambda c: (not c.drifted, drifted.index(c.name) if c.drifted else 0))
    columns = ["column", "verdict", "p", "PSI", "Jensen-Shannon", "missing", "new categories"]
    print_table([_line(column) for column in order], columns)


def _line(column: ColumnDrift) -> dict[str, Any]:
    by_name = {measure.name: measure.value for measure in column.measures}
    changed = column.missing_reference or column.missing_current
    return {
        "column": column.name,
        "verdict": "drifted" if column.drifted else "no drift" if column.status == "compared" else column.status,
        "p": None if column.p_value is None else float(f"{column.p_value:.2g}"),
        "PSI": _short(by_name.get("psi")),
        "Jensen-Shannon": _short(by_name.get("jensen_shannon")),
        "missing": f"{column.missing_reference:.1%} → {column.missing_current:.1%}" if changed else "",
        "new categories": ", ".join(column.unseen),
    }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")
