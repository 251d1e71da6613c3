"""What the cells of a column of times mean: the moment, the wall clock of its zone, and the form to go on in.

Beside ``columns`` and ``anomaly.table`` the one module of this package that knows Arrow.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics import dates
from analytics.column_values import numeric, parsed, textual, trimmed
from analytics.dates import Form
from analytics.kernels import I64, Bools

_OFFSET = r"(Z|z|[+-]\d\d(:?\d\d)?)$"
_ZONED = re.compile(r"(Z|z|:\S*[+-]\d\d(:?\d\d)?)$")
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_UNITS = (("s", 1_000_000, 1e11), ("ms", 1_000, 1e14), ("us", 1, 1e17))
_SINCE = 1e8
"""Whole numbers below this, 1973 in seconds, are places in an order (1, 2, 3; years), not times."""
_DAY = 86_400_000_000
_ABOUT_A_DAY = 23 * 3_600_000_000
"""The shortest day of a clock change."""


_AREAS = ("Europe", "America", "Asia", "Australia", "Pacific", "Africa", "Atlantic")
"""Of zones, in the order in which they are tried for offsets that several of them have."""


class Times(NamedTuple):
    """int64 microseconds since 1970 (UTC where no zone is given), where there is a time, and what was read."""

    us: I64
    known: Bools
    per_unit: float
    """Microseconds for each unit of a numeric column; 1 for times."""
    ordinal: bool
    """Places in an order rather than times; read as seconds."""
    zone: str | None = None
    """Of the column's wall clock, as Arrow names it; None where the times have none."""
    form: Form | None = None
    """How the times are written, where that is neither a number since 1970 nor a whole ISO 8601 time."""


def times(column: pa.ChunkedArray, name: str) -> Times:
    """Times, text of ISO 8601 or of a form in ``dates``, packed numbers such as 20240229, or numbers since 1970.

    Numbers since 1970 are in s, ms, us or ns, whichever puts them in this age; smaller ones are places in an order. Raises
    ``ValueError``, naming column and row, for what is no time.
    """
    if textual(column.type):
        text = trimmed(column)
        first = next((cell for cell in text.drop_null().slice(0, 1).to_pylist()), "")
        if not _NUMBER.fullmatch(first):
            return _of_text(text, name, first)
        kind = pa.float64() if "." in first else pa.int64()
        column = parsed(
            text, name, lambda part: part.cast(kind), lambda cell: f"{cell!r} is not a number, as {first!r} is"
        )
    if numeric(column.type):
        return _of_numbers(column, name)
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        zone = getattr(column.type, "tz", None)
        return _made(column.cast(pa.timestamp("us", zone), safe=False), zone=zone)
    if pa.types.is_null(column.type):
        return _made(column)
    raise ValueError(
        f"column {name!r} is {column.type}: times are timestamps, dates, text (ISO 8601), packed numbers (20240229) or "
        "numbers since 1970"
    )


def reads_as_times(column: pa.ChunkedArray) -> bool:
    """Whether the first thousand cells of a column of text or whole numbers all read as times, numbers since 1970 aside."""
    if not textual(column.type) and not pa.types.is_integer(column.type):
        return False
    try:
        read = times(column.slice(0, 1000), "")
    except ValueError:
        return False
    whole_times = textual(column.type) and read.per_unit == 1
    return bool(read.known.any()) and not read.ordinal and (read.form is not None or whole_times)


def _made(column: Any, per_unit: float = 1.0, ordinal: bool = False, zone: str | None = None) -> Times:
    known = np.asarray(column.is_valid(), np.bool_)
    us = np.asarray(column.cast(pa.int64(), safe=False).fill_null(0), np.int64)
    return Times(us, known, per_unit, ordinal, zone)


def _of_numbers(column: pa.ChunkedArray, name: str) -> Times:
    known = np.asarray(column.is_valid(), np.bool_)
    plain: Any = column.cast(pa.float64(), safe=False)
    floats = np.asarray(plain.fill_null(0.0), np.float64)
    if pa.types.is_integer(column.type) or dates.whole(floats):
        exact = column if pa.types.is_integer(column.type) else plain
        numbers = np.asarray(exact.fill_null(0).cast(pa.int64(), safe=False), np.int64)
        try:
            found = dates.packed(numbers[known])
        except dates.SlipError as slip:
            row = int(np.flatnonzero(known)[slip.place])
            raise ValueError(
                f"column {name!r}, row {row + 1}: {numbers[row]} is not a date of the form {slip.form}, as most others are"
            ) from None
        if found is not None:
            us = np.zeros(len(known), np.int64)
            us[known] = found[1]
            return Times(us, known, 1.0, False, None, found[0])
    largest = float(np.abs(floats).max(initial=0.0))
    if not np.isfinite(largest) or largest >= 1e20:
        raise ValueError(f"column {name!r} reaches {largest:g}: times are numbers since 1970 in s, ms, us or ns")
    per_unit = float(next((per for _, per, top in _UNITS if largest < top), 1e-3))
    return _made(_call("round", _call("multiply", plain, per_unit)), per_unit, largest < _SINCE)


def _of_text(text: pa.ChunkedArray, name: str, first: str) -> Times:
    if first and not _ISO_DAY.match(first):
        encoded = text.combine_chunks().dictionary_encode()
        codes = np.asarray(encoded.indices.fill_null(-1), np.int64)
        found = dates.written(encoded.dictionary.to_pylist())
        if found is not None:
            form, us, fits = found
            known = codes >= 0
            wrong = np.flatnonzero(known & ~fits[codes])
            if len(wrong):
                row = int(wrong[0])
                cell = text[row].as_py()
                raise ValueError(
                    f"column {name!r}, row {row + 1}: {cell!r} is not a time of the form {form}, as {first!r} is"
                )
            return Times(np.where(known, us[codes], 0), known, 1.0, False, None, form)
    text = _call("replace_substring_regex", text, options=pc.ReplaceSubstringOptions(r"(:\d\d),(\d+)", r"\1.\2"))
    zoned = _ZONED.search(first) is not None
    kind = pa.timestamp("us", "UTC") if zoned else pa.timestamp("us")

    def why(cell: str) -> str:
        if zoned == (_ZONED.search(cell) is not None):
            return f"{cell!r} is not a time (ISO 8601); write it like 2024-01-31{'T09:30:00Z' if zoned else ''}"
        return f"times with and without a zone are mixed ({cell!r}); give all one"

    made = _made(parsed(text, name, lambda part: part.cast(kind), why))
    if not zoned:
        return made
    clock = _call("replace_substring_regex", text, options=pc.ReplaceSubstringOptions(_OFFSET, ""))
    offsets = np.asarray(clock.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(0), np.int64) - made.us
    return made._replace(zone=_zone(made.us[made.known], offsets[made.known]))


def _zone(us: I64, offsets: I64) -> str:
    """A zone whose clock has these offsets at these moments; the last offset where there is none."""
    from zoneinfo import available_timezones

    found = np.unique(offsets)
    if len(found) > 1:
        order = np.argsort(us)
        turns = np.flatnonzero(np.diff(offsets[order], prepend=offsets[order][0] + 1))
        telling = np.unique(np.concatenate([order[turns], order[np.maximum(turns - 1, 0)], order[-1:]]))
        for name in sorted(available_timezones(), key=_usualness):
            try:
                if (wall(us[telling], name) - us[telling] == offsets[telling]).all():
                    return name
            except ValueError:
                continue
    minutes = int(offsets[np.argmax(us)]) // 60_000_000
    sign, minutes = "-" if minutes < 0 else "+", abs(minutes)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "UTC"


def _usualness(zone: str) -> tuple[int, str]:
    area = zone.split("/")[0]
    return (_AREAS.index(area) if area in _AREAS else len(_AREAS), zone)


def wall(us: I64, zone: str) -> I64:
    """int64 us since 1970 that the clock of a zone shows at moments. ``ValueError`` where the zone is not known."""
    try:
        local = _call("local_timestamp", pa.array(us, pa.timestamp("us", zone)))
    except pa.ArrowInvalid:
        raise ValueError(f"the time zone {zone!r} is not known here; if it is spelled right, install tzdata") from None
    return np.asarray(local.cast(pa.int64()), np.int64)


def moments(clock: I64, zone: str) -> I64:
    """The moments at which the clock of a zone shows these times: the first of two, the next where there is none."""
    options = pc.AssumeTimezoneOptions(zone, ambiguous="earliest", nonexistent="latest")
    return np.asarray(_call("assume_timezone", pa.array(clock, pa.timestamp("us")), options=options).cast(pa.int64()))


def steps_by_clock(times: Times, codes: I64) -> bool:
    """Whether the steps of the series (``codes``) are those of the zone's wall clock, not of fixed lengths.

    So are steps of a day or longer, and shorter ones (every six hours) where they meet whole multiples on that clock alone.
    """
    if times.zone is None or times.zone == "UTC":
        return False
    us, codes = times.us[times.known], codes[times.known]
    order = np.lexsort((us, codes))
    us, codes = us[order], codes[order]
    gaps = np.diff(us)[(np.diff(codes) == 0) & (np.diff(us) > 0)]
    if not len(gaps):
        return False
    found, counts = np.unique(gaps, return_counts=True)
    size = int(found[counts.argmax()])
    if size >= _ABOUT_A_DAY:
        return True
    local = wall(us, times.zone)
    repeats = ((np.diff(local) <= 0) & (np.diff(us) > 0) & (np.diff(codes) == 0)).any()
    return bool(_DAY % size == 0 and not repeats and (local % size == 0).sum() > (us % size == 0).sum())


def _call(function: str, *arguments: Any, options: Any = None) -> Any:
    return pc.call_function(function, list(arguments), options)
