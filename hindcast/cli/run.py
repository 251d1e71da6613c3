"""``hindcast up | demo | down``: start and stop a system on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from events.errors import Transient
from hindcast.cli.output import Option, each, note
from hindcast.cli.target import data_dir_option

if TYPE_CHECKING:
    from hindcast.system import System

Placement = Literal["auto", "packed", "spread"]
start_options: Option = each(
    data_dir_option,
    click.option("--port", type=click.IntRange(0, 65535), help="Port of the page and the API.  [default: 8000]"),
    click.option(
        "--log",
        metavar="PLACE",
        help="sqlite, valkey (embedded), or redis://host:6379.  [default: where the directory has it; sqlite at first]",
    ),
    click.option("--address", help="Address to listen on.  [default: 127.0.0.1, this machine only]"),
    click.option(
        "--placement",
        type=click.Choice(["auto", "packed", "spread"]),
        help="One actor a kind, or one a cell; auto is packed below four cores.",
    ),
)


def config_option(default: str) -> Option:
    return click.option(
        "--config", default=default, show_default=True, help="A YAML file, or a preset: base, course, saas, demo."
    )


def _system(
    config: str, data_dir: Path, port: int | None, log: str | None, address: str | None, placement: Placement | None
) -> System:
    from hindcast.ray_footprint import slim_worker

    slim_worker()
    from hindcast.system import System

    return System(config, data_dir=data_dir, address=address, port=port, placement=placement, log=log)


def _welcome(system: System) -> None:
    """Where the system is, and how to get in."""
    try:
        link = system.new_link()
    except Transient as error:
        link = f"not now ({error.reason}); `hindcast link` prints one"
    click.echo(f"\n  Hindcast is open on  {system.url}")
    click.echo(f"  Open the page with:  {link}")
    click.echo("                       (it works once, within a day; `hindcast link` prints another)")
    revoked = f"it was revoked; to have a new one, delete {system.data.path / 'admin.key'} and start again"
    click.echo(f"  Your first API key:  {system.admin_key if system.first_key_holds else revoked}\n")


@click.command()
@config_option("base")
@start_options
def up(
    config: str, data_dir: Path, port: int | None, log: str | None, address: str | None, placement: Placement | None
) -> None:
    """Start a system on the data directory and run it until Ctrl-C, which drains it; starting again resumes."""
    note("Starting (some seconds) …")
    system = _system(config, data_dir, port, log, address, placement)
    with system:
        _welcome(system)
        system.wait()
        note("Draining …")
    note("Stopped; `hindcast up` on the same directory resumes here.")


@click.command()
@config_option("demo")
@start_options
@click.option("--seed", type=int, default=7, show_default=True, help="Of the simulated people and machines.")
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 10_000),
    help="Events a second; 40 is busy.  [default: as in the last week of the past; 40 without one]",
)
@click.option("--past/--no-past", default=True, help="Begin an empty directory with eight simulated weeks, or without.")
def demo(
    config: str,
    data_dir: Path,
    port: int | None,
    log: str | None,
    address: str | None,
    placement: Placement | None,
    seed: int,
    rate: float | None,
    past: bool,
) -> None:
    """Start a system and feed it live: a simulated course platform and a SaaS, through the public HTTP endpoint.

    An empty directory begins with eight weeks of both, simulated, too, and brought by the import's way: nobody is notified
    of what was then. It goes on where it was broken off, and a second start adds nothing.
    """
    note("Starting (some seconds) …")
    system = _system(config, data_dir, port, log, address, placement)
    from hindcast.demo import past_of, run

    behind = past_of(system.data.path, seed, past)
    with system:
        _welcome(system)
        run(system, seed, rate, behind)
        note("Draining …")
    note("Stopped; starting again on the same directory resumes here.")


@click.command()
@data_dir_option
def down(data_dir: Path) -> None:
    """Stop the system that runs on the data directory: it drains, then ends."""
    from hindcast.system import System

    note("Draining …")
    if System.down(data_dir):
        click.echo(f"Stopped the system on {data_dir}.")
    else:
        click.echo(f"No system runs on {data_dir}.")
