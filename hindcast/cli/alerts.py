"""``hindcast alerts``: list them, and say of one that somebody takes care of it."""

from __future__ import annotations

import click

from hindcast.cli.operations import OperationGroup


@click.group(cls=OperationGroup)
def alerts() -> None:
    """Alerts: list, acknowledge."""
