"""``hindcast keys``: create, list and revoke API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from hindcast.cli.output import note, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options

SCOPES = ("ingest", "query", "control", "admin")


@click.group()
def keys() -> None:
    """API keys: create, list, revoke."""


@keys.command()
@click.option("--scopes", required=True, help=f"Comma-separated, of {', '.join(SCOPES)}; admin is all of them.")
@click.option("--name", default="key", show_default=True, help="What the key is for.")
@target_options
@json_option
def create(scopes: str, name: str, data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """Create a key and print it: it is shown only this once."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        got = f", got {unknown[0]!r}" if unknown else ""
        raise click.BadParameter(f"must be of {', '.join(SCOPES)}{got}", param_hint="--scopes")
    with Target(data_dir, address, key).client() as client:
        made = client.create_key(name, wanted)
    if as_json:
        print_json(made)
    else:
        click.echo(made["key"])
        note(f"{made['id']} “{made['name']}” may {', '.join(made['scopes'])}. Keep the key: it is not shown again.")


@keys.command("list")
@target_options
@json_option
def list_keys(data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """List the keys, without their secrets."""
    with Target(data_dir, address, key).client() as client:
        found = client.keys()
    if as_json:
        print_json(found)
        return
    rows = [(k["id"], k["name"], ", ".join(k["scopes"]), _when(k["created"]), _when(k.get("expires"))) for k in found]
    print_table(rows, ["id", "name", "scopes", "created", "expires"])


def _when(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(" ", "seconds")


@keys.command()
@click.argument("id")
@target_options
def revoke(id: str, data_dir: Path, address: str | None, key: str | None) -> None:
    """Revoke the key with ID (see `list`); it stops working at once."""
    with Target(data_dir, address, key).client() as client:
        client.revoke_key(id)
    note(f"{id} is revoked")
