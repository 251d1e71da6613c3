"""``hindcast sources``: what is read, how it fares, and a source more, tried before it is defined."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.output import WRONG, fail, note, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from pydantic import BaseModel

    from actors.parts import SourceKind
    from actors.source import Read

SHOWN = 5
"""Rows of a first read that are shown."""
READS = 6
"""A source is read so often until it brings rows: some say where they are first."""
COLUMNS = ("name", "kind", "stream", "state", "rows", "refused", "lag_s", "behind", "last_error")


@click.group()
def sources() -> None:
    """Sources: list how they fare, add one, see which kinds there are."""


@sources.command("list")
@target_options
@json_option
def list_(data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """Show each source that the system reads: state, rows, lag, last error. Exit code 1 where one fails."""
    with Target(data_dir, address, key).client() as client:
        found = client.status()["pulled"]
    if as_json:
        print_json(found)
    elif found:
        print_table([[source[name] for name in COLUMNS] for source in found], COLUMNS)
    else:
        note("This system reads no source; `hindcast sources add` defines one.")
    if any(source["state"] == "retrying" for source in found):
        sys.exit(WRONG)


@sources.command()
@click.argument("kind", required=False)
def kinds(kind: str | None) -> None:
    """List the kinds of sources, or the settings of KIND."""
    known = _kinds()
    if kind is None:
        print_table([(name, known[name].stream.name) for name in sorted(known)], ("kind", "into the stream"))
        return
    section = _known(kind).section
    rows = [
        (name, "required" if field.is_required() else _shown(field.get_default(call_default_factory=True)))
        for name, field in section.model_fields.items()
        if name != "kind"
    ]
    print_table(rows, ("setting", "default"))


@sources.command()
@click.argument("name")
@click.option("--kind", help="The kind of source (`hindcast sources kinds`); asked for where it is left out.")
@click.option(
    "--set", "said", multiple=True, metavar="SETTING=VALUE", help="A setting, its value as in YAML; repeatable."
)
@click.option(
    "--allow", multiple=True, metavar="HOST", help="A private host that the trial may read from; see the docs."
)
@click.option("--no-trial", is_flag=True, help="Define it without reading from it first.")
@click.option("--dry-run", is_flag=True, help="Only try it, and say what would change.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@target_options
@json_option
def add(
    name: str,
    kind: str | None,
    said: Sequence[str],
    allow: Sequence[str],
    no_trial: bool,
    dry_run: bool,
    yes: bool,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Define the source NAME, after reading from it once and showing its first rows.

    What is required and was not said with --set is asked for. Secrets are references: env:NAME or file:NAME. The trial
    reads in this process; the system itself may read from private hosts that its `fetching.allow_private` names.
    """
    asks = not yes and sys.stdin.isatty()
    if kind is None and not asks:
        fail(f"say --kind; kinds are {', '.join(sorted(_kinds()))}", 2)
    chosen = _known(kind or click.prompt("Kind", type=click.Choice(sorted(_kinds())), show_choices=True))
    spec = _settings(chosen, said, asks)
    section = _checked(chosen.section, spec)
    if not no_trial:
        read = _tried(chosen, section, name, data_dir, tuple(allow))
        _show(read)
        if asks and not dry_run and not click.confirm("Define it?", default=True, err=True):
            return
    with Target(data_dir, address, key).client() as client:
        change = client.define("source", name, spec, dry_run=dry_run)
    if as_json:
        print_json(change)
    else:
        note(
            f"{name}: {change['change']}{' (dry run)' if dry_run else ''}. `hindcast sources list` shows how it fares."
        )


def _kinds() -> Mapping[str, SourceKind]:
    from config.parts import parts

    return parts().source_kinds


def _known(name: str) -> SourceKind:
    from events.errors import Rejected
    from events.nearest import did_you_mean

    found = _kinds().get(name)
    if found is None:
        raise Rejected(
            "kind", f"there is none {name!r}{did_you_mean(name, _kinds())}; kinds are {', '.join(sorted(_kinds()))}"
        )
    return found


def _settings(kind: SourceKind, said: Sequence[str], asks: bool) -> dict[str, Any]:
    """What was said, and answers to what is required besides."""
    import yaml

    spec: dict[str, Any] = {"kind": kind.name}
    for one in said:
        name, equals, value = one.partition("=")
        if not equals:
            fail(f"--set {one}: write it as setting=value", 2)
        try:
            spec[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            fail(f"--set {name}: is no YAML: {' '.join(str(error).split())}", 2)
    for name, field in kind.section.model_fields.items():
        if asks and field.is_required() and name not in spec:
            spec[name] = yaml.safe_load(click.prompt(name, err=True))
    return spec


def _checked(section: type[BaseModel], spec: Mapping[str, Any]) -> Any:
    from pydantic import ValidationError

    from events.errors import Rejected

    try:
        return section.model_validate(spec)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "settings"
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise Rejected(field, f"{reason}; `hindcast sources kinds {spec['kind']}` lists the settings") from None


def _tried(kind: SourceKind, section: Any, name: str, data_dir: Path, allow: tuple[str, ...]) -> Read:
    """The first read that brings something; ends the command where the source cannot be read."""
    from actors.edges.secrets import SECRETS
    from actors.parts import Within

    clock: Callable[[], int] = lambda: time.time_ns() // 1000  # noqa: E731
    within = Within("main", data_dir, 0, data_dir / SECRETS, allow)
    note(f"Reading from {name} …")
    try:
        reader = kind.source(section, name, within)(clock).open(None)
        try:
            read = reader.read()
            for _ in range(READS - 1):
                if read.rows.num_rows or read.refused is not None:
                    break
                read = reader.read()
            return read
        finally:
            reader.close()
    except Exception as error:  # noqa: BLE001 - whatever a source may raise is what the user wants to know
        fail(f"{name} cannot be read: {error}. Mend it, or define it all the same with --no-trial", WRONG)


def _show(read: Read) -> None:
    rows = read.rows.slice(0, SHOWN).to_pylist()
    columns = [c for c in read.rows.schema.names if any(row[c] not in (None, "") for row in rows)]
    columns = [c for c in columns if c not in ("received", "partition_key", "source")]
    if rows:
        click.echo(f"It brings {read.rows.num_rows:,} rows at first; the first {len(rows)} of them:")
        print_table([[_shown(row[c]) for c in columns] for row in rows], columns, cell=40)
    else:
        click.echo("It can be read, and has nothing yet.")
    if read.refused is not None and read.refused.num_rows:
        first = read.refused.slice(0, 1).to_pylist()[0]
        click.echo(
            f"{read.refused.num_rows:,} items cannot be rows; of the first one: {first['field']} {first['reason']}"
        )
    if read.note:
        click.echo(read.note)


def _shown(value: Any) -> str:
    return "—" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
