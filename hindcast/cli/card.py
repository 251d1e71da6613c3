"""``hindcast card``: the model card again, from what a run found out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def card(folder: Path) -> None:
    """Write card.html and card.md into DIR from its result.json: how good the model is, and what it is for."""
    from events.errors import Rejected
    from tuning.card import rebuild_card

    try:
        paths = rebuild_card(folder)
    except ValueError as error:
        raise Rejected("DIR", str(error)) from None
    except OSError as error:
        raise Rejected("DIR", f"cannot write into {folder}: {error.strerror}") from None
    for path in paths:
        click.echo(path)
