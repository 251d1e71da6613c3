"""``hindcast dataset``: a table to learn from, with its leakage report; ``hindcast features``: those of a subject."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.operations import Document, OperationGroup
from hindcast.cli.output import note, print_json, print_table
from hindcast.cli.tables import SHOWN, out_option, write
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from hindcast.datasets import Dataset


class LabelOrSpec(click.ParamType[Any]):
    """The name of a label, or one as it would be defined."""

    name = "label"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or not value.startswith(("@", "{")):
            return value
        return Document().convert(value, param, ctx)


@click.command()
@click.argument("label", type=LabelOrSpec())
@click.option("--feature", "features", multiple=True, help="Only this feature (several times for several).")
@click.option("--horizon", help="How far ahead, instead of the label's: `30d`.")
@click.option("--every", help="Rows at moments so far apart: `7d`.")
@click.option("--since", help="The first moment: ISO 8601, or how long ago.")
@click.option("--until", help="The last moment.")
@click.option("--at", multiple=True, help="At this moment (several times for several), instead of regular ones.")
@click.option("--sample", type=int, help="At most so many rows.")
@click.option("--as-of", metavar="MOMENT", help="As the log was known then: ISO 8601, how long ago, or a token.")
@click.option("--report", "report", type=click.Path(path_type=Path, dir_okay=False), help="Write the report, as JSON.")
@out_option
@target_options
@json_option
def dataset(
    label: Any,
    features: tuple[str, ...],
    horizon: str | None,
    every: str | None,
    since: str | None,
    until: str | None,
    at: tuple[str, ...],
    sample: int | None,
    as_of: str | None,
    report: Path | None,
    out: Path | None,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Make a dataset of LABEL (a name, or a spec as JSON or @FILE): features as they were known, and what came after."""
    with Target(data_dir, address, key).client() as client:
        made = client.dataset(
            label,
            features=list(features) or None,
            horizon=horizon,
            every=every,
            since=since,
            until=until,
            at=list(at) or None,
            sample=sample,
            as_of=as_of,
        )
    if report is not None:
        report.write_text(json.dumps({**made.report, "said": made.said}, indent=2) + "\n", encoding="utf-8")
    _show(made, out, as_json)


def _show(made: Dataset, out: Path | None, as_json: bool) -> None:
    from query.rows import as_objects, as_rows

    for warning in made.warnings:
        note(warning)
    if out is not None:
        write(made.table, out)
        note(f"{len(made):,} rows are in {out}")
    elif as_json:
        print_json(as_objects(made.table))
    else:
        print_table(as_rows(made.table.slice(0, SHOWN)), made.table.column_names)
        if len(made) > SHOWN:
            note(f"and {len(made) - SHOWN:,} rows more; --out FILE writes all")
    refused, label = made.report["refused"], made.report["label"]
    balance = f"{label['rate']:.1%} positive" if "rate" in label else f"mean {label['mean']:g}"
    note(
        f"{len(made):,} rows of {made.report['subjects']:,} subjects, {balance}; left out: {refused['future']:,} events "
        f"to come and {refused['not_known_yet']:,} not known yet; digest {made.digest}"
    )


@click.group(cls=OperationGroup)
def features() -> None:
    """Features of subjects: what is known of them, live and as of any moment."""
