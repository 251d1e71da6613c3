"""``hindcast report``: the executive summary or a dashboard as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hindcast.cli.output import note
from hindcast.cli.target import Target, target_options


@click.command()
@click.argument("what", default="executive")
@click.option("--format", "form", type=click.Choice(["html", "pdf", "png"]), default="html", show_default=True)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it.  [default: WHAT.FORMAT]"
)
@click.option("--period", default="30d", show_default=True, help="7d, month, last_month, or 2026-11-01/2026-11-08.")
@click.option(
    "--as-of", metavar="MOMENT", help="What was known then: ISO 8601, how long ago (`1d`), or an answer's token."
)
@click.option("--business", default="", help="Of the executive summary.  [default: the first one]")
@click.option("--zone", default="UTC", show_default=True, help="The reader's time zone, as in Europe/Berlin.")
@click.option("--currency", default="", help="Of the executive summary.  [default: as the business says]")
@click.option("--language", default="en", show_default=True, help="How numbers and times are written: de, fr-CH, …")
@target_options
def report(
    what: str,
    form: Any,
    output: Path | None,
    period: str,
    as_of: str | None,
    business: str,
    zone: str,
    currency: str,
    language: str,
    data_dir: Path,
    address: str | None,
    key: str | None,
) -> None:
    """Write WHAT as a file: `executive`, or the id of a dashboard. PDF and PNG take a Chromium on this machine."""
    from hindcast.reports import ReportGenerator

    with Target(data_dir, address, key).client() as client:
        made = ReportGenerator(client).generate(
            what, form, period=period, as_of=as_of, business=business, zone=zone, currency=currency, language=language
        )
    path = (output or Path(f"{what}.{form}")).with_suffix(f".{made.format}")
    path.write_bytes(made.content)
    if made.note:
        note(made.note)
    click.echo(path)
