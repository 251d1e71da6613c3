"""``hindcast rules``: create, list, show and delete alert rules."""

from __future__ import annotations

from pathlib import Path

import click

from hindcast.cli.operations import OperationGroup
from hindcast.cli.output import note, print_json
from hindcast.cli.target import Target, json_option, target_options


@click.group(cls=OperationGroup)
def rules() -> None:
    """Alert rules: set, list, show, delete."""


@rules.command("set")
@click.argument("name")
@click.option("--condition", required=True, help='Such as "orders.count > threshold"; see docs/rules.md.')
@click.option("--threshold", required=True, type=float, help="What `threshold` in the condition stands for.")
@click.option("--channel", "channels", multiple=True, default=("dashboard",), show_default=True, help="Whom to tell.")
@click.option(
    "--severity", type=click.Choice(["critical", "high", "medium", "low"]), default="medium", show_default=True
)
@click.option("--for", "for_s", type=float, default=0.0, show_default=True, help="Seconds that it must have held.")
@click.option(
    "--no-data",
    type=click.Choice(["resolve", "keep", "fire"]),
    default="resolve",
    show_default=True,
    help="What becomes of an alert whose gauge is not measured for 10 minutes.",
)
@target_options
@json_option
def set_rule(
    name: str,
    condition: str,
    threshold: float,
    channels: tuple[str, ...],
    severity: str,
    for_s: float,
    no_data: str,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Create the rule NAME, or replace it. One that can never fire is refused; what may be a mistake is warned of."""
    wanted = {"name": name, "condition": condition, "threshold": threshold, "channels": list(channels)}
    with Target(data_dir, address, key).client() as client:
        made = client.set_rule({**wanted, "severity": severity, "for_s": for_s, "no_data": no_data})
    if as_json:
        print_json(made)
        return
    for warning in made["warnings"]:
        click.secho(f"Warning: {warning}", fg="yellow", err=True)
    note(f"{name} holds from now on")
