"""``hindcast doctor``: is everything in order here, and what to do about what is not."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from hindcast.cli.output import WRONG, print_json
from hindcast.cli.target import data_dir_option, json_option

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@data_dir_option
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The port to look at.")
@click.option("--quick", is_flag=True, help="Do not read the whole log.")
@json_option
def doctor(data_dir: Path, port: int, quick: bool, as_json: bool) -> None:
    """Check ports, disk, memory, versions, caches and the log; say what to do. Exit code 1 if a check fails."""
    from hindcast.doctor import examine

    found = list(examine(data_dir, port, read_log=not quick))
    counts = Counter(check.verdict for check in found)
    if as_json:
        print_json({"ok": not counts["fail"], "checks": [asdict(check) for check in found]})
    else:
        width = max(len(check.name) for check in found)
        for check in found:
            mark = click.style(f"{check.verdict:<4}", fg=_COLOURS[check.verdict], bold=check.verdict != "ok")
            click.echo(f"{mark}  {check.name:<{width}}  {check.found}")
            if check.remedy:
                click.echo(f"{'':<{width + 6}}  → {check.remedy}")
        click.echo(f"\n{counts['ok']} ok, {counts['warn']} to note, {counts['fail']} failed")
    if counts["fail"]:
        sys.exit(WRONG)
