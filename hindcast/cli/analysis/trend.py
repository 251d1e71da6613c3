"""``hindcast trend``: where the series of a file are going."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.analysis.resample import asked, resample_options, resampled
from hindcast.cli.analysis.source import (
    Clock,
    Source,
    column_options,
    counted,
    cut,
    faults_of,
    file_argument,
    length,
    load,
    stamp,
    working,
)
from hindcast.cli.analysis.start import quick_start
from hindcast.cli.output import note, print_json, print_table
from hindcast.cli.target import json_option

if TYPE_CHECKING:
    from analytics.spans import Span
    from analytics.trend import Trend

SHOWN = 50


@click.command()
@file_argument
@column_options
@resample_options
@json_option
@quick_start()
def trend(
    file: str,
    time_: str | None,
    value: str | None,
    key: str | None,
    every: Span | None,
    agg: str | None,
    as_json: bool,
) -> None:
    """Say where the series of FILE are going (CSV, NDJSON or Parquet, also gzipped; `-`: standard input).

    Comes out: the direction (up, flat, down) with its p-value, the slope with a 95 % interval, the season, the changes
    of level or slope with their times and sizes, and the growth of the newer half of the record over the older. With a
    key, one line a series; --json has everything.
    """
    source = resampled(load(file, time_, value, key, agg == "count"), file, asked(every, agg))
    with faults_of(file), working("analysing") as heard:
        found = _analyze(source, heard)
    lost = int((~source.times.known).sum())
    if lost:
        note(f"{counted(lost, 'row')} without a time left out")
    documents = [_document(source, name, one) for name, one in found]
    if as_json:
        print_json({"series": documents})
    elif len(found) == 1:
        _tell(source, found[0][1], documents[0])
    else:
        columns = ["key", "direction", "p_value", "slope", "per", "season", "changes", "growth", "rows"]
        print_table([_line(d) for d in cut(documents, SHOWN, "series")], columns)


def _analyze(source: Source, heard: Any) -> list[tuple[str, Trend]]:
    import numpy as np

    from analytics.trend import analyze

    clock = source.clock()
    order = np.argsort(source.codes, kind="stable")
    order = order[source.times.known[order]]
    ends = np.searchsorted(source.codes[order], np.arange(len(source.keys) + 1))
    found: list[tuple[str, Trend]] = []
    for place, name in enumerate(source.keys):
        rows = order[ends[place] : ends[place + 1]]
        found.append((name, _at_moments(analyze(clock.us[rows], source.values[rows]), clock)))
        heard(place + 1, len(source.keys))
    return found


def _at_moments(found: Trend, clock: Clock) -> Trend:
    """Its changes at moments rather than times of the clock."""
    import numpy as np

    at = np.array([point.time_us or 0 for point in found.changes], np.int64)
    moved = zip(found.changes, clock.moments(at).tolist(), strict=True)
    return replace(found, changes=tuple(replace(point, time_us=us) for point, us in moved))


def _document(source: Source, name: str, found: Trend) -> dict[str, Any]:
    times, slope, season, growth = source.times, found.slope, found.season, found.growth
    # The slope of ordinals is that of one step, whichever unit of time their span was taken for.
    unit = slope.unit_us if slope is not None else 1
    scale = times.per_unit / unit if times.ordinal else 1.0
    return {
        "key": name or None,
        "rows": found.rows,
        "used": found.used,
        "direction": found.direction,
        "p_value": found.p_value,
        "test": found.test.name if found.test is not None else None,
        "slope": None
        if slope is None
        else {
            "value": slope.value * scale,
            "lower": slope.lower * scale,
            "upper": slope.upper * scale,
            "level": slope.level,
            "per": "step" if times.ordinal else length(unit, times).removeprefix("1 "),
        },
        "season": None
        if season is None
        else {
            "name": "learnt" if times.ordinal else season.name,
            "period": season.period,
            "length": season.length or length(season.period_us, times),
            "strength": season.strength,
            "p_value": season.p_value,
        },
        "shape": found.shape,
        "changes": [
            {
                "time": None if point.time_us is None else stamp(point.time_us, times),
                "before": point.before,
                "after": point.after,
                "size": point.size,
                "confidence": point.confidence,
            }
            for point in found.changes
        ],
        "growth": None
        if growth is None
        else {
            "rate": growth.rate,
            "current": growth.current,
            "previous": growth.previous,
            "length": length(growth.length_us, times),
        },
        "notes": list(found.notes),
    }


def _line(document: dict[str, Any]) -> dict[str, Any]:
    slope, season, growth = document["slope"] or {}, document["season"], document["growth"] or {}
    return document | {
        "slope": slope.get("value"),
        "per": slope.get("per"),
        "season": season and season["length"],
        "changes": len(document["changes"]),
        "growth": _percent(growth.get("rate")),
        "direction": document["direction"] or "not enough data",
    }


def _percent(rate: float | None) -> str | None:
    return None if rate is None else f"{rate:+.1%}".replace("-0.0%", "+0.0%")


def _tell(source: Source, found: Trend, document: dict[str, Any]) -> None:
    for remark in found.notes:
        note(remark)
    if found.direction is None:
        click.echo("direction  not enough data")
        return
    slope, season, growth = document["slope"], document["season"], document["growth"]
    click.echo(f"direction  {found.direction} (p = {found.p_value:.3g}, {document['test']}, {found.used:,} values)")
    if slope is not None:
        click.echo(
            f"slope      {slope['value']:.6g} per {slope['per']} ({slope['level']:.0%}: {slope['lower']:.6g}"
            f" to {slope['upper']:.6g})"
        )
    if season is None:
        click.echo("season     none found")
    else:
        click.echo(f"season     {season['length']} ({season['period']} steps), strength {season['strength']:.2f}")
    if growth is not None:
        rate = _percent(growth["rate"]) or "no rate"
        click.echo(
            f"growth     {rate}: {growth['current']:.6g} over the last {growth['length']}, {growth['previous']:.6g} before"
        )
    if not found.changes:
        click.echo("changes    none found")
        return
    click.echo(
        f"changes    {counted(len(found.changes), 'change')} of {'level' if found.shape == 'levels' else 'line'}"
    )
    print_table(document["changes"], ["time", "before", "after", "size", "confidence"])
