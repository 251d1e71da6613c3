"""``hindcast send``: the rows of a file as events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.output import WRONG, note, print_json
from hindcast.cli.rows import Columns, columns_for, ids_from, is_whole
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from files.rows import Opened, Row
    from hindcast.client import Client

BATCH_ROWS = 1000
SHOWN = 10


class Tally:
    """What became of the rows so far; ``reasons`` are the first hundred of those that were rejected.

    ``warnings`` are the first hundred of what could not be read of rows that were accepted.
    """

    def __init__(self) -> None:
        self.rows = self.accepted = self.duplicate = self.rejected = self.warned = 0
        self.reasons: list[dict[str, Any]] = []
        self.warnings: list[dict[str, Any]] = []

    def refuse(self, row: int, field: str, reason: str, id: str | None = None) -> None:
        if len(self.reasons) < 100:
            self.reasons.append({"row": row, "id": id, "field": field, "reason": reason})

    def warn(self, row: int, field: str, reason: str, id: str | None = None) -> None:
        if len(self.warnings) < 100:
            self.warnings.append({"row": row, "id": id, "field": field, "reason": reason})

    def summary(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "reasons": self.reasons,
            "warned": self.warned,
            "warnings": self.warnings,
        }


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--format", "format_", type=click.Choice(["json", "ndjson", "csv", "parquet"]), help="Else: by name or content."
)
@click.option("--type", "type_", metavar="COLUMN|TEXT", help="Column of the event's type, or one type for all rows.")
@click.option(
    "--source", metavar="COLUMN|TEXT", help="Column of the source, or one for all.  [default: the file's name]"
)
@click.option("--subject", metavar="COLUMN", help="Column of the person or thing that the event is about.")
@click.option(
    "--time", "time_", metavar="COLUMN", help="Column of the time: ISO 8601 (UTC if it says no zone), or since 1970."
)
@click.option("--id", "id_", metavar="COLUMN", help="Column of an id that is the event's own.")
@target_options
@json_option
def send(
    file: str,
    format_: Any,
    type_: str | None,
    source: str | None,
    subject: str | None,
    time_: str | None,
    id_: str | None,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Send the rows of FILE (`-`: standard input) as events: JSON, NDJSON, CSV or Parquet, also gzipped.

    CloudEvents and Segment messages go as they are; of other rows, columns named like type, time or user_id are taken
    for what they say (what was taken is said on stderr), and all others become the event's data.

    A row without an id gets one made of the file's content and the row's number: sending a file twice, or again after
    it broke off, changes nothing. Rows from a pipe get new ids. Exit code 1 if any row was rejected.
    """
    from files.rows import open_rows

    asked = {"type": type_, "source": source, "subject": subject, "time": time_, "id": id_}
    tally = Tally()
    with (
        Target(data_dir, address, key).client() as client,
        open_rows(file, format_) as opened,
        _progress(opened) as show,
    ):
        sender = Sender(client, file, asked, tally)
        while rows := list(islice(opened.rows, BATCH_ROWS)):
            sender.send(rows)
            show(tally)
    _report(tally, as_json)
    if tally.rejected:
        sys.exit(WRONG)


class Sender:
    """Sends batches of rows. What the columns mean is settled by the first batch that has rows that are no events yet."""

    def __init__(self, client: Client, file: str, asked: dict[str, str | None], tally: Tally) -> None:
        self._client = client
        self._file = file
        self._asked = asked
        self._tally = tally
        self._columns: Columns | None = None
        self._ids: Callable[[int], str] | None = None

    def send(self, rows: list[Row]) -> None:
        """Send the readable rows, and count all of them."""
        tally = self._tally
        good = [row for row in rows if not row.fault]
        for row in rows:
            if row.fault:
                tally.rejected += 1
                tally.refuse(row.number, "row", row.fault)
        receipt = self._client.send(self._event(row, good) for row in good)
        tally.rows += len(rows)
        tally.accepted += receipt["accepted"]
        tally.duplicate += receipt["duplicate"]
        tally.rejected += receipt["rejected_total"]
        for verdict in receipt["rejected"]:
            tally.refuse(good[verdict["index"]].number, verdict["field"], verdict["reason"], verdict["id"])
        tally.warned += receipt["warnings_total"]
        for warning in receipt["warnings"]:
            tally.warn(good[warning["index"]].number, warning["field"], warning["reason"], warning["id"])

    def _event(self, row: Row, batch: list[Row]) -> dict[str, Any]:
        if is_whole(row.fields):
            name = "id" if "specversion" in row.fields else "messageId"
            return row.fields if row.fields.get(name) else {**row.fields, name: self._id(row)}
        if self._columns is None:
            present = {name for r in batch if not is_whole(r.fields) for name in r.fields}
            self._columns = columns_for(present, self._asked, self._file)
            note(f"Reading {self._file}: {self._columns.said()}; all else is data")
        event = self._columns.event(row.fields)
        return event if event.get("id") else {**event, "id": self._id(row)}

    def _id(self, row: Row) -> str:
        if self._ids is None:
            self._ids = ids_from(self._file)
            if self._file == "-":
                note("Rows without an id get new ones: sent again, they count again (name an id column with --id)")
            else:
                note(
                    "Rows without an id get one from the file's content and their number: sending again changes nothing"
                )
        return self._ids(row.number)


@contextmanager
def _progress(opened: Opened) -> Generator[Callable[[Tally], None], None, None]:
    """A bar on stderr, where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=1000, label="Sending", file=sys.stderr, show_pos=False) as bar:

        def show(tally: Tally) -> None:
            bar.label = f"Sending ({tally.rows:,} rows)"
            bar.update(max(0, int((opened.progress() or 0.0) * 1000) - bar.pos))

        yield show


def _report(tally: Tally, as_json: bool) -> None:
    if as_json:
        print_json(tally.summary())
        return
    click.echo(f"{tally.accepted:,} accepted, {tally.duplicate:,} duplicate, {tally.rejected:,} rejected")
    for reason in tally.reasons[:SHOWN]:
        click.echo(f"  row {reason['row']}: {reason['field']} {reason['reason']}", err=True)
    if tally.rejected > SHOWN:
        click.echo(
            f"  … and {tally.rejected - SHOWN:,} more; those that reached the server are in dead_letters", err=True
        )
    if tally.warned:
        click.echo(f"{tally.warned:,} warnings of rows that were accepted", err=True)
        for warning in tally.warnings[:SHOWN]:
            click.echo(f"  row {warning['row']}: {warning['field']} {warning['reason']}", err=True)
