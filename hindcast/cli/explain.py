"""``hindcast explain``: where a number, or an alert, comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from hindcast.cli.output import note, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options


@click.command()
@click.argument("metric", required=False, default="")
@click.option(
    "--series",
    "of_key",
    metavar="KEY",
    help="The series of a metric that has keys.  [default: the one with the newest window]",
)
@click.option("--start", help="Start of the window: ISO 8601.  [default: the newest window]")
@click.option("--alert", default="", help="An alert instead of a metric: its id, as `hindcast alerts list` shows it.")
@click.option(
    "--as-of", metavar="MOMENT", help="What was known then: ISO 8601, how long ago (`1h`), or an answer's token."
)
@click.option("--valid-at", metavar="MOMENT", help="Only what had happened by then, whenever it became known.")
@click.option("--sql", help="A cell of a query's answer instead of a metric; with --column, and --row.")
@click.option("--column", help="The column of that cell.")
@click.option("--row", type=click.IntRange(0), default=0, show_default=True, help="The row of that cell.")
@target_options
@json_option
def explain(
    metric: str,
    of_key: str | None,
    start: str | None,
    alert: str,
    as_of: str | None,
    valid_at: str | None,
    sql: str | None,
    column: str | None,
    row: int,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Say where a value of METRIC comes from: its definition, the rows that sum up to it, what was corrected later."""
    if [bool(metric), bool(alert), bool(sql)].count(True) != 1:
        raise click.UsageError("name a METRIC, an alert with --alert, or a cell of an answer with --sql and --column")
    if bool(sql) != bool(column):
        raise click.UsageError("a cell of an answer needs --sql and --column")
    with Target(data_dir, address, key).client() as client:
        if sql:
            told = client.explain_cell(sql, column or "", row=row, as_of=as_of, valid_at=valid_at)
        else:
            told = client.explain(metric, key=of_key, start=start, alert=alert, as_of=as_of, valid_at=valid_at)
    if as_json:
        print_json(told)
    elif told["what"] == "sql":
        _show_cell(told)
    elif told["what"] == "alert":
        _show_alert(told)
    else:
        _show_metric(told)


def _defined(told: dict[str, Any]) -> None:
    said = told["definition"]
    click.echo(f"{said['kind']} {said['name']}, version {said['version']}, by {said['by']} at {said['at']}")
    click.echo(f"  {json.dumps(said['spec'], ensure_ascii=False)}")


def _show_cell(told: dict[str, Any]) -> None:
    click.echo(f"{told['column']} of row {told['row']} is {told['value']}")
    ends = [[stream, producer, end] for stream, heads in told["cut"].items() for producer, end in heads.items()]
    print_table(ends, ["stream", "producer", "read up to offset"])
    if told["untold"]:
        click.echo(f"Its rows cannot be told: {told['untold']}")
        return
    click.echo(f"It is made of {told['rows']['count']:,} rows:\n  {told['rows']['sql']}")
    again = told["again"]
    if again is not None:
        click.echo(
            "Counted again, they give the same." if again["equal"] else f"Counted again, they give {again['value']}."
        )


def _show_metric(told: dict[str, Any]) -> None:
    figures = ", ".join(f"{name} {value:g}" for name, value in told["figures"].items())
    key = f" of {told['key']}" if told["key"] else ""
    click.echo(f"{told['metric']}{key}, {told['from']} to {told['to']}, revision {told['revision']}: {figures}")
    _defined(told)
    print_table(
        [[p["producer"], p["rows"], p["first"], p["last"]] for p in told["rows"]["producers"]],
        ["producer", "rows", "first offset", "last offset"],
    )
    equal = "the same" if told["again"]["equal"] else f"not the same: {told['again']['figures']}"
    click.echo(f"The rows, counted again, give {equal}:\n  {told['rows']['sql']}")
    if len(told["revisions"]) > 1:
        print_table(
            [[r["revision"], r["known"], r["count"], r["sum"]] for r in told["revisions"]],
            ["revision", "known", "count", "sum"],
        )
    if told["late"]["count"]:
        note(f"{told['late']['count']} rows came too late for this window; `late_rows` lists them")


def _show_alert(told: dict[str, Any]) -> None:
    _defined(told)
    columns = ["time", "known", "type", "value", "threshold", "message"]
    print_table([[turn[name] for name in columns] for turn in told["turns"]], columns)
    columns = ["start", "count", "sum", "mean", "min", "max", "revision"]
    print_table([[window[name] for name in columns] for window in told["windows"]], columns)
    about = told["explain"]
    key = f" --series {about['key']}" if about["key"] else ""
    note(f"hindcast explain {about['metric']}{key} --start START explains one of these windows")
