"""``hindcast export-subject | erase``: give people what is theirs, and forget them."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from hindcast.cli.output import WRONG, note, print_json, print_table
from hindcast.cli.target import Target, data_dir_option, json_option
from hindcast.tenants import tenant_of

SUBJECT = click.argument("subject")
also_option = click.option(
    "--also",
    multiple=True,
    metavar="NAME",
    help="Another name of the person, such as an e-mail address; may be repeated.",
)
tenant_option = click.option("--tenant", help="Where a log has several.")


@click.command("export-subject")
@SUBJECT
@also_option
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="The zip file to make.  [default: subject.zip]"
)
@tenant_option
@data_dir_option
@json_option
def export_subject(
    subject: str, also: tuple[str, ...], out: Path | None, tenant: str | None, data_dir: Path, as_json: bool
) -> None:
    """Write all rows of SUBJECT, of every stream, log and archive, to a zip file; the system may run."""
    from hindcast.exporting import export_subject as export

    out = out or Path("subject.zip")
    with Target(data_dir, None, None).log() as log:
        counts = export(data_dir, log, tenant_of(log, tenant), subject, out, also)
    if as_json:
        print_json({"file": str(out), "rows": counts})
    else:
        print_table(list(counts.items()), ["stream", "rows"])
        note(f"They are in {out}; keep it private")


@click.command()
@SUBJECT
@also_option
@click.option("--reference", default="", help="What you call the request, for the receipt, which stays: no name.")
@click.option("--yes", is_flag=True, help="Do not ask: what is erased does not come back.")
@tenant_option
@data_dir_option
@json_option
def erase(
    subject: str,
    also: tuple[str, ...],
    reference: str,
    yes: bool,
    tenant: str | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Erase SUBJECT from a stopped system: its rows stay under a random pseudonym, what names it goes.

    It writes log and archive anew, so it needs as much room as they have, and the next start folds everything again. A
    signed receipt says what was touched. Exit code 1 where a name was still found afterwards.
    """
    from hindcast.erasing import erase as erased

    if not yes:
        click.confirm("What is erased does not come back, and backups still have it. Go on?", abort=True)
    receipt = erased(data_dir, subject, also, reference, tenant)
    if as_json:
        print_json(msgspec.to_builtins(receipt))
    else:
        print_table(
            [[p.stream, p.producer, p.rows, p.mentions, len(p.entries), p.archived_files] for p in receipt.parts],
            ["stream", "producer", "own rows", "other rows that named it", "entries of the log", "archived files"],
        )
        note(f"The receipt {receipt.id} is in {data_dir / 'erasures'}; it names nobody")
        for one in receipt.not_searched:
            note(f"Not reached: {one}")
        for one in receipt.left:
            click.secho(f"Still found: {one}", fg="red")
    if receipt.left:
        sys.exit(WRONG)
