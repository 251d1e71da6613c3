"""``hindcast keys``: create, list, rotate and revoke API keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hindcast.cli.operations import OperationGroup
from hindcast.cli.output import note, print_json
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from hindcast.client import MadeKey

SCOPES = ("ingest", "query", "control", "admin")


@click.group(cls=OperationGroup)
def keys() -> None:
    """API keys: create, list, rotate, revoke."""


@keys.command()
@click.option("--scopes", required=True, help=f"Comma-separated, of {', '.join(SCOPES)}; admin is all of them.")
@click.option("--name", default="key", show_default=True, help="What the key is for.")
@click.option(
    "--source", help="The product whose events it brings.  [default: the name, or the key's id if that is taken]"
)
@target_options
@json_option
def create(
    scopes: str, name: str, source: str | None, data_dir: Path, address: str | None, key: str | None, as_json: bool
) -> None:
    """Create a key and print it: it is shown only this once.

    Segment's events are of the key's source, and their ids are unique within it: give two products two sources, and two
    keys of one product the same (or use `rotate`).
    """
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        got = f", got {unknown[0]!r}" if unknown else ""
        raise click.BadParameter(f"must be of {', '.join(SCOPES)}{got}", param_hint="--scopes")
    with Target(data_dir, address, key).client() as client:
        made = client.create_key(name, wanted, source)
    _show(made, as_json)


@keys.command()
@click.argument("id")
@target_options
@json_option
def rotate(id: str, data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """Create another key of the same name, scopes and source as the key with ID (see `list`).

    The old key works until you revoke it, so that the product can change over in peace. Events that it sent and that
    are sent again with the new key still count once.
    """
    with Target(data_dir, address, key).client() as client:
        made = client.rotate_key(id)
    _show(made, as_json)
    if not as_json:
        note(f"{id} still works; when the product uses the new key: hindcast keys revoke {id}")


def _show(made: MadeKey, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    click.echo(made["key"])
    may = ", ".join(made["scopes"])
    note(f"{made['id']} “{made['name']}” of source “{made['source']}” may {may}. Keep the key: it is not shown again.")
