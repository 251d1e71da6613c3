"""``hindcast status``: what runs, how far it is, and what waits."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hindcast.cli.output import UNREACHABLE, WRONG, fail, print_json, print_table, size
from hindcast.cli.target import Target, json_option, target_options


@click.command()
@target_options
@json_option
def status(data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """Show every cell of the running system. Exit code 1 if one does not run, 3 if no system answers."""
    target = Target(data_dir, address, key)
    if not target.runs():
        fail(f"no system runs on {data_dir}; start one with `hindcast up --data-dir {data_dir}`", UNREACHABLE)
    with target.client(tries=2) as client:
        found = client.status()
        url = str(client.address)
    bad = [cell for cell in found["cells"] if cell["state"] != "running"]
    if as_json:
        print_json({**found, "address": url})
    else:
        click.echo(f"Hindcast {found['version']} on {url}, {found['placement']}, log {size(found['log']['bytes'])}\n")
        print_table(found["cells"], ["cell", "state", "commit", "rows_behind", "detail"])
        for cell in found["cells"]:
            for note in cell["notes"]:
                click.echo(f"{cell['cell']}: {note}")
        for metric, late in (found["late_rows"] or {}).items():
            click.echo(
                f"{metric}: {late['rows']} rows came too late for their window, up to {late['behind_s']:.0f} s behind; "
                "see the stream late_rows"
            )
    if bad:
        sys.exit(WRONG)
