"""``hindcast automl | predict``: a model from a file within a time, and its predictions for another file."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.output import note, print_json
from hindcast.cli.target import json_option

if TYPE_CHECKING:
    from tuning.config import Progress
    from tuning.recorder import Recorder

_STARTED = time.monotonic()
_MODEL, _RESULT = "model.skops", "result.json"


class Seconds(click.ParamType[float]):
    """``90``, ``90s``, ``3m``, ``1h``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(str(value)[-1:])
        number = str(value)[:-1] if unit else str(value)
        try:
            found = float(number) * (unit or 1.0)
        except ValueError:
            found = float("nan")
        if not 0 < found < 1e7:
            self.fail(f"{value!r} is no time: write 90s, 3m or 1h", param, ctx)
        return found


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="The column to predict.")
@click.option(
    "--problem", type=click.Choice(["auto", "binary", "multiclass", "regression"]), default="auto", show_default=True
)
@click.option("--time-col", help="Orders the rows: trained on the older, judged on the newer.")
@click.option("--group-col", help="Rows of one group are never on both sides of a split.")
@click.option("--budget", type=Seconds(), default="60s", show_default=True, help="For everything, from start to end.")
@click.option("--trials", type=click.IntRange(1), help="Try so many candidates instead: the same result each time.")
@click.option("--metric", default="auto", show_default=True, help="auc, log_loss, balanced_accuracy, rmse, mae, …")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder for the model."
)
@click.option("--keep", "kept", multiple=True, help="A column to use although it looks like a leak.")
@click.option(
    "--on", type=click.Choice(["auto", "local", "ray"]), default="auto", show_default=True, help="Where to fit."
)
@click.option(
    "--learn-from",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folders of earlier runs: what did best on similar data is tried first. With a budget also those beside --out.",
)
@click.option("--mlflow", metavar="URI", help="Record the experiment there, too, such as sqlite:///mlflow.db.")
@click.option("--quiet", is_flag=True, help="Print the result only.")
@json_option
def automl(
    file: Path,
    target: str,
    problem: Any,
    time_col: str | None,
    group_col: str | None,
    budget: float,
    trials: int | None,
    metric: str,
    seed: int,
    out: Path,
    kept: tuple[str, ...],
    on: Any,
    learn_from: tuple[Path, ...],
    mlflow: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Find a model that predicts a column of FILE (CSV, NDJSON, a JSON list, Parquet; also gzipped), and say how good it is.

    Ctrl-C ends the search and keeps the best so far. A run that was killed goes on when called again.
    """
    from analytics.models.schema import WrongInput
    from events.errors import Rejected
    from tuning.card import write_card
    from tuning.config import Config
    from tuning.pipeline import Result, fit_table
    from tuning.recorder import FileRecorder

    def keep(result: Result) -> None:
        result.write(out)
        write_card(result.report, out)

    try:
        out.mkdir(parents=True, exist_ok=True)
        with FileRecorder(out / "events.ndjson") as events, watching(quiet or as_json) as watch:
            config = Config(
                target, problem, time_col, group_col, budget, trials, metric, seed, out, keep=kept, search=on,
                name=file.name.split(".")[0], recorder=_mirrored(events, mlflow, out), started=_STARTED,
                learn_from=learn_from if trials is not None else (*learn_from, out.resolve().parent),
            ).checked()  # fmt: skip
            result = fit_table(file, config, watch, keep)
    except WrongInput as error:
        raise Rejected(f"column {error.column!r}" if error.column else "", error.reason) from None
    except OSError as error:
        raise Rejected("--out", f"cannot write {out}: {error.strerror}") from None
    except ValueError as error:
        raise Rejected("", str(error)) from None
    if as_json:
        print_json(result.report.model_dump(mode="json", by_alias=True))
    else:
        _print_result(result.report, out, quiet)


def _mirrored(events: Recorder, uri: str | None, out: Path) -> Recorder:
    if uri is None:
        return events
    from tuning.mlflow_mirror import MlflowMirror
    from tuning.recorder import Mirrored

    return Mirrored(events, MlflowMirror(uri, artifacts=out))


def _print_result(report: Any, out: Path, quiet: bool) -> None:
    main = report.main()
    if quiet:
        click.echo(f"{main.metric} {main.value:.5g}")
        return
    for line in report.warnings:
        click.secho(f"! {line.text}", fg="red" if line.severity == "serious" else "yellow", err=True)
    for line in report.decisions:
        note(f"· {line.text}")
    for score in report.holdout:
        if score.value is None:
            continue
        span = f"   {score.low:.4f} to {score.high:.4f}" if score.low is not None and score.high is not None else ""
        click.echo(f"{report.definition(score.metric).title:<36} {score.value:.4f}{span}")
    parts = [f"{c.model} {c.weight:.0%}" for c in report.leaderboard if c.weight > 0]
    click.echo(f"{'ensemble':<36} {', '.join(parts)}")
    if report.artifact is not None:
        size = report.artifact.bytes / 1e6
        click.echo(f"{'model':<36} {out / _MODEL} ({size:.1f} MB, {report.artifact.row_ms:.2f} ms a row)")
    if report.registration is not None:
        click.echo(f"{'registration':<36} {report.registration.reason}")
    note(f"{len(report.history)} candidates in {report.run.elapsed_s:.1f} s; all about it: {out / _RESULT}")


@contextmanager
def watching(quiet: bool) -> Generator[Any]:
    """A view that follows the run on a terminal; nothing where nobody looks."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=8, transient=True) as live:
        yield lambda progress: live.update(drawn(progress))


def drawn(progress: Progress) -> Any:
    """One frame: what is best, who is in the ensemble, how much time is left."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    sign = -1.0 if progress.metric in ("log_loss", "rmse", "mae", "brier") else 1.0
    best = "—" if progress.best is None else f"{sign * progress.best:.5g}"
    left = "" if progress.left_s is None else f"   {max(0.0, progress.left_s):.0f} s left"
    head = Text.assemble(
        (progress.phase, "bold"), f"   best {progress.metric} ", (best, "bold green"),
        f"   {progress.tried} done, {progress.stopped} stopped early{left}",
    )  # fmt: skip
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (("model", "left"), (progress.metric, "right"), ("fit", "right"), ("weight", "left")):
        table.add_column(name, justify=justify)  # pyright: ignore[reportArgumentType]
    for row in progress.rows:
        share = "█" * round(20 * row.weight) or ("▏" if row.weight else "")
        table.add_row(
            row.kind.replace("_", " "),
            f"{sign * row.gain:.5g}",
            f"{row.fit_s:.1f} s",
            f"[cyan]{share}[/] {row.weight:.0%}" if row.weight else "",
        )
    parts: list[Any] = [head]
    if progress.left_s is not None:
        total = progress.elapsed_s + progress.left_s
        bar = Table.grid()
        bar.add_row(ProgressBar(total=total, completed=min(total, progress.elapsed_s), width=72))
        parts.append(bar)
    return Group(*parts, table)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--explain", is_flag=True, help="Add each column's contribution to each prediction (slow: ~50 ms a row).")
@click.option(
    "--id", "ids", multiple=True, metavar="COL", help="A column of FILE to put before the predictions, as it is."
)
@click.option("--interval", type=click.FloatRange(1, 99), help="Add where the truth lies with so many percent.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="CSV, NDJSON or Parquet, by its suffix.",
)
def predict(folder: Path, file: Path, explain: bool, ids: tuple[str, ...], interval: float | None, out: Path) -> None:
    """Predict each row of FILE with the model in DIR, in the same order.

    Each column is read as the model learnt it, so a prediction does not depend on the other rows of FILE. Writes the columns
    named with --id, then `prediction, probability_<class>…`, or for numbers `prediction, lo-90, hi-90`.
    """
    from analytics.models.schema import WrongInput
    from events.errors import Rejected
    from files.writing import write
    from tuning.data.tables import read_file
    from tuning.predictions import answered, load_model

    try:
        model = load_model(folder)
        table = answered(model, read_file(file), ids=ids, interval=interval, explain=explain)
        write(table, str(out))
    except WrongInput as error:
        raise Rejected(f"column {error.column!r}" if error.column else "", error.reason) from None
    except OSError as error:
        raise Rejected("--out", f"cannot write {out}: {error.strerror}") from None
    except ValueError as error:
        raise Rejected("", str(error)) from None
    note(f"{table.num_rows:,} rows predicted into {out}")
