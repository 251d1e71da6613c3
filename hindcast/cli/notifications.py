"""``hindcast notifications``: what could not be delivered, and the secret that deliveries are signed with."""

from __future__ import annotations

from pathlib import Path

import click

from events.errors import Rejected
from hindcast.cli.operations import OperationGroup
from hindcast.cli.output import note
from hindcast.cli.target import Target, target_options


@click.group(cls=OperationGroup)
def notifications() -> None:
    """Notifications: list those given up, send them again; make a webhook's secret."""


@notifications.command()
@click.argument("keys", nargs=-1)
@click.option("--channel", help="All that were given up on this channel.")
@target_options
def resend(keys: tuple[str, ...], channel: str | None, data_dir: Path, address: str | None, key: str | None) -> None:
    """Send messages that were given up again: those with KEYS (see `failed`), or all of a channel."""
    if bool(keys) == (channel is not None):
        raise click.UsageError("name the messages' keys, or --channel (see `hindcast notifications failed`)")
    with Target(data_dir, address, key).client() as client:
        if channel is not None:
            keys = tuple(f["key"] for f in reversed(client.failed_notifications()) if f["channel"] == channel)
            if not keys:
                raise Rejected("--channel", f"no message was given up on {channel!r}")
        for name in keys:
            client.resend_notification(name)
    note(f"{len(keys)} on their way again; `hindcast tail notifications` shows what comes of them")


@notifications.command()
def secret() -> None:
    """Print a new secret for a webhook channel (Standard Webhooks): set it here and at the receiver."""
    from actors.webhook_signing import new_secret

    click.echo(new_secret())
