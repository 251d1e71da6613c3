"""``hindcast move``: which process runs which cell, and how to change it while the system runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hindcast.cli.output import WRONG, fail, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from hindcast.client import Client
    from hindcast.client.answers import Placement

POLL_S = 0.3
PATIENCE_S = 90.0
"""A new host has a process to start: on a busy machine that may take a minute."""


@click.command()
@click.argument("cell", required=False)
@click.argument("host", required=False)
@click.option(
    "--all",
    "placement",
    type=click.Choice(["packed", "spread"]),
    help="Move all cells: one host (process) for each kind, or one for each cell.",
)
@click.option("--wait/--no-wait", default=True, help="Wait until the cells are there (the default).")
@target_options
@json_option
def move(
    cell: str | None,
    host: str | None,
    placement: Literal["packed", "spread"] | None,
    wait: bool,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Let CELL go on on another HOST (process) while the system runs; without arguments, show where the cells run.

    HOST is `own` for a process that runs nothing but this cell, or a name; one that is not there is started. The cell pauses
    for about as long as it takes to save and load its state; no other cell does, and nothing is lost. The next start goes by
    the configuration again. Waits until every cell is where it is to be, and says how far that is; `--no-wait` does not.
    """
    if placement and (cell or host):
        raise click.UsageError("--all moves every cell: leave out CELL and HOST")
    if cell and not host:
        raise click.UsageError("say where to: HOST is a name, or `own` for a process of its own")
    with Target(data_dir, address, key).client() as client:
        if placement or (cell and host):
            ordered = client.arrange(placement) if placement else client.move(str(cell), str(host))
            found = _awaited(client, ordered["order"]) if wait else ordered
        else:
            found = client.placement()
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['placement']}\n")
        columns = ["cell", "kind", "host", *(["going"] if any(place["going"] for place in found["cells"]) else [])]
        print_table([{**place, "going": place["going"] or ""} for place in found["cells"]], columns)


def _awaited(client: Client, order: int) -> Placement:
    """The placement once the order is carried out; says on the way how many cells are still to come.

    Ends with an error where it cannot be carried out, and after a minute and a half in which nothing came of it.
    """
    said, since = -1, time.monotonic()
    while (found := client.placement())["done"] < order or any(place["going"] for place in found["cells"]):
        left, total = sum(place["going"] is not None for place in found["cells"]), len(found["cells"])
        if left != said:
            said, since = left, time.monotonic()
            if left:
                click.echo(f"{total - left} of {total} cells are where they are to be …", err=True)
        if time.monotonic() - since > PATIENCE_S:
            said = (
                "the order stands, but nothing came of it so far; look again with `hindcast move` or `hindcast status`"
            )
            fail(said, WRONG)
        time.sleep(POLL_S)
    if found["failed"]:
        fail(found["failed"], WRONG)
    return found
