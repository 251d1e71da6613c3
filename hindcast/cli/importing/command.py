"""``hindcast import``: the command, and what it says."""

from __future__ import annotations

import glob
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from events.errors import Rejected
from hindcast.cli.output import WRONG, print_json
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from hindcast.cli.rehearsal import Rehearsal

KINDS = ("csv", "ndjson", "parquet", "segment", "posthog", "stripe")


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="[FORMAT] FILE…")
@click.option("--type", "type_", metavar="COLUMN|TEXT", help="Column of the event's type, or one type for all rows.")
@click.option(
    "--source", metavar="COLUMN|TEXT", help="Column of the source, or one for all.  [default: the file's name]"
)
@click.option("--subject", metavar="COLUMN", help="Column of the person or thing that the event is about.")
@click.option("--time", "time_", metavar="COLUMN", help="Column of the time.")
@click.option("--id", "id_", metavar="COLUMN", help="Column of an id that is the event's own.")
@click.option("--known", metavar="COLUMN", help="Column of when a row became known.  [default: when it happened]")
@click.option("--anonymous", metavar="COLUMN", help="Column of an id of somebody without a name.")
@click.option(
    "--dry-run", is_flag=True, help="Say what the columns are taken for and what would be refused; send nothing."
)
@click.option("--again", is_flag=True, help="Begin anew with a file that was imported, or was begun.")
@target_options
@json_option
def import_(
    files: tuple[str, ...],
    type_: str | None,
    source: str | None,
    subject: str | None,
    time_: str | None,
    id_: str | None,
    known: str | None,
    anonymous: str | None,
    dry_run: bool,
    again: bool,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Import files of events of the past; FILE may be a pattern such as 'day-*.parquet'.

    FORMAT is csv, ndjson or parquet; or whose export it is: segment (the files that it stores in S3, or tables of its
    warehouse), posthog (events, as JSON or CSV), stripe (a list of events, or CSV of payments or invoices). Without it,
    the file says what it is. All may be gzipped.

    Rows go in as tables of up to 20,000, in little memory however large the file is. The system notes with them how far
    the file is: an import that was broken off goes on there, and a second one adds nothing, however much later it is.
    Nobody is notified of what is imported. --dry-run shows the mapping and the first events, and sends nothing.

    A row without an id gets the one that `hindcast send` would give it, made of the file's content and the row's number.
    Exit code 1 if any row was rejected.
    """
    from hindcast.cli.importing.one import Import
    from hindcast.cli.importing.record import folder_of
    from hindcast.cli.rehearsal import Rehearsal

    kind, files = _kind(files)
    asked = {"type": type_, "source": source, "subject": subject, "time": time_, "id": id_}
    asked |= {"known": known, "anonymous": anonymous, "format": kind}
    rehearsal = Rehearsal() if dry_run else None
    client = rehearsal or Target(data_dir, address, key).client()
    folder = None if rehearsal else folder_of(data_dir, address)
    found = [Import(path, asked, client, folder).run(again) for path in matching(files)]
    if as_json:
        print_json([{**vars(one.progress), "reasons": one.reasons} for one in found])
    elif rehearsal:
        _show_events(rehearsal)
    if any(one.progress.rejected for one in found):
        sys.exit(WRONG)


def _kind(files: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The format that was named, and the files; a file of such a name is written `./csv`."""
    if files[0] not in KINDS:
        return None, files
    if len(files) == 1:
        raise click.UsageError(f"which file? `hindcast import {files[0]} FILE`")
    return files[0], files[1:]


def matching(patterns: tuple[str, ...]) -> list[str]:
    """The files, each once. Raises ``Rejected`` for a pattern that no file has."""
    found: dict[str, None] = {}
    for pattern in patterns:
        paths = [pattern] if Path(pattern).is_file() else sorted(p for p in glob.glob(pattern) if Path(p).is_file())  # noqa: PTH207 - absolute patterns too
        if not paths:
            raise Rejected("FILE", f"no file is called {pattern}; check the path, and put a pattern in quotes")
        found.update(dict.fromkeys(paths))
    return list(found)


def _show_events(rehearsal: Rehearsal) -> None:
    click.echo("The first events:" if rehearsal.events else "No event.")
    for event in rehearsal.events:
        click.echo(f"  {json.dumps(event, ensure_ascii=False, default=str)}")
    click.echo("\nNothing was sent.")
