"""``hindcast migrate``: bring a log from one place to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from events.errors import Rejected
from hindcast.cli.output import note, size
from hindcast.cli.target import data_dir_option

if TYPE_CHECKING:
    from events.log import Verdict

_KINDS = ("sqlite", "valkey")


@click.command()
@data_dir_option
@click.option("--from", "source", metavar="PLACE", help="sqlite:DIR or valkey:DIR: the same as --data-dir DIR.")
@click.option("--to", required=True, metavar="PLACE", help="sqlite, valkey (embedded), or redis://host:6379.")
@click.option("--name", default="hindcast", show_default=True, help="The name space on that server.")
@click.option("--password", default="", envvar="HINDCAST_LOG__PASSWORD", help="Of that server, or env:NAME, file:NAME.")
def migrate(data_dir: Path, source: str | None, to: str, name: str, password: str) -> None:
    """Bring the log of a stopped system to another place: all of it, compared entry by entry.

    From files to a Redis or Valkey server when one machine is not enough any more, and back. The old log stays where it is
    until you delete it. A migration that was cut off goes on with the same command.
    """
    from hindcast.log_place import Place, recorded
    from hindcast.migration import migrate as bring

    if source is not None:
        kind, _, directory = source.partition(":")
        if kind not in _KINDS or not directory or directory.startswith("//"):
            raise Rejected("from", f"{source!r} names no data directory; write sqlite:DIR, or name it with --data-dir")
        data_dir = Path(directory)
        before = recorded(data_dir) if data_dir.is_dir() else None
        if before is None or before.place != kind:
            raise Rejected(
                "from", f"the log of {data_dir} is in {before.shown if before else 'no place yet'}, not in {kind}"
            )
    place = Place(to) if to in _KINDS else Place(to, name, password)

    def told(verdict: Verdict) -> None:
        note(f"{verdict.cell}: {verdict.commits:,} commits, {verdict.rows:,} rows, equal")

    done = bring(data_dir, place, told)
    rate = done.rows / max(done.seconds, 1e-9)
    click.echo(
        f"The log of {data_dir} is now in {done.after.shown}: {done.cells} cells, {done.rows:,} rows, "
        f"{size(done.payload_bytes)}, in {done.seconds:.1f} s ({rate:,.0f} rows/s); every entry was compared."
    )
    click.echo(f"What was in {done.before.shown} is still there; delete it when you do not need it any more.")
