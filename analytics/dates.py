"""How times are written: packed numbers (``202401``), the reduced forms of ISO 8601 (``1949-W03``), quarters, month names,
days with the year at the end (``31.12.2024``).

A form is a template of fields; it reads whole columns and writes times in the same way. The years of a packed number say
whether it is one: seconds since 1970 begin with 19 from the year 2030 on only, and a column is read as packed only where
every number in it is a date.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.kernels import F64, I64, Bools

DAY = 86_400_000_000
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
_SHORT = tuple(name[:3] for name in MONTHS)
_DIGITS = {
    "Y": 4,
    "y": 2,
    "m": 2,
    "d": 2,
    "H": 2,
    "M": 2,
    "S": 2,
    "f": 3,
    "j": 3,
    "q": 1,
    "h": 1,
    "G": 4,
    "V": 2,
    "u": 1,
    "n": 0,
    "e": 0,
    "k": 0,
}
"""Fields of digits and their widths: ``f`` ms, ``j`` day of the year, ``q`` quarter, ``h`` half; G, V, u the week's; n, e, k
month, day and hour in one digit or two (0)."""
_LOOSE = {"m": "n", "d": "e", "H": "k"}
_NAMES = {"B": MONTHS, "b": _SHORT}
_FIELD = re.compile(r"\{(\w)\}")
_PIECE = re.compile(r"\{\w\}|[^{]+")
_PIVOT = 69
"""Two digits of a year below this are of this century (POSIX)."""
_FIRST, _FIRST_LONG, _LAST = 1600, 1900, 2199
"""Years of packed numbers; those of ten digits and more begin later, as numbers of seconds look like earlier ones."""
_MOST = 0.9
"""The share of dates from which the other numbers of a column are taken for slips."""
_PACKED = ("{Y}{q}", "{Y}{m}", "{G}{V}", "{y}{m}{d}", "{Y}{j}", "{Y}{m}{d}", "{Y}{m}{d}{H}", "{Y}{m}{d}{H}{M}",
           "{Y}{m}{d}{H}{M}{S}", "{Y}{m}{d}{H}{M}{S}{f}")  # fmt: skip
_VARIED = {"{Y}{q}": "datetime64[Y]", "{y}{m}{d}": "datetime64[M]"}
"""Forms that plain numbers fit easily: more than one year, or month, must be seen."""


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write times, such as ``{Y}-{m}``."""

    template: str

    def __str__(self) -> str:
        """As people say it: YYYY-MM."""
        spoken = {"Y": "YYYY", "y": "YY", "m": "MM", "d": "DD", "H": "HH", "M": "MM", "S": "SS", "f": "mmm", "j": "DDD",
                  "G": "YYYY", "V": "ww", "u": "D", "q": "q", "h": "h", "b": "Mon", "B": "Month",
                  "n": "M", "e": "D", "k": "H"}  # fmt: skip
        return _FIELD.sub(lambda found: spoken[found[1]], self.template)

    @property
    def fields(self) -> list[str]:
        return _FIELD.findall(self.template)

    def unpack(self, numbers: I64) -> tuple[I64, Bools]:
        """int64 us since 1970 of whole numbers whose digits are the fields, and which of them are dates."""
        parts, rest = dict[str, I64](), numbers
        for field in reversed(self.fields):
            parts[field] = rest % 10 ** _DIGITS[field]
            rest = rest // 10 ** _DIGITS[field]
        return _moments(parts, rest == 0)

    def read(self, texts: Sequence[str]) -> tuple[I64, Bools]:
        """int64 us since 1970, and which of the texts are of this form."""
        pattern = re.compile("".join(map(_pattern, _PIECE.findall(self.template))), re.IGNORECASE)
        found = [pattern.fullmatch(text) for text in texts]
        fits = np.array([match is not None for match in found], np.bool_)
        parts = {
            field: np.array([0 if match is None else _number(field, match[field]) for match in found], np.int64)
            for field in self.fields
        }
        return _moments(parts, fits)

    def write(self, us: I64) -> list[str]:
        """The texts of times; what the form leaves out (a day within a month) is lost."""
        days = us.view("datetime64[us]").astype("datetime64[D]")
        months = days.astype("datetime64[M]")
        month = months.astype(np.int64) % 12
        year = months.astype("datetime64[Y]").astype(np.int64) + 1970
        weekday = (days.astype(np.int64) + 3) % 7
        thursday = (days - weekday + 3).astype("datetime64[Y]")
        clock = us % DAY
        parts = {
            "Y": year, "y": year % 100, "m": month + 1, "q": month // 3 + 1, "h": month // 6 + 1, "b": month, "B": month,
            "d": (days - months.astype("datetime64[D]")).astype(np.int64) + 1,
            "j": (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) + 1,
            "G": thursday.astype(np.int64) + 1970, "u": weekday + 1,
            "V": (days - weekday + 3 - thursday.astype("datetime64[D]")).astype(np.int64) // 7 + 1,
            "n": month + 1, "e": (days - months.astype("datetime64[D]")).astype(np.int64) + 1, "k": clock // 3_600_000_000,
            "H": clock // 3_600_000_000, "M": clock // 60_000_000 % 60, "S": clock // 1_000_000 % 60,
            "f": clock // 1000 % 1000,
        }  # fmt: skip
        columns = [[_written(field, n) for n in parts[field].tolist()] for field in self.fields]
        plain = _FIELD.sub("{}", self.template)
        return [plain.format(*row) for row in zip(*columns, strict=True)]

    def holds(self, us: I64) -> bool:
        """Whether writing these times loses nothing."""
        read, fits = self.read(self.write(us))
        return bool(fits.all() and (read == us).all())


def _pattern(piece: str) -> str:
    if piece[0] != "{":
        return re.escape(piece)
    field = piece[1]
    if field in _NAMES:
        return f"(?P<{field}>{'|'.join(_NAMES[field])})"
    return f"(?P<{field}>[0-9]{{{_DIGITS[field] or '1,2'}}})"


def _number(field: str, text: str) -> int:
    return _NAMES[field].index(text.capitalize()) if field in _NAMES else int(text)


def _written(field: str, number: int) -> str:
    return _NAMES[field][number] if field in _NAMES else f"{number:0{_DIGITS[field]}}"


def _moments(parts: dict[str, I64], fits: Bools) -> tuple[I64, Bools]:
    """The begin of what the fields name; ``fits`` less what is no date, such as a 30th of February."""
    zero = np.zeros_like(fits, np.int64)
    if "G" in parts:
        weeks, weekday = parts["V"], parts.get("u", zero + 1)
        year = (parts["G"] - 1970).astype("datetime64[Y]")
        fourth = year.astype("datetime64[D]") + 3  # always of the first week
        days = fourth - (fourth.astype(np.int64) + 3) % 7 + 7 * (weeks - 1) + weekday - 1
        thursday = days - (weekday - 1) + 3
        fits = fits & (weekday >= 1) & (weekday <= 7) & (weeks >= 1) & (thursday.astype("datetime64[Y]") == year)
    else:
        year = parts["Y"] if "Y" in parts else parts["y"] + np.where(parts["y"] < _PIVOT, 2000, 1900)
        month = next(
            (start + step * parts[field] for field, start, step in
             (("m", 0, 1), ("n", 0, 1), ("q", -2, 3), ("h", -5, 6), ("b", 1, 1), ("B", 1, 1)) if field in parts), zero + 1,
        )  # fmt: skip
        fits = fits & (month >= 1) & (month <= 12)
        months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
        days = months.astype("datetime64[D]") + next((parts[day] for day in "dej" if day in parts), zero + 1) - 1
        whole = "datetime64[Y]" if "j" in parts else "datetime64[M]"
        fits = fits & (days.astype(whole) == months.astype(whole))
    hour = parts.get("H", parts.get("k", zero))
    minute, second = (parts.get(field, zero) for field in "MS")
    fits = fits & (hour < 24) & (minute < 60) & (second < 60)
    clock = ((hour * 60 + minute) * 60 + second) * 1_000_000 + parts.get("f", zero) * 1000
    return days.astype("datetime64[us]").astype(np.int64) + clock, fits


def packed(numbers: I64) -> tuple[Form, I64] | None:
    """The form in which every one of ``numbers`` (no nulls) is a date, and its times; None where they are plain numbers.

    Raises ``ValueError`` where nearly all are dates and do not step evenly, and one is none: it says which, from 0.
    """
    if not numbers.shape[0] or numbers.min() < 10_000:
        return None
    width = len(str(int(numbers.max())))
    slip: tuple[int, Form] | None = None
    for form in map(Form, _PACKED):
        fields = form.fields
        if sum(_DIGITS[field] for field in fields) != width:
            continue
        us, fits = form.unpack(numbers)
        years = us.view("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
        fits &= (years >= (_FIRST_LONG if width >= 10 else _FIRST)) & (years <= _LAST)
        varied = _VARIED.get(form.template)
        if varied is not None and np.unique(us[fits].view("datetime64[us]").astype(varied)).shape[0] < 2:
            continue
        if fits.all():
            return form, us
        if slip is None and varied is None and fits.mean() >= _MOST:
            slip = int(np.argmin(fits)), form
    if slip is not None and np.unique(np.diff(np.unique(numbers))).shape[0] > 1:
        raise SlipError(*slip)
    return None


class SlipError(ValueError):
    """One of a column of packed dates is none."""

    def __init__(self, place: int, form: Form) -> None:
        super().__init__(f"not a date of the form {form}")
        self.place, self.form = place, form


_TEXTS = (
    "{Y}-{m}", "{Y}/{m}", "{Y}.{m}", "{Y} {m}", "{Y}M{m}", "{Y}-M{m}", "{m}/{Y}", "{m}-{Y}", "{m}.{Y}",
    "{b} {Y}", "{b}-{Y}", "{b}/{Y}", "{b}. {Y}", "{Y} {b}", "{Y}-{b}", "{B} {Y}", "{B}-{Y}", "{Y} {B}",
    "{Y}-Q{q}", "{Y}Q{q}", "{Y} Q{q}", "Q{q} {Y}", "Q{q}-{Y}", "Q{q}/{Y}", "{q}Q{Y}", "{q}Q {Y}",
    "{Y}-H{h}", "{Y}H{h}", "{Y} H{h}", "H{h} {Y}", "{Y}-S{h}", "{Y}S{h}",
    "{G}-W{V}", "{G}W{V}", "{G} W{V}", "{G}-W{V}-{u}", "{G}W{V}{u}", "{Y}-{j}",
    "{Y}{m}{d}T{H}", "{Y}{m}{d}T{H}{M}", "{Y}{m}{d}T{H}{M}{S}", "{Y}{m}{d} {H}{M}", "{Y}{m}{d} {H}{M}{S}",
    "{Y}{m}{d} {H}:{M}", "{Y}{m}{d} {H}:{M}:{S}", "{Y}{j}T{H}{M}", "{Y}{j}T{H}{M}{S}",
)  # fmt: skip


_DAYS = (
    "{m}/{d}/{Y}", "{d}/{m}/{Y}", "{d}.{m}.{Y}", "{m}-{d}-{Y}", "{d}-{m}-{Y}", "{Y}/{m}/{d}", "{Y}.{m}.{d}",
    "{m}/{d}/{y}", "{d}/{m}/{y}", "{d}.{m}.{y}", "{m}-{d}-{y}", "{d}-{m}-{y}",
    "{d} {b} {Y}", "{d}-{b}-{Y}", "{d}/{b}/{Y}", "{d}. {b} {Y}", "{b} {d}, {Y}", "{b} {d} {Y}",
    "{d} {B} {Y}", "{d}. {B} {Y}", "{B} {d}, {Y}", "{B} {d} {Y}",
)  # fmt: skip
_CLOCKS = ("", " {H}:{M}", " {H}:{M}:{S}", ", {H}:{M}", ", {H}:{M}:{S}", "T{H}:{M}:{S}")
_DATED = re.compile(r"\d{1,4}[./ -]|[A-Za-z]{3,9} \d")
_OF_DAYS = tuple(day + clock for day in _DAYS for clock in _CLOCKS)


def written(texts: Sequence[str]) -> tuple[Form, I64, Bools] | None:
    """The first form that the first of ``texts`` has: its times, and which texts have it, too; None for no such form.

    Of days, which can be written in several ways that look alike, the one that most of them have: ``01/02/2024`` is the
    second of January unless another row says otherwise, as for models (``analytics.models.number_formats``).
    """
    for form in map(Form, _TEXTS):
        if texts and form.read(texts[:1])[1].all():
            us, fits = form.read(texts)
            return (Form(_spelled(form.template, texts[0])), us, fits)
    best: tuple[Form, I64, Bools] | None = None
    for template in _OF_DAYS if texts and _DATED.match(texts[0]) else ():
        for form in (Form(template), Form(_FIELD.sub(lambda f: f"{{{_LOOSE.get(f[1], f[1])}}}", template))):
            if not form.read(texts[:1])[1].all():
                continue
            us, fits = form.read(texts)
            if best is None or fits.sum() > best[2].sum():
                best = Form(_spelled(form.template, texts[0])), us, fits
            if fits.all():
                return best
    return best


def _spelled(template: str, text: str) -> str:
    """The template with its letters as small as the text's."""
    pieces = _PIECE.findall(template)
    return "".join(piece if piece[0] == "{" or piece in text else piece.lower() for piece in pieces)


def whole(numbers: F64) -> bool:
    """Whether these floats are whole numbers that a float holds exactly."""
    return bool((np.abs(numbers) < 2**53).all() and (numbers == np.rint(numbers)).all())
