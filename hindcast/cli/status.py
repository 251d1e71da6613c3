"""``hindcast status``: what runs, how far it is, and what waits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hindcast.cli.output import UNREACHABLE, WRONG, fail, print_json, print_table, size
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from hindcast.client import PulledStatus, SourceStatus
    from hindcast.client.answers import Status

SHOWN = 20


@click.command()
@target_options
@json_option
def status(data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """Show every cell of the running system, how the sources fare that it reads, and how late each source's events came in
    the last 24 hours.

    Exit code 1 if a cell does not run, a source cannot be read or a plug-in is not there, 3 if no system answers.
    """
    target = Target(data_dir, address, key)
    if not target.runs():
        fail(f"no system runs on {data_dir}; start one with `hindcast up --data-dir {data_dir}`", UNREACHABLE)
    with target.client(tries=2) as client:
        found = client.status()
        url = str(client.address)
    bad = [cell for cell in found["cells"] if cell["state"] != "running"]
    bad += [plug_in for plug_in in found["plug_ins"] if plug_in["error"] or (plug_in["lacks"] and plug_in["installed"])]
    bad += [source for source in found["pulled"] if source["state"] == "retrying"]
    if as_json:
        print_json({**found, "address": url})
    else:
        click.echo(f"Hindcast {found['version']} on {url}, {found['placement']}, log {size(found['log']['bytes'])}\n")
        print_table(found["cells"], ["cell", "state", "commit", "rows_behind", "detail"])
        if found["pulled"]:
            click.echo()
            columns = ["source read", "kind", "state", "rows", "newest row", "lag", "behind", "last error"]
            print_table(map(_pulled, found["pulled"]), columns)
        if found["sources"]:
            click.echo()
            print_table(map(_lag, found["sources"][:SHOWN]), ["source", "rows", "lag p50", "lag p95", "lags stand at"])
            if len(found["sources"]) > SHOWN:
                click.echo(f"… and {len(found['sources']) - SHOWN:,} more sources; --json shows them")
        for line in _remarks(found):
            click.echo(line)
    if bad:
        sys.exit(WRONG)


def _remarks(found: Status) -> Iterator[str]:
    for cell in found["cells"]:
        if cell["stale"]:
            yield f"{cell['cell']}: what it shows is stale: {cell['stale']}"
        yield from (f"{cell['cell']}: {note}" for note in cell["notes"])
    for plug_in in found["plug_ins"]:
        if plug_in["error"]:
            yield f"plug-in {plug_in['name']} of {plug_in['package']} {plug_in['version']} is not there: {plug_in['error']}"
        if plug_in["lacks"]:
            yield f"plug-in {plug_in['name']} of {plug_in['package']} {plug_in['version']}: {plug_in['lacks']}"
    for source in found["pulled"]:
        if source["note"]:
            yield f"{source['name']}: {source['note']}"
        if source["refused"]:
            yield f"{source['name']}: {source['refused']:,} rows could not be read; see the stream dead_letters"
    for f in found["followers"]:
        if f["state"] != "following":
            yield f"{f['follower']} of {f['host']}: tries again after {f['last_error']}"
    for metric, late in (found["late_rows"] or {}).items():
        yield (
            f"{metric}: {late['rows']} rows came too late for their window, up to {late['behind_s']:.0f} s behind; "
            "see the stream late_rows"
        )


def _pulled(source: PulledStatus) -> tuple[str, str, str, int, str, str, str, str]:
    """The row of a source that is read."""
    age, lag, behind = source["row_s_ago"], source["lag_s"], source["behind"]
    return (
        source["name"],
        source["kind"],
        source["state"],
        source["rows"],
        "" if age is None else f"{age:,.0f} s ago",
        "" if lag is None else f"{lag:,.1f} s",
        "" if behind is None else f"{behind:,}",
        source["last_error"],
    )


def _lag(source: SourceStatus) -> tuple[str, int, str, str, str]:
    """A source's row; offsets at which at least one row in a hundred stands are a hint at its time zone."""
    peaks = [f"{p['lag_h']:+g} h ({p['rows']:,})" for p in source["peaks"] if p["rows"] * 100 >= source["rows"]]
    p50, p95 = ("> 7 d" if s is None else f"≤ {s:g} s" for s in (source["lag_p50_s"], source["lag_p95_s"]))
    return source["source"], source["rows"], p50, p95, ", ".join(peaks)
