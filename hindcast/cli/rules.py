"""``hindcast rules``: create, list, show and delete alert rules; test, lint, tune and backtest them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from events.errors import Rejected
from hindcast.cli.backtest import backtest
from hindcast.cli.operations import OperationGroup
from hindcast.cli.output import note, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options


@click.group(cls=OperationGroup)
def rules() -> None:
    """Alert rules: set, list, show, delete; test, lint, tune, backtest."""


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


@rules.command("test")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def test_rules(file: Path) -> None:
    """Run the unit tests of rules in FILE: series window by window, and what is to fire when. Needs no running system."""
    from actors.backtest.rule_tests import failures, read

    found, tests = read(_with_rules(_yaml(file), file.parent))
    wrong = list(failures(found, tests))
    for one in wrong:
        click.secho(f"{one.test}: {one.said}", fg="red", err=True)
    failed = len({one.test for one in wrong})
    note(f"{len(tests) - failed} of {len(tests)} tests passed")
    if wrong:
        raise click.exceptions.Exit(1)


@rules.command("lint")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--config", default="base", show_default=True, help="A preset or configuration with the metrics.")
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
def lint_rules(file: Path, config: str, strict: bool) -> None:
    """Check the rules of FILE against the metrics of a configuration: what can never fire, and what may be a mistake."""
    from config.settings import Settings
    from hindcast.rule_lint import lint

    document = _with_rules(_yaml(file), file.parent)
    errors, warnings = lint(document, Settings.load(config))
    for said in errors:
        click.secho(f"Error: {said}", fg="red", err=True)
    for said in warnings:
        click.secho(f"Warning: {said}", fg="yellow", err=True)
    count = len(document.get("alerts", []))
    note(f"{count} rules, {len(errors)} errors, {len(warnings)} warnings")
    if errors or (strict and warnings):
        raise click.exceptions.Exit(1)


@rules.command("tune")
@click.argument("name")
@click.option("--pages-per-week", type=float, required=True, help="How often it may call somebody.")
@target_options
@json_option
def tune_rule(
    name: str, pages_per_week: float, data_dir: Path, address: str | None, key: str | None, as_json: bool
) -> None:
    """Propose a threshold for the rule NAME with which it would have called at most so often, from history."""
    with Target(data_dir, address, key).client() as client:
        found = client.tune_rule(dict(client.rule(name)), pages_per_week)
    if as_json:
        print_json(found)
        return
    print_table(found["proposals"], ("threshold", "pages", "pages_per_week"))
    if found["threshold"] is None:
        note(
            f"no threshold keeps {name} within {pages_per_week:g} pages a week: ask for something else than this figure"
        )
    else:
        note(f"threshold {found['threshold']:g}: {found['pages']} pages in all of history")


rules.add_command(backtest)


def _yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Rejected("file", f"{file} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Rejected("file", f"{file} is no YAML: {error}") from None
    if not isinstance(found, dict):
        raise Rejected("file", f"{file} must have a mapping with `alerts:`")
    return found  # pyright: ignore[reportUnknownVariableType]


def _with_rules(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """``alerts`` may name the file that has them."""
    said = document.get("alerts")
    if isinstance(said, str):
        return {**document, "alerts": _yaml(folder / said).get("alerts", [])}
    return document
