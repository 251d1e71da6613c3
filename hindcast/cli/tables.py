"""``hindcast table``: point-in-time tables, made from a file that says which, or made again as they were pinned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.operations import Document
from hindcast.cli.output import note, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 50
out_option = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file: .parquet, .csv or .arrow."
)


@click.group()
def table() -> None:
    """Tables to learn from: what was known of each key at a moment of its own."""


@table.command()
@click.argument("asked", type=Document())
@click.option("--rows", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Its rows, as CSV, Parquet or NDJSON: key, at, and label if you like.")  # fmt: skip
@click.option("--as-of", metavar="MOMENT", help="What was known then: ISO 8601, how long ago (`1h`), or a token.")
@click.option("--pin", metavar="NAME", help="Keep it under this name, and make it again just as it is now.")
@out_option
@target_options
@json_option
def make(
    asked: dict[str, Any],
    rows: Path | None,
    as_of: str | None,
    pin: str | None,
    out: Path | None,
    data_dir: Path,
    address: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Make a table. ASKED has its features, and its rows or `rows_from`: JSON or YAML, or @FILE."""
    if rows is not None:
        asked = {**asked, "rows": _rows_of(rows)}
    said = {name: asked.pop(name, None) for name in ("rows", "rows_from", "given")}
    features = asked.pop("features", [])
    if asked:
        raise click.UsageError(f"ASKED has {', '.join(asked)}; there are rows, rows_from, features and given")
    with Target(data_dir, address, key).client() as client:
        _show(client.table(features, **said, as_of=as_of, pin=pin), out, as_json)


@table.command()
@click.argument("name")
@out_option
@target_options
@json_option
def show(name: str, out: Path | None, data_dir: Path, address: str | None, key: str | None, as_json: bool) -> None:
    """Make a kept table again, a pinned one just as it was, and say whether it still is."""
    with Target(data_dir, address, key).client() as client:
        _show(client.kept_table(name), out, as_json)


def _rows_of(path: Path) -> list[dict[str, Any]]:
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet

    readers = {".csv": pyarrow.csv.read_csv, ".parquet": pyarrow.parquet.read_table}
    found = readers.get(path.suffix, pyarrow.json.read_json)(path)
    from query.rows import as_objects

    return as_objects(found)


def _show(found: pa.Table, out: Path | None, as_json: bool) -> None:
    from query.rows import as_objects, as_rows

    said = {name.decode(): json.loads(value) for name, value in (found.schema.metadata or {}).items()}
    for warning in said.get("hindcast.warnings", []):
        note(warning)
    if out is not None:
        write(found, out)
        note(f"{found.num_rows:,} rows are in {out}")
    elif as_json:
        print_json(as_objects(found))
    else:
        print_table(as_rows(found.slice(0, SHOWN)), found.column_names)
        if found.num_rows > SHOWN:
            note(f"and {found.num_rows - SHOWN:,} rows more; --out FILE writes all")
    note(f"state {said.get('hindcast.state')}, digest {said.get('hindcast.digest')}")


def write(found: pa.Table, out: Path) -> None:
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.parquet

    writers = {".csv": pyarrow.csv.write_csv, ".parquet": pyarrow.parquet.write_table,
               ".arrow": pyarrow.feather.write_feather}  # fmt: skip
    if out.suffix not in writers:
        raise click.UsageError(f"--out: {out.name} must end with {', '.join(writers)}")
    writers[out.suffix](found, out)
