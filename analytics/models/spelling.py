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
import pyarrow.compute as pc

MISSING = frozenset(
    {"", "na", "nan", "null", "none", "n/a", "<na>", "nat", "?", "-", "--", ".", "n.a.", "#n/a", "(null)", "\\n"}
)
"""Texts, in small letters, that stand for no value where a number or a time is expected."""
POINT, COMMA = "1,234.5", "1.234,5"
_UNIT = r"[$€£¥₹%]|USD|EUR|GBP|CHF|JPY|INR|CAD|AUD"
_SPACES = " \u00a0\u202f'’"
_DIGITS = {POINT: (rf"[,{_SPACES}]", r"\."), COMMA: (rf"[.{_SPACES}]", ",")}
_NUMBER = {
    form: re.compile(
        rf"([+-]?)\s*({_UNIT}|)\s*([+-]?(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|\d+)(?:{mark}\d*)?(?:[eE][+-]?\d+)?|{mark}\d+)"
        rf"\s*({_UNIT}|)"
    )
    for form, (group, mark) in _DIGITS.items()
}
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


@dataclass(frozen=True)
class Found:
    """A column's spelling; ``strays`` are its texts that are not spelled so, and are taken as no value."""

    spelling: str
    strays: tuple[str, ...] = ()


def is_missing(text: str) -> bool:
    return text.strip().lower() in MISSING


def number_of(text: str, spelling: str) -> float | None:
    """The number; a per cent stays as many, (5) is -5. None where it is not spelled so."""
    read = _read(text, spelling)
    return None if read is None else read[0]


def _read(text: str, spelling: str) -> tuple[float, str] | None:
    text = text.strip().replace("−", "-")
    sign = 1.0
    if text.startswith("(") and text.endswith(")"):
        text, sign = text[1:-1].strip(), -1.0
    parts = _NUMBER[spelling].fullmatch(text)
    if parts is None or (parts[2] and parts[4]):
        return None
    group, mark = _DIGITS[spelling]
    digits = re.sub(group, "", parts[3])
    return sign * (-1.0 if parts[1] == "-" else 1.0) * float(re.sub(mark, ".", digits)), parts[2] or parts[4]


def number_spelling(known: Sequence[str]) -> Found | None:
    """How the numbers of a column are spelled. None where they are no numbers, or in several units.

    Up to three texts that recur, or 2 % of the rows, may be no numbers (``unknown``, a slip of the keyboard) where more than
    20 numbers differ; with fewer, the texts may be answers of their own, as in 0, 1, 2, 3+.
    """
    texts = [t for t in known if not is_missing(t)]
    for spelling in (POINT, COMMA):
        if 2 * sum(_NUMBER[spelling].fullmatch(t.strip("() ")) is not None for t in texts[:50]) < min(len(texts), 50):
            continue
        read = {t: _read(t, spelling) for t in set(texts)}
        strays = tuple(sorted(t for t, found in read.items() if found is None))
        odd = sum(read[t] is None for t in texts)
        numbers = {found[0] for found in read.values() if found is not None}
        if strays and (
            len(numbers) <= _VARIED or 2 * odd > len(texts) or (len(strays) > _STRAYS and odd > _STRAY * len(texts))
        ):
            continue
        if len({found[1] for found in read.values() if found is not None and found[0]}) <= 1:
            return Found(spelling, strays) if numbers else None
    return None


def times_of(texts: Sequence[str | None], spelling: str) -> npt.NDArray[np.datetime64]:
    """Microseconds; NaT for no value and for what is not spelled so (a ``strptime`` format)."""
    read: Any = pc.strptime(pa.array(texts, pa.string()), format=spelling, unit="us", error_is_null=True)  # pyright: ignore
    return np.asarray(read.to_numpy(zero_copy_only=False), "datetime64[us]")


def time_spelling(known: Sequence[str]) -> Found | None:
    """The first format that fits all; ``01/02/2024`` is the second of January unless another row says otherwise."""
    texts = [t.strip() for t in known if not is_missing(t)]
    if not texts or not all(_DATED.match(t) for t in texts[:20]):
        return None
    return next((Found(s) for s in TIMES if _fits(texts[:20], s) and _fits(texts, s)), None)


def is_certain(known: Sequence[str], spelling: str) -> bool:
    """Whether the texts of a column do not fit as well with day and month the other way round."""
    other = spelling.replace("%d", "%D").replace("%m", "%d").replace("%D", "%m")
    return other not in TIMES or not _fits(known, other)


def _fits(texts: Sequence[str], spelling: str) -> bool:
    return not np.isnat(times_of(texts, spelling)).any()
