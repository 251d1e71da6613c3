"""``hindcast apply``, ``export``, ``diff``: definitions of a running system from a file and into one."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from events.errors import Rejected
from events.nearest import did_you_mean
from hindcast.cli.operations import OperationGroup
from hindcast.cli.output import WRONG, note, print_json
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from hindcast.client import DefinitionChange


@click.group(cls=OperationGroup)
def definitions() -> None:
    """Definitions: list, show, versions, remove."""


file_option = click.option(
    "-f",
    "--file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Definitions as in a configuration: `alerts:`, `dashboards:`, … with a list each. `-` reads standard input.",
)


@click.command()
@file_option
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@target_options
@json_option
def apply(file: Path, dry_run: bool, data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """Define what FILE says, all of it or nothing, without a restart. Nothing is removed."""
    wanted = definitions_in(file)
    with Target(data_dir, address, key).client() as client:
        _say(client.apply(wanted, dry_run=dry_run), as_json)


@click.command()
@file_option
@target_options
@json_option
def diff(file: Path, data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """Show what `hindcast apply` of FILE would change; exit code 1 where it would change anything."""
    wanted = definitions_in(file)
    with Target(data_dir, address, key).client() as client:
        changes = client.apply(wanted, dry_run=True)
    _say(changes, as_json)
    if any(change["change"] != "same" for change in changes):
        sys.exit(WRONG)


@click.command()
@click.option(
    "--kind", default="", help="Only definitions of this kind: rule, dashboard, metric, anomaly, channel, cohort."
)
@target_options
@json_option
def export(kind: str, data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """Print the definitions that hold as YAML, in the form that `hindcast apply` and configurations take.

    Secrets are not in it, only where they are.
    """
    import yaml

    from actors.definitions.kinds import KINDS

    with Target(data_dir, address, key).client() as client:
        found = client.definitions(kind)
    if as_json:
        print_json(found)
        return
    sections: dict[str, list[Any]] = {}
    for known in KINDS.values():
        specs = [definition["spec"] for definition in found if definition["kind"] == known.name]
        if specs:
            sections[known.section] = specs
    click.echo(yaml.safe_dump(sections, sort_keys=False, allow_unicode=True, width=120), nl=False)


def definitions_in(file: Path) -> list[dict[str, Any]]:
    """The definitions of a file. Raises ``Rejected`` where it is none of definitions."""
    import yaml

    from actors.definitions.kinds import KINDS

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
    except OSError as error:
        raise Rejected("file", f"cannot read {file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Rejected("file", f"{file} is not YAML: {error}") from None
    sections = {kind.section: kind.name for kind in KINDS.values()}
    listed = ", ".join(sections)
    if not isinstance(document, dict) or not document:
        raise Rejected("file", f"{file} must be a mapping with any of the keys {listed}")
    found: list[dict[str, Any]] = []
    for section, items in document.items():
        if section not in sections:
            hint = did_you_mean(str(section), sections)
            raise Rejected(
                str(section),
                f"is not applied to a running system{hint}: keys of {file} are {listed}; give the rest to `hindcast up`",
            )
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Rejected(str(section), f"must be a list of definitions in {file}")
        found += [{"kind": sections[section], "spec": item} for item in items]
    if not found:
        raise Rejected("file", f"{file} holds no definition")
    return found


def _say(changes: Sequence[DefinitionChange], as_json: bool) -> None:
    if as_json:
        print_json(list(changes))
        return
    for change in changes:
        click.echo(f"{change['change']:8} {change['kind']} {change['name']}")
        for one in change["differences"]:
            before, after = (json.dumps(value, ensure_ascii=False) for value in (one["before"], one["after"]))
            click.echo(f"           {one['field']}: {before} -> {after}")
        for warning in change["warnings"]:
            click.secho(f"Warning: {change['name']}: {warning}", fg="yellow", err=True)
    different = sum(change["change"] != "same" for change in changes)
    note(f"{len(changes)} definitions, {different} different from what held")
