"""``hindcast summary`` and ``hindcast operational``: the business in the morning, the system at night."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click

from hindcast.cli.output import note, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options


@click.command()
@click.argument("time_period", default="30d")
@click.option("--business", default="", help="Its name.  [default: the first one]")
@click.option("--zone", default="UTC", show_default=True, help="Where days begin, as in Europe/Berlin.")
@click.option("--currency", default="", help="To answer in.  [default: as the business says]")
@click.option(
    "--as-of", metavar="MOMENT", help="What was known then: ISO 8601, how long ago (`1d`), or an answer's token."
)
@target_options
@json_option
def summary(
    time_period: str,
    business: str,
    zone: str,
    currency: str,
    as_of: str | None,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Say how a business does over TIME_PERIOD: 7d, month, last_month, or 2026-11-01/2026-11-08.

    Growth is over the span of the same length before. With --json everything is printed, down to what moved each figure.
    """
    with Target(data_dir, address, key).client() as client:
        said = client.generate_executive_summary(
            time_period, business=business, zone=zone, currency=currency, as_of=as_of
        )
    if as_json:
        print_json(said)
        return
    period = said["period"]
    click.echo(f"{said['title']}, {period['since']} to {period['until']} ({said['currency']})")
    print_table([_row(said, name) for name in said["kpis"]], ["figure", "now", "before", "growth", "trend", "defined"])
    forecast = said["trends"]["revenue"]["forecast"]
    if forecast["status"] == "ready":
        expected, lower, upper = (amount(said, forecast[part]) for part in ("expected", "lower", "upper"))
        click.echo(
            f"Revenue up to {forecast['until']}: {expected} expected, {lower} to {upper} ({forecast['level']:.0%})"
        )
    for one in said["recommendations"]:
        basis = "measured here" if one["impact_basis"] == "measured" else "not measured here"
        click.echo(f"{one['priority']}: {one['recommendation']} ({one['expected_impact']}; {basis})")
    for warning in said["warnings"]:
        note(warning)


MONEY = ("revenue", "cac", "ltv", "arpu")


def _row(said: Mapping[str, Any], name: str) -> list[Any]:
    kpi, trend = said["kpis"][name], said["trends"][name]
    now = next(kpi[key] for key in ("current", "rate", "active", "score") if key in kpi)
    growth = trend["growth_rate"]
    defined = kpi["definition"]
    return [
        defined["name"],
        shown(said, name, now),
        shown(said, name, kpi["previous"]),
        None if growth is None else f"{growth:+.1%}",
        trend["trend"],
        f"v{defined['version']}",
    ]


def shown(said: Mapping[str, Any], name: str, value: float | None) -> str | None:
    """A figure as people read it."""
    if value is None:
        return None
    if name in MONEY:
        return amount(said, value)
    return f"{value:,}" if name == "users" else f"{value:.3f}" if name == "engagement" else f"{value:.2%}"


def amount(said: Mapping[str, Any], minor: float) -> str:
    """Minor units in the currency of the summary."""
    digits = said["currency_digits"]
    return f"{minor / 10**digits:,.{digits}f} {said['currency']}"


@click.command()
@click.option("--window", default="1h", show_default=True, help="So much of the newest past, up to 6h.")
@click.option("--objective", type=float, help="The share of requests that are to be good.  [default: as configured]")
@target_options
@json_option
def operational(
    window: str, objective: float | None, data_dir: Path, address: str | None, key: str | None, as_json: bool
) -> None:
    """Say how the system does: machine, cluster, requests, errors, alerts, and the services whose figures come in."""
    with Target(data_dir, address, key).client() as client:
        said = client.generate_operational_metrics(window, objective=objective)
    if as_json:
        print_json(said)
        return
    health, did = said["system_health"], said["performance"]
    print_table(
        [[name, value] for name, value in health.items() if name not in ("hosts", "probes")], ["system", "value"]
    )
    hosts = cast("Mapping[str, Mapping[str, Any]]", health["hosts"])
    if hosts:
        print_table([_host(name, one) for name, one in hosts.items()], ["machine", "cpu %", "memory %", "disk %"])
    print_table([_service("Hindcast", did), *(_service(one["name"], one["performance"]) for one in said["services"])],
                ["service", "requests/s", "p50 ms", "p95 ms", "p99 ms", "errors", "availability", "burn rate"])  # fmt: skip
    errors = said["errors"]
    click.echo(f"{errors['total_errors']} errors")
    if errors["top_errors"]:
        print_table(errors["top_errors"], ["service", "count", "before", "trend", "message"])
    if said["alerts"]:
        print_table(said["alerts"], ["state", "severity", "title", "detail"])


def _host(name: str, measured: Mapping[str, Any]) -> list[Any]:
    now = [(measured.get(part) or {}).get("now") for part in ("cpu", "memory", "disk")]
    return [name, *(None if value is None else f"{value:.1f}" for value in now)]


def _service(name: str, did: Mapping[str, Any]) -> list[Any]:
    times, available = did["response_time"], did["availability"]
    rate = did["error_rate"]
    return [
        name,
        did["throughput"],
        *(times[part] for part in ("p50", "p95", "p99")),
        None if rate is None else f"{rate:.2%}",
        None if available["value"] is None else f"{available['value']:.3%}",
        available["burn_rate"],
    ]
