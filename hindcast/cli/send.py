"""``hindcast send``: the rows of a file as events."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.output import WRONG, note, print_json
from hindcast.cli.rows import Columns, columns_for, ids_from, is_whole
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from files.rows import Opened, Row
    from hindcast.cli.rehearsal import Rehearsal
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
    "--time",
    "time_",
    metavar="COLUMN",
    help="Column of the time: ISO 8601 (UTC if it says no zone), a date such as 20240229, or a number since 1970.",
)
@click.option("--id", "id_", metavar="COLUMN", help="Column of an id that is the event's own.")
@click.option(
    "--dry-run", is_flag=True, help="Say what each column is taken for and what would be refused; send nothing."
)
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
    dry_run: bool,
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

    --dry-run needs no system: it reads the whole file, shows the first events as they would be sent, and counts.
    """
    from files.rows import open_rows
    from hindcast.cli.rehearsal import Rehearsal

    asked = {"type": type_, "source": source, "subject": subject, "time": time_, "id": id_}
    tally = Tally()
    rehearsal = Rehearsal() if dry_run else None
    with (
        nullcontext(rehearsal) if rehearsal else Target(data_dir, address, key).client() as client,
        open_rows(file, format_) as opened,
        _progress(opened) as show,
    ):
        sender = Sender(client, file, asked, tally)
        while rows := list(islice(opened.rows, BATCH_ROWS)):
            sender.send(rows)
            show(tally)
    if rehearsal:
        _report_rehearsal(tally, sender, rehearsal, as_json)
    else:
        _report(tally, as_json)
    if tally.rejected:
        sys.exit(WRONG)


class Sender:
    """Sends batches of rows. What the columns mean is settled by the first batch that has rows that are no events yet."""

    def __init__(self, client: Client | Rehearsal, file: str, asked: dict[str, str | None], tally: Tally) -> None:
        self._client = client
        self._file = file
        self._asked = asked
        self._tally = tally
        self.columns: Columns | None = None
        self.data: dict[str, None] = {}
        """Names of the columns that are data, in the order of their first values."""
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
            more = "".join(f"; {flaw['field']} {flaw['reason']}" for flaw in verdict.get("faults", ())[1:])
            tally.refuse(good[verdict["index"]].number, verdict["field"], verdict["reason"] + more, verdict["id"])
        tally.warned += receipt["warnings_total"]
        for warning in receipt["warnings"]:
            tally.warn(good[warning["index"]].number, warning["field"], warning["reason"], warning["id"])

    def _event(self, row: Row, batch: list[Row]) -> dict[str, Any]:
        if is_whole(row.fields):
            name = "id" if "specversion" in row.fields else "messageId"
            return row.fields if row.fields.get(name) else {**row.fields, name: self._id(row)}
        if self.columns is None:
            plain = [r.fields for r in batch if not is_whole(r.fields)]
            present = {name for fields in plain for name in fields}
            self.columns = columns_for(present, self._asked, self._file).timed(plain)
            note(f"Reading {self._file}: {self.columns.said()}; all else is data")
        event = self.columns.event(row.fields)
        self.data.update(dict.fromkeys(event["data"]))
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
    _report_reasons(tally, "; those that reached the server are in dead_letters")


def _report_rehearsal(tally: Tally, sender: Sender, rehearsal: Rehearsal, as_json: bool) -> None:
    columns, data = sender.columns, list(sender.data)
    if as_json:
        mapping = {**columns.columns, **{name: f"“{text}”" for name, text in columns.fixed.items()}} if columns else {}
        print_json({"mapping": mapping, "data": data, "events": rehearsal.events, **tally.summary()})
        return
    if columns:
        for name, column in columns.columns.items():
            click.echo(f"{name:8} column {column}{columns.how(name)}")
        for name, text in columns.fixed.items():
            click.echo(f"{name:8} “{text}” for every row")
        if "time" not in columns.columns:
            click.echo(f"{'time':8} when it is received: no column is taken for it (--time COLUMN names one)")
        click.echo(f"{'data':8} {', '.join(data) or 'nothing'}")
    click.echo("\nThe first events:" if rehearsal.events else "\nNo event.")
    for event in rehearsal.events:
        click.echo(f"  {json.dumps(event, ensure_ascii=False)}")
    click.echo(f"\nNothing was sent. {tally.accepted:,} would be accepted, {tally.rejected:,} rejected")
    _report_reasons(tally)


def _report_reasons(tally: Tally, where: str = "") -> None:
    for reason in tally.reasons[:SHOWN]:
        click.echo(f"  row {reason['row']}: {reason['field']} {reason['reason']}", err=True)
    if tally.rejected > SHOWN:
        click.echo(f"  … and {tally.rejected - SHOWN:,} more{where}", err=True)
    if tally.warned:
        click.echo(f"{tally.warned:,} warnings of rows that were accepted", err=True)
        for warning in tally.warnings[:SHOWN]:
            click.echo(f"  row {warning['row']}: {warning['field']} {warning['reason']}", err=True)
