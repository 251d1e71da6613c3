"""What the analysis commands share: a file's series, with its columns guessed and said, and its times as text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from events.errors import Rejected
from hindcast.cli.output import each, note

if TYPE_CHECKING:
    import pyarrow as pa

    from analytics.columns import Columns
    from analytics.kernels import F64, I64
    from analytics.times import Times
    from files.tables import Read

Progress = Callable[[int, int], None]

file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
column_options = each(
    click.option("--time", "time_", metavar="COL", help="Column of the time.  [default: guessed, and said]"),
    click.option("--value", metavar="COL", help="Column of the value.  [default: guessed, and said]"),
    click.option("--key", metavar="COL", help="Column that tells series apart.  [default: guessed, else one series]"),
)
out_option = click.option("--out", metavar="F", help="Write the rows to a .csv, .csv.gz, .ndjson or .parquet file.")

_UNITS = (("day", 86_400e6), ("hour", 3_600e6), ("minute", 60e6), ("second", 1e6))


class Source(NamedTuple):
    """One or many series of a file, rows as they stand there."""

    table: pa.Table
    columns: Columns
    times: Times
    values: F64
    keys: list[str]
    """Of each series, in order of first appearance."""
    codes: Any
    """int64 a row: its place in ``keys``."""

    def name(self, code: int) -> str:
        return self.keys[code]

    def clock(self) -> Clock:
        """The clock by which the steps of these series are even."""
        from analytics.times import steps_by_clock, wall

        zone = self.times.zone
        if zone is None or not steps_by_clock(self.times, self.codes):
            return Clock(self.times.us, None)
        return Clock(wall(self.times.us, zone), zone)


class Clock(NamedTuple):
    """The times of rows as the clock of their zone shows them, or as they are where steps do not follow a clock."""

    us: I64
    zone: str | None

    def moments(self, shown: I64) -> I64:
        """int64 us since 1970, UTC, of times that the clock shows."""
        from analytics.times import moments

        return shown if self.zone is None else moments(shown, self.zone)


@contextmanager
def faults_of(file: str) -> Generator[None, None, None]:
    """Turns errors of the mathematics about rows into one line that begins with the file."""
    try:
        yield
    except ValueError as error:
        if isinstance(error, Rejected):
            raise
        raise Rejected(file, str(error)) from None


def load(file: str, time: str | None, value: str | None, key: str | None, counted_only: bool = False) -> Source:
    """Read the series of a file, and say on stderr which columns were guessed. Raises ``Rejected``.

    With ``counted_only`` the rows are what matters: where no value is named, each is one, and its value's column the time.
    """
    import numpy as np

    from analytics.column_values import values as values_of
    from analytics.columns import columns
    from analytics.times import times as times_of
    from files.tables import read

    with working("reading") as heard:
        found = read(file, heard)
        table = found.typed()
    with faults_of(file):
        rows_alone = counted_only and value is None
        names = columns(table, time, value, key, rows_alone)
        say(time=(names.time, time), value=(None if rows_alone else names.value, value), key=(names.key, key))
        table = _as_asked(found, table, names)
        times = times_of(table[names.time], names.time)
        values = np.ones(table.num_rows) if rows_alone else values_of(table[names.value], names.value)
    if times.form is not None:
        note(f"times are read as {times.form}")
    if not times.known.any():
        raise Rejected(file, f"column {names.time!r} has no time in any row: name another with --time")
    keys, codes = _keys(table, names.key)
    return Source(table, names, times, values, keys, codes)


def _as_asked(found: Read, table: pa.Table, names: Columns) -> pa.Table:
    """Time and value as such, and the key as the file spells it: ``007`` is not ``7``, and ``NA`` may be a name.

    Times with offsets stay text, as moments in UTC do not tell by which clock their days begin.
    """
    from analytics.column_values import textual
    from files.cells import asked

    for name in (names.time, names.value):
        zoned = getattr(table.schema.field(name).type, "tz", None) is not None
        kept = found.written[name] if zoned and textual(found.written[name].type) else table[name]
        table = table.set_column(table.column_names.index(name), name, asked(kept))
    if names.key is not None:
        table = table.set_column(table.column_names.index(names.key), names.key, found.written[names.key])
    return table


def _keys(table: pa.Table, name: str | None) -> tuple[list[str], Any]:
    import numpy as np

    from analytics.column_values import codes

    if name is None:
        return [""], np.zeros(table.num_rows, np.int64)
    found = codes(table[name])
    _, first = np.unique(found, return_index=True)
    labels = ["" if cell is None else str(cell) for cell in table[name].take(np.sort(first)).to_pylist()]
    order = found[np.sort(first)]
    place = np.empty(len(order), np.int64)
    place[order - order.min()] = np.arange(len(order))
    return labels, place[found - order.min()]


def say(**columns: tuple[str | None, str | None]) -> None:
    """``name=(column, what was asked)``: which columns are read, where not all were named."""
    if any(asked is None for _, asked in columns.values()):
        parts = [
            f"{name}: {column if column is not None else 'none'}{' (guessed)' if asked is None and column else ''}"
            for name, (column, asked) in columns.items()
        ]
        note(", ".join(parts))


@contextmanager
def working(title: str) -> Generator[Progress, None, None]:
    """A bar on stderr, on a terminal only: it moves as (done, of how many) is heard, and pulses until then."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def stamp(us: int, times: Times) -> str | int | float:
    """A time as people write it, on the clock of its zone; of an ordinal, its number."""
    if times.ordinal:
        place = us / times.per_unit
        return int(place) if place == int(place) else place
    if times.zone is not None and times.zone != "UTC":
        import numpy as np

        from analytics.times import wall

        us = int(wall(np.array([us], np.int64), times.zone)[0])
    return plain(us)


def plain(us: int) -> str:
    """A time without a zone as people write it."""
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(us))
    except OverflowError:
        return f"{us} us since 1970"
    local = moment.replace(tzinfo=None)
    return local.isoformat(" ", "seconds" if local.microsecond == 0 else "microseconds").removesuffix(" 00:00:00")


def length(us: float, times: Times) -> str:
    """A span of time in the largest unit of which it is a whole number, up to 100, or fitting; of ordinals, in steps."""
    if times.ordinal:
        return f"{us / times.per_unit:g} steps"
    fitting = [(unit, size) for unit, size in _UNITS if us >= size]
    whole = ((unit, size) for unit, size in fitting if us % size == 0 and us <= 100 * size)
    for unit, size in (*whole, *fitting):
        return f"{us / size:.4g} {unit}{'' if us == size else 's'}"
    return f"{us:g} us"


def counted(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def cut(rows: Sequence[Any], most: int, what: str) -> Sequence[Any]:
    """The first ``most`` rows; says how many more there are."""
    if len(rows) > most:
        note(f"the first {most} of {len(rows):,} {what}; all with --json")
    return rows[:most]
