"""``hindcast identities``: who an id is, and links taken back."""

from __future__ import annotations

import click

from hindcast.cli.operations import OperationGroup


@click.group(cls=OperationGroup)
def identities() -> None:
    """People: show who an id is, take a link back."""
