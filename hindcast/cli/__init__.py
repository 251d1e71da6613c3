"""``hindcast``: the command line. Every command imports what it needs when it runs, so that ``--help`` is instant."""

from __future__ import annotations

import click

from hindcast.cli.alerts import alerts
from hindcast.cli.analysis import correlate, detect, drift, forecast, trend
from hindcast.cli.automl import automl, predict
from hindcast.cli.backtest import backtest
from hindcast.cli.backup import backup, restore, verify
from hindcast.cli.card import card
from hindcast.cli.datasets import dataset, features
from hindcast.cli.dead_letters import dead_letters
from hindcast.cli.definitions import apply, definitions, diff, export
from hindcast.cli.doctor import doctor
from hindcast.cli.erase import erase, export_subject
from hindcast.cli.explain import explain
from hindcast.cli.identities import identities
from hindcast.cli.importing import import_
from hindcast.cli.keys import keys
from hindcast.cli.link import link
from hindcast.cli.migrate import migrate
from hindcast.cli.models import models, train
from hindcast.cli.notifications import notifications
from hindcast.cli.output import Commands
from hindcast.cli.placement import move
from hindcast.cli.plan import plan
from hindcast.cli.questions import questions
from hindcast.cli.read import query, streams, tail
from hindcast.cli.report import report
from hindcast.cli.rules import rules
from hindcast.cli.run import demo, down, up
from hindcast.cli.send import send
from hindcast.cli.showing import annotations_, shares
from hindcast.cli.sources import sources
from hindcast.cli.status import status
from hindcast.cli.summary import operational, summary
from hindcast.cli.tables import table


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"hindcast {version('hindcast')}")
        context.exit()


COMPLETION = """Tab completion: put `eval "$(_HINDCAST_COMPLETE=bash_source hindcast)"` into ~/.bashrc, or with zsh_source
into ~/.zshrc; for fish, `_HINDCAST_COMPLETE=fish_source hindcast | source` into ~/.config/fish/config.fish."""


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=COMPLETION,
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
def main() -> None:
    """One event log that becomes live dashboards and alerts, with the same answer live and over all history.

    Exit codes: 0 done, 1 done but something is wrong (the output says what), 2 used wrongly, 3 the system cannot be
    reached.
    """


main.add_group("Run a system:", up, demo, down, status, move, doctor, verify, backup, restore, migrate, link, keys)
main.add_group("Events in and out of it:", send, import_, tail, streams, sources, query, questions, dead_letters)
main.add_group("Read how it all does:", summary, operational, report)
main.add_group("Watch what comes:", alerts, rules, notifications)
main.add_group("Show it:", annotations_, shares)
main.add_group("People and their data:", identities, export_subject, erase)
main.add_group("Ask the past:", backtest, explain, table, dataset, features)
main.add_group("Definitions of all kinds:", definitions, apply, diff, export, plan)
main.add_group("Analyse a file, without a system:", detect, trend, correlate, drift, forecast)
main.add_group("Find a model for a table, and use it:", automl, predict, card)
main.add_group("Models of a system:", models, train)
