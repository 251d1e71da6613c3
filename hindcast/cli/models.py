"""``hindcast models``: versions, deployments, training runs, predictions; ``hindcast train``: another version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hindcast.cli.automl import Seconds, watching
from hindcast.cli.operations import OperationGroup
from hindcast.cli.output import note, print_json
from hindcast.cli.target import Target, json_option, target_options


@click.group(cls=OperationGroup)
def models() -> None:
    """Models: list and compare them, deploy and roll back, ask one, look at training runs.

    ROW and CONFIG are JSON or YAML: '{user_id: user-1}', or @FILE, or @- for standard input.
    """


@click.command()
@click.argument("what", metavar="NAME|FILE")
@click.option("--target", help="Of FILE: the column to predict.")
@click.option("--name", help="What the model is to be called; else the file's name.")
@click.option("--budget", type=Seconds(), default="60s", show_default=True, help="For everything, from start to end.")
@click.option("--trials", type=click.IntRange(1), help="Try so many candidates instead: the same result each time.")
@click.option("--time-col", help="Orders the rows: trained on the older, judged on the newer.")
@click.option("--min-score", type=float, default=0.7, show_default=True, help="Registered only above it.")
@click.option("--deploy", is_flag=True, help="Serve it at once, unless the champion is better.")
@json_option
@target_options
def train(
    what: str,
    target: str | None,
    name: str | None,
    budget: float,
    trials: int | None,
    time_col: str | None,
    min_score: float,
    deploy: bool,
    as_json: bool,
    data_dir: Path,
    address: str | None,
    key: str | None,
) -> None:
    """Train a model and register it with the running system: from a FILE with --target, or one of the six by its NAME.

    The six are user_retention, conversion_prediction, churn_prediction, revenue_forecasting, campaign_performance and
    content_optimization; they are trained from the events of the system.
    """
    from analytics.models.schema import WrongInput
    from events.errors import Rejected
    from hindcast.modelling.six import train_named
    from hindcast.modelling.training import Wanted, train_table

    place = Target(data_dir, address, key)
    artifacts = None if address else data_dir / "artifacts"
    try:
        with place.client() as client, watching(as_json) as watch:
            if target is None:
                run: Any = train_named(client, what, budget_s=budget, artifacts=artifacts)
            else:
                called = name or Path(what).name.split(".")[0].lower()
                wanted = Wanted(called, target, budget, trials, time_col, min_score)
                run = train_table(client, wanted, Path(what), artifacts=artifacts, watch=watch)
            if deploy and run.may_take_over:
                client.promote_model(run.name, str(run.number), reason="it was trained, and nothing better is there")
                client.deploy_model_version(run.name)
    except WrongInput as error:
        raise Rejected(f"column {error.column!r}" if error.column else "", error.reason) from None
    if as_json:
        print_json(run.told())
        return
    click.echo(f"{run.reason}")
    if run.contest:
        click.echo(run.contest.reason)
    if run.registered:
        served = " is deployed" if deploy and run.may_take_over else ""
        note(f"{run.name}: version {run.number}, {run.model_id}{served}")
