"""Numbers and times as people and spreadsheets write them: ``$1,234.50``, ``1.234,50 €``, ``12 %``, ``31.12.2024``.

A spelling is found once for a whole column, since ``1,234`` or ``01/02/2024`` alone can be read in two ways, and is kept
with the column, so that later values are read as the first ones were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute
"""Its functions are made when it is imported, so no type is known of them."""
F64 = npt.NDArray[np.float64]
MISSING = frozenset(
    {"", "na", "nan", "null", "none", "n/a", "<na>", "nat", "?", "-", "--", ".", "n.a.", "#n/a", "(null)", "\\n"}
)
"""Texts, in small letters, that stand for no value where a number or a time is expected."""
POINT, COMMA, CLOCK = "1,234.5", "1.234,5", "0:00:00"
_UNIT = r"(?:[$€£¥₹%]|USD|EUR|GBP|CHF|JPY|INR|CAD|AUD|)"
_BLANK = " \u00a0\u202f"
_GROUP = {POINT: f"[,{_BLANK}'’]", COMMA: f"[.{_BLANK}'’]"}
_POINT = {POINT: r"\.", COMMA: ","}
_PATTERN = {
    spelling: rf"^(?P<open>\(?)(?P<minus>[+-]?)(?P<before>{_UNIT})[{_BLANK}]?(?P<digits>[+-]?"
    rf"(?:[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|[0-9]+)(?:{_POINT[spelling]}[0-9]*)?(?:[eE][+-]?[0-9]+)?"
    rf"|[+-]?{_POINT[spelling]}[0-9]+)[{_BLANK}]?(?P<after>{_UNIT})(?P<close>\)?)$"
    for spelling, group in _GROUP.items()
} | {CLOCK: r"^(?P<minus>-?)(?P<large>[0-9]+):(?P<middle>[0-5][0-9])(?::(?P<small>[0-5][0-9](?:\.[0-9]+)?))?$"}
"""Read by RE2 (Arrow), too, so without what only Python's expressions know."""
_EXPRESSION = {spelling: re.compile(pattern) for spelling, pattern in _PATTERN.items()}
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
    return _read(texts, spelling)[0]


def _read(texts: Sequence[str | None], spelling: str) -> tuple[F64, set[str]]:
    """The numbers, and the units of those that are not 0. Few texts by Python's expressions, for Arrow's calls cost more."""
    if len(texts) > _FEW:
        return _read_many(texts, spelling)
    read = [_read_one(text, spelling) for text in texts]
    return np.array([number for number, _ in read], np.float64), {
        unit for number, unit in read if number and number == number
    }


def _read_one(text: str | None, spelling: str) -> tuple[float, str]:
    found = None if text is None else _EXPRESSION[spelling].match(text.strip().replace("−", "-"))
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


def _read_many(texts: Sequence[str | None], spelling: str) -> tuple[F64, set[str]]:
    plain = pc.replace_substring(pc.utf8_trim_whitespace(_strings(texts)), "−", "-")
    found = pc.extract_regex(plain, _PATTERN[spelling])
    part: dict[str, Any] = {field.name: found.field(i) for i, field in enumerate(found.type)}
    read = np.asarray(found.is_valid())
    sign = np.where(np.asarray(pc.equal(part["minus"], "-")), -1.0, 1.0)
    if spelling == CLOCK:
        large, middle, small = (_floats(part[name], read) for name in ("large", "middle", "small"))
        minutes = 60.0 * large + middle
        return sign * np.where(np.isnan(small), minutes, 60.0 * minutes + small), {""}
    opened, closed, before, after = (
        np.asarray(pc.not_equal(part[n], "")) for n in ("open", "close", "before", "after")
    )
    read = read & (opened == closed) & ~(before & after)
    digits = pc.replace_substring(pc.replace_substring_regex(part["digits"], _GROUP[spelling], ""), ",", ".")
    numbers = sign * np.where(opened, -1.0, 1.0) * _floats(digits, read)
    counted = pa.array(read & (numbers != 0))
    units = pc.unique(pc.binary_join_element_wise(part["before"], part["after"], "").filter(counted))
    return numbers, set(units.to_pylist())


def _strings(texts: Sequence[str | None]) -> Any:
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON allows
        return pa.array([None if t is None else t.encode("utf-8", "replace").decode() for t in texts], pa.string())


def _floats(texts: Any, valid: npt.NDArray[np.bool_]) -> F64:
    """NaN where not ``valid`` or empty."""
    usable = pc.if_else(pc.and_(pa.array(valid), pc.not_equal(texts, "")), texts, None)
    return np.asarray(usable.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def number_spelling(known: Sequence[str]) -> Found | None:
    """How the numbers of a column are spelled. None where they are no numbers, or in several units.

    Up to three texts that recur, or 2 % of the rows, may be no numbers (``unknown``, a slip of the keyboard) where more than
    20 numbers differ; with fewer, the texts may be answers of their own, as in 0, 1, 2, 3+.
    """
    first = _told(known[:_FEW])
    likely = [s for s in _PATTERN if 2 * np.isnan(numbers_of(first, s)).sum() <= len(first)]
    texts = _told(known) if likely else []
    for spelling in likely:
        numbers, units = _read(texts, spelling)
        odd = np.isnan(numbers)
        strays = tuple(sorted({texts[i] for i in np.flatnonzero(odd).tolist()}))
        if strays and (
            len(np.unique(numbers[~odd])) <= _VARIED
            or 2 * odd.sum() > len(texts)
            or (len(strays) > _STRAYS and odd.sum() > _STRAY * len(texts))
        ):
            continue
        return Found(spelling, strays) if len(units) <= 1 and not odd.all() else None
    return None


def times_of(texts: Sequence[str | None], spelling: str) -> npt.NDArray[np.datetime64]:
    """Microseconds; NaT for no value and for what is not spelled so (a ``strptime`` format)."""
    read = pc.strptime(_strings(texts), format=spelling, unit="us", error_is_null=True)
    return np.asarray(read.to_numpy(zero_copy_only=False), "datetime64[us]")


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
