"""``hindcast backtest``: what alert rules, or anomaly watches, would have done in the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from events.errors import Rejected
from hindcast.cli.output import Option, each, note, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options
from hindcast.tenants import tenant_of

if TYPE_CHECKING:
    from hindcast.client import Backtest

_SECTIONS = {"alert_evaluator": ("rule", "rules"), "anomaly": ("anomaly", "anomalies")}
_COLUMNS = ("time", "type", "rule", "key", "value", "threshold", "message")
_file = click.Path(path_type=Path, dir_okay=False)
_what: Option = each(
    click.argument("file", required=False, type=_file, metavar="[RULES.yaml]"),
    click.option("--fold", type=click.Choice(list(_SECTIONS)), default="alert_evaluator", show_default=True),
    click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="For every rule or watch: `for_s=60`."),
    click.option("--from", "start", metavar="TIME", help="ISO 8601.  [default: the beginning]"),
    click.option("--to", "end", metavar="TIME", help="ISO 8601.  [default: now]"),
    click.option("--incidents", type=_file, help="YAML: a list of spans, each `from`, `to` and, if you like, `name`."),
    click.option(
        "--tolerance", "tolerance_s", type=float, default=300.0, show_default=True, help="Seconds after an incident."
    ),
    click.option("--against", type=_file, help="Other rules to compare with.  [default: what really happened]"),
    click.option(
        "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Turns shown at most."
    ),
)


@click.command()
@_what
@target_options
@click.option("--tenant", help="Where a log without a running system has several.")
@json_option
def backtest(
    file: Path | None,
    fold: str,
    changes: tuple[str, ...],
    start: str | None,
    end: str | None,
    incidents: Path | None,
    tolerance_s: float,
    against: Path | None,
    limit: int,
    data_dir: Path,
    address: str | None,
    key: str | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Say what alert rules would have done in the past: the same evaluator, over the log's history.

    RULES.yaml has `alerts:` with a list of rules, as a configuration has them (for `--fold anomaly` it has `anomalies:`);
    without it, those that hold now. A metric of its `metrics:` that is not there, or is defined otherwise, is counted
    from the log. Nobody is told of anything, and nothing is written.
    """
    asked: dict[str, Any] = {"fold": fold, "start": start, "end": end, "tolerance_s": tolerance_s, "limit": limit}
    kind, section = _SECTIONS[fold]
    if file is not None:
        asked[section] = _specs(file, kind)
        if metrics := _metrics(file):
            asked["metrics"] = metrics
    if changes:
        asked["changes"] = dict(map(_change, changes))
    if incidents is not None:
        asked["incidents"] = _incidents(incidents)
    if against is not None:
        asked["against"] = {section: _specs(against, kind)}
    target = Target(data_dir, address, key)
    if target.runs():
        with target.client() as client:
            answer = client.backtest(**asked)
    else:
        answer = _offline(target, asked, tenant)
    if as_json:
        print_json(answer)
    else:
        _show(answer)


def _offline(target: Target, asked: Mapping[str, Any], tenant: str | None) -> Backtest:
    """The same from the log itself, in this process."""
    from actors.alerts.wording import Wording
    from actors.backtest.asked import read
    from actors.backtest.run import backtest
    from hindcast.client import Client
    from hindcast.client.operations import Operations
    from serve.ingest.money import CURRENCY_EXPONENT

    sent = Operations.backtest.call(Client, **asked).content
    with target.log() as log:
        found: Any = backtest(log, tenant_of(log, tenant), read(sent or b""), wording=Wording({}, CURRENCY_EXPONENT))
    return found


def _specs(file: Path, kind: str) -> list[dict[str, Any]]:
    from hindcast.cli.definitions import definitions_in

    found = [one["spec"] for one in definitions_in(file) if one["kind"] == kind]
    if not found:
        section = {"rule": "alerts", "anomaly": "anomalies"}[kind]
        raise Rejected("file", f"{file} has no `{section}:`")
    return found


def _metrics(file: Path) -> list[dict[str, Any]]:
    """The metrics that the file brings along."""
    from hindcast.cli.definitions import definitions_in

    return [one["spec"] for one in definitions_in(file) if one["kind"] == "metric"]


def _change(said: str) -> tuple[str, Any]:
    import yaml

    field, equals, value = said.partition("=")
    if not equals or not field:
        raise Rejected("set", f"must be FIELD=VALUE, such as for_s=60; got {said!r}")
    return field.strip(), yaml.safe_load(value)


def _incidents(file: Path) -> list[dict[str, Any]]:
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Rejected("incidents", f"cannot read {file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Rejected("incidents", f"{file} is not YAML: {error}") from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Rejected("incidents", f"{file} must be a list of spans, each with `from` and `to`")
    return found


def _show(answer: Backtest) -> None:
    said: Any = answer
    print_table([[turn[name] for name in _COLUMNS] for turn in answer["timeline"]], _COLUMNS)
    if answer["truncated"]:
        note(f"cut after {len(answer['timeline']):,} turns; --limit gives more")
    click.echo()
    rows = [[one["rule"], *_figures(one)] for one in answer["rules"]]
    rows += [["all", *_figures(answer)], [f"against: {answer['against']['what']}", *_figures(answer["against"])]]
    print_table(rows, ["rule", "pages", "pages a week", "firing", "precision", "recall", "delay"])
    difference = answer["difference"]
    only = f"{len(difference['only_here'])} only here, {len(difference['only_there'])} only there"
    note(f"{said['from']} to {said['to']}, {answer['samples']:,} samples; {difference['both']} pages in both, {only}")


def _figures(of: Any) -> Sequence[str]:
    fit, week = of["fit"], of["pages_per_week"]
    found = [str(of["pages"]), "" if week is None else f"{week:.3g}", f"{of['firing_s']:,.0f} s"]
    if fit is None:
        return [*found, "", "", ""]
    precision, recall = fit["precision"], fit["recall"]
    delay = "" if fit["delay_s"] is None else f"{fit['delay_s']:.0f} s"
    return [
        *found,
        f"{precision['right']} of {precision['pages']}",
        f"{recall['found']} of {recall['incidents']}",
        delay,
    ]
