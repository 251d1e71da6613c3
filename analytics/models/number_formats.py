"""Numbers and times as people and spreadsheets write them: ``$1,234.50``, ``1.234,50 €``, ``12 %``, ``31.12.2024``.

A spelling is found once for a whole column, since ``1,234`` or ``01/02/2024`` alone can be read in two ways, and is kept
with the column, so that later values are read as the first ones were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.column_values import times_of

F64 = npt.NDArray[np.float64]
_MARKS = "na nan -nan null none n/a <na> nat ? - -- . n.a. #n/a #na (null) \\n 1.#ind -1.#ind 1.#qnan -1.#qnan"
MISSING = frozenset({"", "#n/a n/a"} | set(_MARKS.split(" ")))
"""Texts, in small letters, that stand for no value where a number or a time is expected."""
POINT, COMMA, CLOCK = "1,234.5", "1.234,5", "0:00:00"
_UNIT = r"(?:[$€£¥₹%]|USD|EUR|GBP|CHF|JPY|INR|CAD|AUD|)"
_BLANK = " \u00a0\u202f"
_GROUP = {POINT: f"[,{_BLANK}'’]", COMMA: f"[.{_BLANK}'’]"}
_POINT = {POINT: r"\.", COMMA: ","}
_NUMBER = {
    spelling: re.compile(
        rf"^(?P<open>\(?)(?P<minus>[+-]?)(?P<before>{_UNIT})[{_BLANK}]?(?P<digits>[+-]?"
        rf"(?:[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|[0-9]+)(?:{_POINT[spelling]}[0-9]*)?(?:[eE][+-]?[0-9]+)?"
        rf"|[+-]?{_POINT[spelling]}[0-9]+)[{_BLANK}]?(?P<after>{_UNIT})(?P<close>\)?)$"
    )
    for spelling, group in _GROUP.items()
}
_NUMBER[CLOCK] = re.compile(
    r"^(?P<minus>-?)(?P<large>[0-9]+):(?P<middle>[0-5][0-9])(?::(?P<small>[0-5][0-9](?:\.[0-9]+)?))?$"
)
_DAYS = ("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%m-%d-%y", "%d-%m-%y", "%y/%m/%d")
_NAMED = ("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", "T%H:%M:%S")
TIMES = tuple(
    day + clock for day in (*_DAYS, *(d.replace("y", "Y") for d in _DAYS), *_NAMED) for clock in _CLOCKS
)  # two digits of a year first: four do not fit them, but two fit ``%Y``
_DATED = re.compile(r"(\d{1,4}[./ -]|[A-Za-z]{3,9} ).{4,}")
_STRAY = 0.02
_STRAYS = 3
_VARIED = 20
_FEW = 64


@dataclass(frozen=True)
class Found:
    """A column's spelling; ``strays`` are its texts that are not spelled so, and are taken as no value."""

    spelling: str
    strays: tuple[str, ...] = ()


def is_missing(text: str) -> bool:
    return text.strip().lower() in MISSING


def _told(texts: Sequence[str]) -> list[str]:
    return [t for t in texts if not is_missing(t)]


def numbers_of(texts: Sequence[str | None], spelling: str) -> F64:
    """A per cent stays as many, (5) is -5, 0:02:35 is 155; NaN for no value and for what is not spelled so."""
    return np.array([_read(text, spelling)[0] for text in texts], np.float64)


def _read(text: str | None, spelling: str) -> tuple[float, str]:
    """The number and its unit."""
    found = None if text is None else _NUMBER[spelling].match(text.strip().replace("−", "-"))
    if found is None:
        return np.nan, ""
    sign = -1.0 if found["minus"] == "-" else 1.0
    if spelling == CLOCK:
        minutes = 60.0 * float(found["large"]) + float(found["middle"])
        return sign * (minutes if found["small"] is None else 60.0 * minutes + float(found["small"])), ""
    if bool(found["open"]) != bool(found["close"]) or (found["before"] and found["after"]):
        return np.nan, ""
    digits = re.sub(_GROUP[spelling], "", found["digits"]).replace(",", ".")
    return sign * (-1.0 if found["open"] else 1.0) * float(digits), found["before"] or found["after"]


def number_spelling(known: Sequence[str]) -> Found | None:
    """How the numbers of a column are spelled. None where they are no numbers, or in several units.

    Up to three texts that recur, or 2 % of the rows, may be no numbers (``unknown``, a slip of the keyboard) where more than
    20 numbers differ; with fewer, the texts may be answers of their own, as in 0, 1, 2, 3+.
    """
    first = _told(known[:_FEW])
    likely = [s for s in _NUMBER if 2 * np.isnan(numbers_of(first, s)).sum() <= len(first)]
    texts = _told(known) if likely else []
    for spelling in likely:
        read = [_read(text, spelling) for text in texts]
        numbers = np.array([number for number, _ in read], np.float64)
        odd = np.isnan(numbers)
        strays = tuple(sorted({texts[i] for i in np.flatnonzero(odd).tolist()}))
        if strays and (
            len(np.unique(numbers[~odd])) <= _VARIED
            or 2 * odd.sum() > len(texts)
            or (len(strays) > _STRAYS and odd.sum() > _STRAY * len(texts))
        ):
            continue
        units = {unit for number, unit in read if number and number == number}
        return Found(spelling, strays) if len(units) <= 1 and not odd.all() else None
    return None


def time_spelling(known: Sequence[str]) -> Found | None:
    """The first format that fits all; ``01/02/2024`` is the second of January unless another row says otherwise."""
    first = [t.strip() for t in _told(known[:_FEW])]
    if not all(_DATED.match(t) for t in first):
        return None
    texts = [t.strip() for t in _told(known)]
    return next((Found(s) for s in TIMES if texts and _fits(first, s) and _fits(texts, s)), None)


def is_certain(known: Sequence[str], spelling: str) -> bool:
    """Whether the texts of a column do not fit as well with day and month the other way round."""
    other = spelling.replace("%d", "%D").replace("%m", "%d").replace("%D", "%m")
    return other not in TIMES or not _fits(known, other)


def _fits(texts: Sequence[str], spelling: str) -> bool:
    return not np.isnat(times_of(texts, spelling)).any()
