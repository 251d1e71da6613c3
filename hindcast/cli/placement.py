"""``hindcast move``: which process runs which cell, and how to change it while the system runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from hindcast.cli.output import print_json, print_table
from hindcast.cli.target import Target, json_option, target_options


@click.command()
@click.argument("cell", required=False)
@click.argument("host", required=False)
@click.option(
    "--all",
    "placement",
    type=click.Choice(["packed", "spread"]),
    help="Move all cells: one host (process) for each kind, or one for each cell.",
)
@target_options
@json_option
def move(
    cell: str | None,
    host: str | None,
    placement: Literal["packed", "spread"] | None,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Let CELL go on on another HOST (process) while the system runs; without arguments, show where the cells run.

    HOST is `own` for a process that runs nothing but this cell, or a name; one that is not there is started. The cell pauses
    for about as long as it takes to save and load its state; no other cell does, and nothing is lost. The next start goes by
    the configuration again.
    """
    if placement and (cell or host):
        raise click.UsageError("--all moves every cell: leave out CELL and HOST")
    if cell and not host:
        raise click.UsageError("say where to: HOST is a name, or `own` for a process of its own")
    with Target(data_dir, address, key).client() as client:
        if placement:
            found = client.arrange(placement)
        elif cell and host:
            found = client.move(cell, host)
        else:
            found = client.placement()
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['placement']}\n")
        print_table([dict(place) for place in found["cells"]], ["cell", "kind", "host"])
