"""``hindcast backup | restore | verify``: keep a copy of a system, get it back, and know whether it is whole."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hindcast.cli.output import WRONG, note, print_json
from hindcast.cli.target import data_dir_option, json_option

if TYPE_CHECKING:
    from hindcast.backup import Manifest

FOLDER = click.argument("folder", type=click.Path(path_type=Path))


@click.command()
@FOLDER
@data_dir_option
@json_option
def backup(folder: Path, data_dir: Path, as_json: bool) -> None:
    """Copy a system, log, archive and secrets, to a new FOLDER, as of one moment; it may run meanwhile."""
    from hindcast.backup import back_up

    _told(back_up(data_dir, folder), as_json)
    note(f"It holds keys and secrets: keep {folder} as private as the data directory")


@click.command()
@FOLDER
@data_dir_option
@json_option
def restore(folder: Path, data_dir: Path, as_json: bool) -> None:
    """Make a backup in FOLDER the data directory, which must be new; each file is compared with its checksum."""
    from hindcast.backup import restore

    _told(restore(folder, data_dir), as_json)
    note(f"`hindcast up --data-dir {data_dir}` goes on from there")


def _told(found: Manifest, as_json: bool) -> None:
    at = datetime.fromtimestamp(found.at / 1e6, UTC).isoformat(timespec="seconds")
    if as_json:
        print_json({"at": at, "files": len(found.files), "bytes": found.bytes, "commits": found.commits})
    else:
        click.echo(f"{len(found.files)} files, {found.bytes / 2**20:,.1f} MiB, {len(found.commits)} cells as of {at}")


@click.command()
@data_dir_option
@json_option
def verify(data_dir: Path, as_json: bool) -> None:
    """Read the whole log and archive: is everything as it was written? Exit code 1 where it is not.

    The system may run meanwhile, and what is whole goes on whatever else is damaged.
    """
    from events.errors import Corrupt, Transient
    from events.log import Verdict
    from hindcast.log_place import log_in
    from hindcast.receipts import problems

    log, found = log_in(data_dir).open(woken=False), list[Verdict]()
    try:
        for cell in log.cells():
            try:
                found.append(log.verify(cell))
            except (Corrupt, Transient) as error:
                found.append(Verdict(cell, problems=[str(error)]))
    finally:
        log.close()
    found += [Verdict("erasures", problems=said) for said in [problems(data_dir, found)] if said]
    if as_json:
        print_json({"ok": all(v.sound for v in found), "cells": [msgspec.to_builtins(v) for v in found]})
    else:
        _listed(found)
    if not all(verdict.sound for verdict in found):
        sys.exit(WRONG)


def _listed(found: list[Any]) -> None:
    for verdict in found:
        mark = click.style("ok  ", fg="green") if verdict.sound else click.style("fail", fg="red", bold=True)
        archived = f", {verdict.segments} archived files" if verdict.segments else ""
        click.echo(f"{mark}  {verdict.cell}: {verdict.commits:,} commits, {verdict.rows:,} rows in the log{archived}")
        for problem in verdict.problems:
            click.echo(f"      → {problem}")
    if all(verdict.sound for verdict in found):
        click.echo("\nEverything is as it was written.")
    else:
        click.echo(
            "\nKeep the directory as it is. A damaged file of the archive comes back from a backup (`hindcast restore` into "
            "a new directory, then copy the file). Of the log, cells whose inputs are whole are rebuilt by replay; "
            "collectors need the backup."
        )
