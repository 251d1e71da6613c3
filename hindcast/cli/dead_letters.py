"""``hindcast dead-letters``: refused rows, mended and recorded after all."""

from __future__ import annotations

import click

from hindcast.cli.operations import OperationGroup


@click.group("dead-letters", cls=OperationGroup)
def dead_letters() -> None:
    """Refused events: list them, mend and replay them."""
