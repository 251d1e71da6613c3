"""``hindcast link``: an address that opens the page once."""

from __future__ import annotations

from pathlib import Path

import click

from hindcast.cli.output import note
from hindcast.cli.target import Target, target_options


@click.command()
@target_options
def link(data_dir: Path, address: str | None, key: str | None) -> None:
    """Print a link that opens the page in a browser, without a key: it works once, within a day."""
    with Target(data_dir, address, key).client() as client:
        click.echo(client.create_link())
    note("Whoever opens it may look and acknowledge for 30 days; `hindcast keys list` shows such sessions")
