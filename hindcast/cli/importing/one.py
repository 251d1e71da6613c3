"""One file on its way in: part by part, from where the system already has it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hindcast.cli.importing.exports import EXPORTS
from hindcast.cli.importing.mapping import Mapping
from hindcast.cli.importing.parts import Format, Part, parts_of, rows_in
from hindcast.cli.importing.record import Progress, Record, content_of, name_of
from hindcast.cli.importing.single import Singles
from hindcast.cli.output import note
from hindcast.client.sending import uuid7

if TYPE_CHECKING:
    import pyarrow as pa

    from hindcast.cli.rehearsal import Rehearsal
    from hindcast.client import Client

SHOWN = 10


class Verdicts(NamedTuple):
    """What became of the rows of one file in this run; ``reasons`` are the first of those that were rejected."""

    progress: Progress
    reasons: list[dict[str, Any]]


class Import:
    """One file. ``folder``: where it is noted how far it was read; None to send nothing."""

    def __init__(
        self, path: str, asked: dict[str, str | None], client: Client | Rehearsal, folder: Path | None
    ) -> None:
        content = content_of(path)
        self._path, self._client, self._folder = path, client, folder
        self._name = name_of(content, asked)
        kind = asked.get("format")
        self._product = kind if kind in EXPORTS else None
        self._kind: Format | None = kind if kind in ("csv", "ndjson", "parquet") else None
        self._mapping = Mapping(path, asked, content)
        self._singles = Singles(path, asked, asked.get("source") or self._product or "", self._product)
        self._reasons: list[dict[str, Any]] = []
        self._said = False
        self._there = 0
        """So many rows the system had before."""

    def run(self, again: bool) -> Verdicts:
        """Import what is left of it."""
        if again:
            self._name = f"{self._name[:80]}-{uuid7()}"
        record = Record(self._folder, self._name) if self._folder else None
        progress = self._begun(record)
        if progress.finished:
            note(f"{self._path}: imported already, nothing was sent (--again sends it anew)")
            return Verdicts(progress, [])
        if self._there:
            note(f"{self._path}: goes on after row {max(progress.rows, self._there):,}, where it was broken off")
        with self._showing(progress) as show:
            for part in parts_of(self._path, self._mapping, progress.rows, self._product, self._kind):
                self._send(part, progress)
                progress.rows += part.rows
                if record:
                    record.write(progress)
                show(progress)
        if record:
            self._client.finish_import(self._name, progress.sent, Path(self._path).name)
        progress.finished = True
        if record:
            record.write(progress)
        self._report(progress)
        return Verdicts(progress, self._reasons)

    def _begun(self, record: Record | None) -> Progress:
        """Where to go on reading: the system knows how many rows it has, the record where these end in the file."""
        if record is None:
            return Progress(self._path)
        there = self._client.import_progress(self._name)
        self._there = there["rows"]
        noted = record.read(self._path)
        if there["finished"]:
            return noted if noted.finished else Progress(self._path, sent=there["rows"], finished=True)
        return Progress(self._path) if noted.sent > self._there or noted.finished else noted

    def _send(self, part: Part, progress: Progress) -> None:
        if part.table is not None:
            self._send_table(part.table, part.numbers, progress)
        if part.others:
            before = self._singles.tally.rejected
            found = list(self._singles.tables(part.others))
            progress.rejected += self._singles.tally.rejected - before
            self._reasons += self._singles.tally.reasons[: 100 - len(self._reasons)]
            self._singles.tally.reasons.clear()
            for table, numbers in found:
                self._send_table(table, numbers, progress)
        if not self._said and (self._mapping.columns is not None or self._product):
            self._said = True
            self._say_mapping()

    def _say_mapping(self) -> None:
        columns = self._mapping.columns
        if columns is not None:
            beside = "".join(f", {name} = column {column}" for name, column in self._mapping.beside.items())
            data = ", ".join(self._mapping.data) or "nothing"
            note(f"Reading {self._path}: {columns.said()}{beside}; data = {data}")
        else:
            note(f"Reading {self._path}: an export of {self._product}")

    def _send_table(self, table: pa.Table, numbers: list[int], progress: Progress) -> None:
        """Send what of it the system does not have."""
        had = min(max(self._there - progress.sent, 0), table.num_rows)
        progress.sent += table.num_rows
        if had == table.num_rows:
            progress.accepted += had
            return
        receipt = self._client.import_table(self._name, table.slice(had), first=progress.sent - table.num_rows + had)
        progress.accepted += receipt["accepted"] + had
        progress.duplicate += receipt["duplicate"]
        progress.rejected += receipt["rejected_total"]
        for verdict in receipt["rejected"]:
            if len(self._reasons) < 100:
                row = numbers[had + verdict["index"]]
                self._reasons.append({"row": row, "field": verdict["field"], "reason": verdict["reason"]})

    @contextmanager
    def _showing(self, progress: Progress) -> Generator[Callable[[Progress], None], None, None]:
        """A bar on stderr, where somebody watches."""
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
        say = "would be " if self._folder is None else ""
        note(
            f"{self._path}: {progress.rows:,} rows, {progress.accepted:,} {say}accepted, {progress.duplicate:,} duplicate, "
            f"{progress.rejected:,} {say}rejected"
        )
        for reason in self._reasons[:SHOWN]:
            click.echo(f"  row {reason['row']}: {reason['field']} {reason['reason']}", err=True)
        if progress.rejected > SHOWN:
            where = "" if self._folder is None else "; those that reached the server are in dead_letters"
            click.echo(f"  … and {progress.rejected - SHOWN:,} more{where}", err=True)
