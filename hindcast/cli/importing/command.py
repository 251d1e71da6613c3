"""``hindcast import``: the command, and what it says."""

from __future__ import annotations

import glob
import json
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from events.errors import Rejected
from hindcast.cli.output import WRONG, note, print_json
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from hindcast.cli.importing.parts import Part
    from hindcast.cli.importing.record import Progress
    from hindcast.cli.rehearsal import Rehearsal
    from hindcast.client import Client

SHOWN = 10


class Verdicts(NamedTuple):
    """What became of the rows of one file in this run; ``reasons`` are the first of those that were rejected."""

    progress: Progress
    reasons: list[dict[str, Any]]


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--type", "type_", metavar="COLUMN|TEXT", help="Column of the event's type, or one type for all rows.")
@click.option(
    "--source", metavar="COLUMN|TEXT", help="Column of the source, or one for all.  [default: the file's name]"
)
@click.option("--subject", metavar="COLUMN", help="Column of the person or thing that the event is about.")
@click.option("--time", "time_", metavar="COLUMN", help="Column of the time.")
@click.option("--id", "id_", metavar="COLUMN", help="Column of an id that is the event's own.")
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
    dry_run: bool,
    again: bool,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Import large files of events: NDJSON (also gzipped) and Parquet; FILE may be a pattern such as 'day-*.parquet'.

    Rows go in as tables of up to 20,000, which is a multiple of what `hindcast send` manages, in little memory however
    large the file is. How far a file has come is noted after each: an import that was broken off goes on there, and one
    that is finished is not done again.

    A row without an id gets the one that `hindcast send` would give it, made of the file's content and the row's number.
    Exit code 1 if any row was rejected.
    """
    from hindcast.cli.importing.record import folder_of
    from hindcast.cli.rehearsal import Rehearsal

    asked = {"type": type_, "source": source, "subject": subject, "time": time_, "id": id_}
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


def matching(patterns: tuple[str, ...]) -> list[str]:
    """The files, each once. Raises ``Rejected`` for a pattern that no file has."""
    found: dict[str, None] = {}
    for pattern in patterns:
        paths = [pattern] if Path(pattern).is_file() else sorted(p for p in glob.glob(pattern) if Path(p).is_file())  # noqa: PTH207 - absolute patterns too
        if not paths:
            raise Rejected("FILE", f"no file is called {pattern}; check the path, and put a pattern in quotes")
        found.update(dict.fromkeys(paths))
    return list(found)


class Import:
    """One file on its way in. ``folder``: where it is noted how far it is; None to note nothing."""

    def __init__(
        self, path: str, asked: dict[str, str | None], client: Client | Rehearsal, folder: Path | None
    ) -> None:
        from hindcast.cli.importing.mapping import Mapping
        from hindcast.cli.importing.record import Record, content_of

        content = content_of(path)
        self._path, self._asked, self._client = path, asked, client
        self._record = Record(folder, content, asked) if folder else None
        self._mapping = Mapping(path, asked, content)
        self._reasons: list[dict[str, Any]] = []
        self._said = False

    def run(self, again: bool) -> Verdicts:
        """Import what is left of it."""
        from hindcast.cli.importing.record import Progress

        progress = self._record.read(self._path) if self._record and not again else Progress(self._path)
        if progress.finished:
            note(f"{self._path}: imported already, nothing was sent (--again sends it anew)")
            return Verdicts(progress, [])
        if progress.rows:
            note(f"{self._path}: goes on after row {progress.rows:,}, where it was broken off")
        with self._showing(progress) as show:
            for part in self._parts(progress.rows):
                self._send(part, progress)
                progress.rows += part.rows
                self._note(progress)
                show(progress)
        progress.finished = True
        self._note(progress)
        self._report(progress)
        return Verdicts(progress, self._reasons)

    def _parts(self, after: int) -> Iterator[Part]:
        from hindcast.cli.importing.parts import parts_of

        for part in parts_of(self._path, self._mapping, after):
            if self._mapping.columns is not None and not self._said:
                self._said = True
                columns = self._mapping.columns
                note(f"Reading {self._path}: {columns.said()}; data = {', '.join(self._mapping.data) or 'nothing'}")
            yield part

    def _note(self, progress: Progress) -> None:
        if self._record:
            self._record.write(progress)

    def _send(self, part: Part, progress: Progress) -> None:
        from hindcast.cli.send import Sender, Tally

        if part.table is not None:
            receipt = self._client.send_table(part.table)
            progress.accepted += receipt["accepted"]
            progress.duplicate += receipt["duplicate"]
            progress.rejected += receipt["rejected_total"]
            for verdict in receipt["rejected"]:
                self._refuse(part.numbers[verdict["index"]], verdict["field"], verdict["reason"])
        if part.others:
            tally = Tally()
            Sender(self._client, self._path, self._asked, tally).send(part.others)
            progress.accepted += tally.accepted
            progress.duplicate += tally.duplicate
            progress.rejected += tally.rejected
            for reason in tally.reasons:
                self._refuse(reason["row"], reason["field"], reason["reason"])

    def _refuse(self, row: int, field: str, reason: str) -> None:
        if len(self._reasons) < 100:
            self._reasons.append({"row": row, "field": field, "reason": reason})

    @contextmanager
    def _showing(self, progress: Progress) -> Generator[Callable[[Progress], None], None, None]:
        """A bar on stderr, where somebody watches."""
        from hindcast.cli.importing.parts import rows_in

        if not sys.stderr.isatty():
            yield lambda _: None
            return
        total = rows_in(self._path)
        with click.progressbar(length=total or 0, label=self._path, file=sys.stderr, show_percent=bool(total)) as bar:

            def show(now: Progress) -> None:
                bar.label = f"{self._path} ({now.rows:,} rows, {now.rejected:,} rejected)"
                bar.update(now.rows - bar.pos)

            show(progress)
            yield show

    def _report(self, progress: Progress) -> None:
        say = "would be " if self._record is None else ""
        note(
            f"{self._path}: {progress.rows:,} rows, {progress.accepted:,} {say}accepted, {progress.duplicate:,} duplicate, "
            f"{progress.rejected:,} {say}rejected"
        )
        for reason in self._reasons[:SHOWN]:
            click.echo(f"  row {reason['row']}: {reason['field']} {reason['reason']}", err=True)
        if progress.rejected > SHOWN:
            where = "" if self._record is None else "; those that reached the server are in dead_letters"
            click.echo(f"  … and {progress.rejected - SHOWN:,} more{where}", err=True)


def _show_events(rehearsal: Rehearsal) -> None:
    click.echo("The first events:" if rehearsal.events else "No event.")
    for event in rehearsal.events:
        click.echo(f"  {json.dumps(event, ensure_ascii=False, default=str)}")
    click.echo("\nNothing was sent.")
