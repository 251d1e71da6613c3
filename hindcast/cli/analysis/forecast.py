"""``hindcast forecast``: what comes next in the series of a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from events.errors import Rejected
from hindcast.cli.analysis import picture
from hindcast.cli.analysis.resample import asked, resample_options, resampled
from hindcast.cli.analysis.source import (
    Source,
    column_options,
    counted,
    faults_of,
    file_argument,
    load,
    out_option,
    working,
)
from hindcast.cli.output import note, print_json
from hindcast.cli.target import json_option

if TYPE_CHECKING:
    import pyarrow as pa

    from analytics.forecast import Evidence, Forecasts
    from analytics.kernels import I64
    from analytics.spans import Span

SHOWN = 5


def _levels(context: click.Context, option: click.Parameter, text: str) -> tuple[int | float, ...]:
    try:
        levels = [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r}: percentages such as 80,95") from None
    if not all(0 < level < 100 for level in levels):
        raise click.BadParameter(f"{text!r}: each between 0 and 100")
    return tuple(int(level) if level == int(level) else level for level in levels)


@click.command()
@file_argument
@column_options
@resample_options
@click.option("--horizon", type=click.IntRange(1, 100_000), required=True, metavar="H", help="Steps to forecast.")
@click.option("--level", "levels", default="80,95", show_default=True, callback=_levels, help="Intervals, in percent.")
@out_option
@picture.plot_option
@json_option
def forecast(
    file: str,
    time_: str | None,
    value: str | None,
    key: str | None,
    every: Span | None,
    agg: str | None,
    horizon: int,
    levels: tuple[int | float, ...],
    out: str | None,
    plot: str | None,
    as_json: bool,
) -> None:
    """Forecast the series of FILE (CSV, NDJSON or Parquet, also gzipped; `-`: standard input).

    Writes H rows for each series: key (where there is one), time, forecast, lo-80, hi-80, … As CSV to standard output, or
    to --out. What the forecast stands on (its step, season and error in a backtest, beside that of the seasonal naive
    forecast) goes to stderr, as do series that could not be forecast, and why. --plot draws the largest series.
    """
    from files.writing import writable, write

    writable(out)
    writable(plot, picture.SUFFIXES)
    source = resampled(load(file, time_, value, key, agg == "count"), file, asked(every, agg))
    _fit(source, file)
    found = _forecast(source, file, horizon, levels)
    table = _table(source, found)
    if out is not None:
        with working("writing") as heard:
            write(table, out, heard)
    if plot is not None:
        picture.save(picture.of_forecasts(source, found, horizon), plot)
    if as_json:
        written = {name: path for name, path in (("out", out), ("plot", plot)) if path is not None}
        print_json(_document(source, found) | written | ({} if out is not None else {"rows": _rows(table)}))
    elif out is None:
        write(table, None)
    _say(found, out, plot)


def _fit(source: Source, file: str) -> None:
    """Refuse, or say, what the rows are that no series can hold."""
    import numpy as np

    names = source.columns
    if not source.times.known.all():
        row = int(np.argmin(source.times.known)) + 1
        raise Rejected(file, f"column {names.time!r}, row {row}: no time; remove the row or fill it in")
    infinite = np.flatnonzero(np.isinf(source.values))
    if len(infinite):
        row = int(infinite[0]) + 1
        raise Rejected(file, f"column {names.value!r}, row {row}: the value is infinite; leave it empty")
    order = np.lexsort((source.times.us, source.codes))
    same = np.flatnonzero((np.diff(source.times.us[order]) == 0) & (np.diff(source.codes[order]) == 0))
    if len(same):
        first, second = sorted((order[same[0] : same[0] + 2] + 1).tolist())
        remedy = (
            "add them up, as --every day --agg sum does"
            if names.key is not None
            else "name the series' column with --key, or add them up, as --every day --agg sum does"
        )
        raise Rejected(file, f"column {names.time!r}: rows {first} and {second} have the same time; {remedy}")


def _forecast(source: Source, file: str, horizon: int, levels: tuple[int | float, ...]) -> Forecasts:
    import numpy as np

    with working("loading models"):
        from analytics.forecast import forecast as engine
    times, clock = source.times, source.clock()
    at: I64 = np.rint(times.us / times.per_unit).astype(np.int64) if times.ordinal else clock.us
    # A file of one series calls it by its column, so that messages have a name for it.
    names = [source.columns.value] if source.columns.key is None else source.keys
    keys = np.array(names, dtype=object)[source.codes].astype(str)
    with faults_of(file), working("forecasting") as heard:
        found = engine(keys, at, source.values, horizon=horizon, levels=levels, progress=heard)
        return replace(found, time=clock.moments(found.time))


def _table(source: Source, found: Forecasts) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, Any] = {} if source.columns.key is None else {"key": pa.array(found.key.tolist(), pa.string())}
    columns |= {"time": _as_written(source, found.time), "forecast": found.forecast}
    for level in found.lo:
        columns |= {f"lo-{level:g}": found.lo[level], f"hi-{level:g}": found.hi[level]}
    return pa.table(columns)


def _as_written(source: Source, time: I64) -> pa.Array:
    """Times as the file writes them; text of whole ISO 8601 times becomes whole seconds where it can."""
    import numpy as np
    import pyarrow as pa

    from analytics.column_values import numeric, textual

    kind, times = source.table.schema.field(source.columns.time).type, source.times
    if times.ordinal:
        return pa.array(time).cast(kind) if textual(kind) else pa.array(time)
    if times.form is not None and times.form.holds(time):
        texts = pa.array(times.form.write(time), pa.string())
        return texts if textual(kind) else texts.cast(kind)
    if times.form is None and (numeric(kind) or times.per_unit != 1):
        numbers = pa.array(np.rint(time / times.per_unit).astype(np.int64))
        return numbers.cast(kind) if textual(kind) else numbers
    zone = times.zone
    stamps = pa.array(time, pa.timestamp("us", zone))
    if pa.types.is_date(kind) and not (time % 86_400_000_000).any():
        return stamps.cast(pa.date32())
    return stamps if (time % 1_000_000).any() else stamps.cast(pa.timestamp("s", zone))


def _document(source: Source, found: Forecasts) -> dict[str, Any]:
    return {
        "series": [
            {
                "key": str(one.key),
                "step": one.frequency,
                "seasons": list(one.seasons),
                "weights": {name: float(weight) for name, weight in one.weights.items()},
                "observed": one.observed,
                "filled": one.filled,
                "origins": one.origins,
                "error": one.error,
                "naive_error": one.naive_error,
                "notes": list(one.notes),
            }
            for one in found.series
        ],
        "skipped": [{"key": str(one.key), "reason": one.reason} for one in found.skipped],
    }


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    return [
        {name: cell if isinstance(cell, (int, float, str)) else str(cell) for name, cell in row.items()}
        for row in table.to_pylist()
    ]


def _say(found: Forecasts, *paths: str | None) -> None:
    for one in found.series[:SHOWN]:
        note(_evidence(one))
        for remark in one.notes:
            note(f"  {remark}")
    if len(found.series) > SHOWN:
        note(f"… and {counted(len(found.series) - SHOWN, 'more series', 'more series')}; all with --json")
    for skipped in found.skipped[:SHOWN]:
        note(f"not forecast: {skipped.key!r}: {skipped.reason}")
    if len(found.skipped) > SHOWN:
        note(f"… and {len(found.skipped) - SHOWN:,} more not forecast; all with --json")
    for path in filter(None, paths):
        note(f"written to {path}")


def _evidence(one: Evidence) -> str:
    step = "numbered rows" if one.frequency == "by one" else f"a row {one.frequency}"
    season = f"season {', '.join(map(str, one.seasons))} steps" if one.seasons else "no season"
    if one.error is None or one.naive_error is None:
        return f"{one.key}: {step}, {season}; too short a history for a backtest"
    return (
        f"{one.key}: {step}, {season}; mean error {one.error:.4g} in a backtest of {one.origins}"
        f", the seasonal naive forecast {one.naive_error:.4g}"
    )
