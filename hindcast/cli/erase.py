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
    """Erase SUBJECT: its rows stay under a random pseudonym, what names it goes.

    A system that runs drains and stops, and starts again by itself when that is done; requests are refused meanwhile, and
    their senders try again. Log and archive are written anew, so it needs as much room as they have, and everything is
    folded again. A signed receipt says what was touched. Exit code 1 where a name was still found afterwards.
    """
    from hindcast.datadir import DataDir
    from hindcast.erasing import erase as erased
    from hindcast.erasing import names_of, refuse_servers
    from hindcast.erasing_live import Wanted, ask

    runs = DataDir(data_dir.absolute()).started() is not None
    if runs:  # before anything stops for it
        refuse_servers(data_dir.absolute())
        with Target(data_dir, None, None).log() as log:
            names_of(log, tenant_of(log, tenant), subject, also)
    if not yes:
        click.confirm("What is erased does not come back, and backups still have it. Go on?", abort=True)
    if runs:
        note("The system drains, forgets, and starts again; until then it takes no requests …")
        receipt = ask(data_dir.absolute(), Wanted(subject, list(also), reference, tenant))
        note("It runs again.")
    else:
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
