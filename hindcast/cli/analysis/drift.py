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
    from analytics.drift import ColumnDrift, DriftReport
    from hindcast.cli.analysis.comparable import Sheet

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
    A column of numbers in one file and of text in the other is compared, too: its change of type is what is found.
    Rows count as independent: two stretches of an autocorrelated series differ by more than this allows for.
    """
    from analytics.drift import compare
    from files.tables import read
    from hindcast.cli.analysis.comparable import Sheet, comparable

    sheets: list[Sheet] = []
    for file in (reference, current):
        with working(f"reading {file}") as heard:
            sheets.append(Sheet.of(file, read(file, heard)))
    with faults_of(f"{reference}, {current}"), working("comparing"):
        names = _common(sheets[0], sheets[1], columns)
        cells = [comparable(name, sheets[0], sheets[1]) for name in names]
        samples = [dict(zip(names, side, strict=True)) for side in zip(*cells, strict=True)]
        for file, sample in zip((reference, current), samples, strict=True):
            _say_infinite(file, sample)
        found = compare(*samples, alarm_rate=alarm_rate)
    if as_json:
        print_json(asdict(found))
    else:
        _tell(found)
    if fail_on_drift and found.drifted_columns:
        raise SystemExit(1)


def _say_infinite(file: str, sample: dict[str, Any]) -> None:
    import numpy as np

    infinite = {
        name: n for name, column in sample.items() if column.dtype == float and (n := int(np.isinf(column).sum()))
    }
    if infinite:
        columns = ", ".join(f"{name} ({n:,})" for name, n in infinite.items())
        note(f"{file}: infinite values taken as missing: {columns}")


def _common(before: Sheet, now: Sheet, columns: str | None) -> list[str]:
    """The columns to compare; says which are left out, and why."""
    from analytics.columns import listed

    if columns is not None:
        names = [name.strip() for name in columns.split(",") if name.strip()]
        for sheet in (before, now):
            lacking = [name for name in names if name not in sheet.names]
            if lacking:
                said = f"there is no column {', '.join(map(repr, lacking))}; there are {listed(sheet.names)}"
                raise Rejected(sheet.file, said)
        return names
    for sheet, other in ((before, now), (now, before)):
        alone = [name for name in sheet.names if name not in other.names]
        if alone:
            note(f"left out, only in {sheet.file}: {', '.join(alone)}")
    shared = [name for name in before.names if name in now.names]
    kinds = {name: {before.kind(name), now.kind(name)} for name in shared}
    timed = [name for name in shared if "time" in kinds[name] and all(s.may_be_times(name) for s in (before, now))]
    nested = [name for name in shared if "nested" in kinds[name]]
    if timed:
        note(f"left out, times: {', '.join(timed)}")
    if nested:
        note(f"left out, lists or objects: {', '.join(nested)}")
    names = [name for name in shared if name not in timed + nested]
    if not names:
        raise Rejected(
            f"{before.file}, {now.file}", "have no column in common that could be compared; name some: --columns"
        )
    return names


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
