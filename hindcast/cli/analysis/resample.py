"""``--every day --agg sum``: the rows of a file added up to one for each span of time, before a command looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from events.errors import Rejected
from hindcast.cli.analysis.source import Clock, Source, counted, plain
from hindcast.cli.output import each, note

if TYPE_CHECKING:
    from analytics.kernels import F64, I64
    from analytics.spans import Span

_MOST = 20_000_000
"""Rows that are made at most."""
AGGREGATES = ("sum", "mean", "median", "min", "max", "count", "first", "last")


class Resample(NamedTuple):
    """What to make of the rows of a span of time."""

    span: Span
    how: str


def _span(context: click.Context, option: click.Parameter, text: str | None) -> Span | None:
    from analytics.spans import span_of

    try:
        return None if text is None else span_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


resample_options = each(
    click.option(
        "--every", callback=_span, metavar="SPAN", help="Make one row of each day (hour, 15 minutes, week, month, …)."
    ),
    click.option(
        "--agg", type=click.Choice(AGGREGATES), help="What of the rows of a span: its row is their sum, mean, …"
    ),
)


def asked(every: Span | None, agg: str | None) -> Resample | None:
    """The resampling that both options ask for together, or none. Raises ``UsageError`` where only one is given."""
    if every is None and agg is None:
        return None
    if every is None:
        raise click.UsageError("--agg needs --every: the span of time whose rows become one, such as day")
    if agg is None:
        raise click.UsageError(f"--every needs --agg: one of {', '.join(AGGREGATES)}")
    return Resample(every, agg)


def resampled(source: Source, file: str, wanted: Resample | None) -> Source:
    """One row for each span and series, at the begin of the span by the clock of the times' zone; ``source`` if not asked.

    Sums and counts of a span without rows are zero, except on weekdays that have no row in all the file: those are closed.
    Other figures leave such spans out. A first or last span that is not whole is left out, and said.
    """
    if wanted is None:
        return source
    import numpy as np

    from analytics.spans import ADDED, aggregated, whole

    times = source.times
    if times.ordinal:
        raise Rejected(
            file, f"column {source.columns.time!r} has plain numbers, no times: there is no {wanted.span.name}"
        )
    lost = int((~times.known).sum())
    if lost:
        note(f"{counted(lost, 'row')} without a time left out")
    rows = np.flatnonzero(times.known)
    rows = rows[np.lexsort((times.us[rows], source.codes[rows]))]
    clock = _clock(source, wanted.span)
    shown = clock.us[rows]
    places = wanted.span.places(shown)
    kept = _within(wanted, clock, places, whole(places, shown - wanted.span.begins(places)))
    rows, places = rows[kept], places[kept]
    codes, values = source.codes[rows], source.values[rows]
    new = np.concatenate([[True], (np.diff(codes) != 0) | (np.diff(places) != 0)])
    figures = aggregated(np.cumsum(new) - 1, values, wanted.how)
    codes, at = codes[new], places[new]
    if wanted.how in ADDED:
        codes, at, figures = _with_silence(file, codes, at, figures, wanted)
    note(f"{wanted.how} of each {wanted.span.name}: {counted(len(rows), 'row')} made {counted(len(at), 'row')}")
    return _made(source, codes, clock.moments(wanted.span.begins(at)), figures, wanted)


class _Shifted(NamedTuple):
    """A clock that differs from UTC by as much all the time."""

    us: I64
    by: int

    def moments(self, shown: I64) -> I64:
        return shown - self.by


def _clock(source: Source, span: Span) -> Clock | _Shifted:
    """That of the zone; for spans of an hour or less one that no change of it moves, so that no hour comes twice."""
    from analytics.times import wall

    times = source.times
    if times.zone is None:
        return _Shifted(times.us, 0)
    shown = wall(times.us, times.zone)
    if span.by_clock:
        return Clock(shown, times.zone)
    first = int(times.known.argmax())
    by = int(shown[first] - times.us[first])
    return _Shifted(times.us + by, by)


def _within(wanted: Resample, clock: Clock | _Shifted, places: I64, whole: tuple[bool, bool]) -> Any:
    """bool a row: not of a first or last span that is not whole."""
    import numpy as np

    kept = np.ones(len(places), np.bool_)
    for place, complete, what in ((places.min(), whole[0], "first"), (places.max(), whole[1], "last")):
        if not complete:
            kept &= places != place
            begin = plain(int(wanted.span.begins(np.array([place], np.int64))[0]))
            note(f"left out: the {what} {wanted.span.name}, from {begin}, is not whole")
    return kept


def _with_silence(file: str, codes: I64, places: I64, figures: F64, wanted: Resample) -> tuple[I64, I64, F64]:
    """Zero for each span without rows from a series' first on; none for closed weekdays."""
    import numpy as np

    from analytics.spans import closed, weekdays

    last, begin = int(places.max()), np.flatnonzero(np.diff(codes, prepend=-1))
    lengths = last - places[begin] + 1
    if int(lengths.sum()) > _MOST:
        raise Rejected(file, f"every {wanted.span.name} makes {int(lengths.sum()):,} rows: give a longer --every")
    starts = np.cumsum(lengths) - lengths
    every = np.arange(int(lengths.sum())) - np.repeat(starts - places[begin], lengths)
    all_codes = np.repeat(codes[begin], lengths)
    filled = np.zeros(len(every))
    series = np.cumsum(np.diff(codes, prepend=-1) != 0) - 1
    there = starts[series] + places - places[begin][series]
    filled[there] = figures
    kept = np.ones(len(every), np.bool_)
    shut = closed(places, wanted.span)
    if shut.any():
        kept = ~shut[weekdays(every)]
        names = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
        note(f"closed, so no zero: {', '.join(names[i] for i in np.flatnonzero(shut))}")
    return all_codes[kept], every[kept], filled[kept]


def _made(source: Source, codes: I64, us: I64, figures: F64, wanted: Resample) -> Source:
    import numpy as np
    import pyarrow as pa

    from analytics.columns import Columns
    from analytics.times import Times

    old = source.columns
    zone, form = source.times.zone, source.times.form
    stamps = pa.array(us, pa.timestamp("us", zone))
    if form is not None and form.holds(us):
        stamps = pa.array(form.write(us), pa.string())
    elif zone is None and not (us % 86_400_000_000).any():
        form, stamps = None, stamps.cast(pa.date32())
    else:
        form = None
    value = old.value if old.value != old.time else wanted.how
    columns: dict[str, Any] = {} if old.key is None else {old.key: pa.array(source.keys, pa.string()).take(codes)}
    table = pa.table(columns | {old.time: stamps, value: pa.array(figures, from_pandas=True)})
    times = Times(us, np.ones(len(us), np.bool_), 1.0, False, zone, form)
    return Source(table, Columns(old.time, value, old.key), times, figures, source.keys, codes)
