"""``hindcast streams | tail | query``: over HTTP where a system runs, else from the log itself, read-only."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.output import Option, each, note, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options
from hindcast.tenants import tenant_of

if TYPE_CHECKING:
    from events.log import LogReader
    from hindcast.client import Result, StreamStatus

LIMIT = 10_000
_BRIEF = ("time", "type", "subject", "source")
read_options: Option = each(
    target_options, click.option("--tenant", help="Where a log without a running system has several.")
)


@click.command()
@read_options
@json_option
def streams(data_dir: Path, address: str | None, key: str | None, tenant: str | None, as_json: bool) -> None:
    """List the streams, how many rows each has, and who writes them."""
    target = Target(data_dir, address, key)
    if target.runs():
        with target.client() as client:
            found = client.streams()
    else:
        with target.log() as log:
            found = _streams(log, tenant)
    if as_json:
        print_json(found)
    else:
        rows = [(s["name"], s["rows"], len(s["producers"]), s["about"]) for s in found]
        print_table(rows, ["stream", "rows", "producers", "about"], cell=100)


def _streams(log: LogReader, tenant: str | None) -> list[StreamStatus]:
    from events.tables import columns_of
    from query.history import History

    found = History(log, tenant_of(log, tenant)).streams()
    return [
        {
            "name": s.name,
            "about": s.about,
            "rows": s.rows,
            "producers": [{"producer": p, "head": h} for p, h in s.heads.items()],
            "columns": columns_of(s.name).names,
        }
        for s in found
    ]


@click.command()
@click.argument("stream")
@click.option(
    "-n", "n", type=click.IntRange(0, 10_000), default=10, show_default=True, help="Newest rows to begin with."
)
@click.option("--follow/--no-follow", default=True, show_default=True, help="Wait for more, until Ctrl-C.")
@read_options
@json_option
def tail(
    stream: str,
    n: int,
    follow: bool,
    data_dir: Path,
    address: str | None,
    key: str | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Print the newest rows of STREAM, and each new one as it is committed. --json prints one object a line."""
    from query.history import stream_of

    target = Target(data_dir, address, key)
    if target.runs():
        with target.client() as client:
            _print_rows(client.tail(stream, last=n, follow=follow), as_json)
        return
    stream_of(stream)
    with target.log() as log:
        _print_rows(_tail(log, stream, n, follow, tenant), as_json)


def _tail(log: LogReader, stream: str, n: int, follow: bool, tenant: str | None) -> Iterator[dict[str, Any]]:
    from query.history import History
    from query.rows import as_objects

    whose = tenant_of(log, tenant)
    page = History(log, whose).last(stream, max(n, 1))
    if n:
        yield from as_objects(page.rows)
    at = page.next
    if follow:
        note("no system runs here; waiting for one that writes to this log (Ctrl-C ends this)")
    while follow:
        time.sleep(0.5)
        history = History(log, whose)
        for producer, head in history.heads(stream).items():
            while at.get(producer, 0) < head:
                page = history.after(stream, producer, at.get(producer, 0), LIMIT)
                at |= page.next
                yield from as_objects(page.rows)


def _print_rows(rows: Iterator[dict[str, Any]], as_json: bool) -> None:
    try:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False) if as_json else _brief(row))
    except KeyboardInterrupt:
        pass


def _brief(row: dict[str, Any]) -> str:
    """Time, type and who; then what else is there."""
    first = "  ".join(str(row[name]) for name in _BRIEF if row.get(name) is not None)
    hidden = {*_BRIEF, "id", "received", "partition_key", "producer", "offset", "tenant", "cause"}
    rest = {name: value for name, value in row.items() if value is not None and name not in hidden}
    return f"{first}  {' '.join(f'{k}={v}' for k, v in rest.items())}".rstrip()


@click.command()
@click.argument("sql")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header.")
@click.option("--limit", type=click.IntRange(1, LIMIT), help=f"At most so many rows.  [default: {LIMIT}]")
@click.option(
    "--as-of", metavar="MOMENT", help="What was known then: ISO 8601, how long ago (`1h`), or an answer's token."
)
@click.option("--valid-at", metavar="TIME", help="The same moment with hindsight: what happened up to then.")
@read_options
@json_option
def query(
    sql: str,
    as_csv: bool,
    limit: int | None,
    as_of: str | None,
    valid_at: str | None,
    data_dir: Path,
    address: str | None,
    key: str | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Run one read-only SQL statement (DuckDB) over the streams; `-` reads it from standard input.

    Each stream is a table (see `streams`, or "DESCRIBE user_interactions"), with producer, row_offset and tenant of each
    row; metrics_latest has the last revision of each window. --json prints a list of objects.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv: choose one")
    if sql == "-":
        sql = sys.stdin.read()
    target = Target(data_dir, address, key)
    if target.runs():
        with target.client() as client:
            result = client.result(sql, limit=limit, as_of=as_of, valid_at=valid_at)
    else:
        with target.log() as log:
            result = _query(log, sql, limit, tenant, as_of, valid_at)
    _print_result(result, as_json, as_csv)


def _query(
    log: LogReader, sql: str, limit: int | None, tenant: str | None, as_of: str | None, valid_at: str | None
) -> Result:
    from query.engine import Engine

    whose = tenant_of(log, tenant)
    then: dict[str, Any] = {}
    if as_of or valid_at:
        from serve.moments import asked_of  # takes its time to import

        about = asked_of(log, whose, as_of, valid_at)
        then = {"moment": about.moment, "valid_at": about.valid_at}
    answer = Engine(log).run(sql, tenant=whose, rows=limit, **then)
    columns: Any = [column._asdict() for column in answer.columns]
    return {
        "columns": columns,
        "rows": answer.rows(),
        "truncated": answer.truncated,
        "elapsed_ms": answer.elapsed_ms,
        "as_of": answer.as_of,
    }


def _print_result(result: Result, as_json: bool, wants_csv: bool) -> None:
    from query.rows import as_csv

    names = [column["name"] for column in result["columns"]]
    rows = result["rows"]
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    elif wants_csv:
        click.echo(as_csv(names, rows), nl=False)
    elif names[:2] == ["explain_key", "explain_value"]:
        click.echo("\n".join(row[1] for row in rows))
    else:
        print_table(rows, names)
        note(f"{len(rows):,} row{'' if len(rows) == 1 else 's'} in {result['elapsed_ms']:.0f} ms")
    if result["truncated"]:
        note(f"cut after {len(rows):,} rows: aggregate, or page by time")
