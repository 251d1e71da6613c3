"""``hindcast plan``: a tracking plan learned from what came."""

from __future__ import annotations

import click

from hindcast.cli.operations import OperationGroup


@click.group(cls=OperationGroup)
def plan() -> None:
    """Tracking plans: learn one from what came."""
