"""``hindcast annotations`` and ``hindcast shares``: what happened when, and links to dashboards."""

from __future__ import annotations

import click

from hindcast.cli.operations import OperationGroup


@click.group("annotations", cls=OperationGroup)
def annotations_() -> None:
    """Annotations: say what happened (a release, a campaign, an incident), for charts to show."""


@click.group(cls=OperationGroup)
def shares() -> None:
    """Links to dashboards, for those without a key: make, list, revoke."""
