"""Events of a file's rows: which column is what, and an id for each row that has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.errors import Rejected

if TYPE_CHECKING:
    from analytics.dates import Form

GUESSES: dict[str, tuple[str, ...]] = {
    "type": ("type", "event", "event_type", "event_name", "eventType", "name", "action", "activity"),
    "source": ("source", "app", "product", "site"),
    "subject": ("subject", "user_id", "userId", "user", "customer_id", "customerId", "account_id", "student_id"),
    "time": ("time", "timestamp", "event_time", "occurred_at", "created_at", "datetime", "date", "ts"),
    "id": ("id", "event_id", "eventId", "message_id", "messageId", "uuid"),
}
_FIXED = ("type", "source")
"""Attributes that may be one text for every row."""
_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (0.0, 1.0))
"""A count since 1970 above the first figure is in units of 1 s over the second."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each attribute of an event comes from: a column, or one text for all rows. All other columns are data."""

    columns: Mapping[str, str]
    fixed: Mapping[str, str]
    form: Form | None = None
    """How the times are written, where that is neither ISO 8601 nor a number since 1970."""

    def timed(self, rows: Iterable[Mapping[str, Any]]) -> Columns:
        """These columns, with the form of the times found by the first ``rows``."""
        column = self.columns.get("time")
        cells = [row.get(column) for row in rows] if column else []
        if all(cell is None or (isinstance(cell, str) and _ISO.match(cell)) for cell in cells):
            return self
        from hindcast.cli.moments import form_of  # the mathematics take their time to import

        return replace(self, form=form_of(cells))

    def how(self, name: str) -> str:
        """How an attribute's column is read, where that is not plain."""
        return f", read as {self.form} in UTC" if name == "time" and self.form else ""

    def said(self) -> str:
        """A sentence that tells the person who sends what each attribute is read from."""
        parts = [f"{name} = column {column}{self.how(name)}" for name, column in self.columns.items()]
        when = [] if "time" in self.columns else ["time = when it is received"]
        return ", ".join([*parts, *(f"{name} = “{text}”" for name, text in self.fixed.items()), *when])

    def event(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row as an event; ``data`` is its own where it has an object of that name, with the other columns in it."""
        taken = set(self.columns.values())
        own = row.get("data")
        rest = {name: value for name, value in row.items() if name not in taken and value is not None}
        data = {**{k: v for k, v in rest.items() if k != "data"}, **own} if isinstance(own, dict) else rest
        event: dict[str, Any] = {**self.fixed, "data": data}
        for name, column in self.columns.items():
            value = row.get(column)
            if value is not None and value != "":
                event[name] = (
                    time_of(value, self.form) if name == "time" else value if isinstance(value, str) else _text(value)
                )
        return event


def columns_for(present: Collection[str], asked: Mapping[str, str | None], file: str) -> Columns:
    """The columns that the options name; for the others, the best guess from the columns' names.

    An option is a column's name; for type and source it is, where no column has that name, the text for every row.
    Raises ``Rejected`` naming the option and the columns that there are.
    """
    columns: dict[str, str] = {}
    fixed: dict[str, str] = {}
    for name, guesses in GUESSES.items():
        wanted = asked.get(name)
        if wanted is None:
            guess = _usual(guesses, [column for column in present if column not in columns.values()])
            if guess:
                columns[name] = guess
        elif wanted in present:
            columns[name] = wanted
        elif name in _FIXED:
            fixed[name] = wanted
        else:
            raise Rejected(f"--{name}", f"the file has no column {wanted!r}; it has {', '.join(sorted(present))}")
    if "type" not in columns and "type" not in fixed:
        raise Rejected(
            "--type",
            f"no column looks like the event's type; name one of {', '.join(sorted(present)) or 'none'}, or give one "
            "type for all rows, such as --type order.placed",
        )
    if "source" not in columns:
        fixed.setdefault("source", "stdin" if file == "-" else Path(file).name.split(".")[0] or "file")
    return Columns(columns, fixed)


def _usual(guesses: Iterable[str], present: Iterable[str]) -> str | None:
    """The first guess that a column has for its name: exactly, else but for capitals, blanks, dashes and underscores."""
    free = sorted(present)
    alike = {_plain(column): column for column in reversed(free)}
    return next((g if g in free else alike[_plain(g)] for g in guesses if _plain(g) in alike), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def is_whole(row: Mapping[str, Any]) -> bool:
    """Whether the row is an event already: a CloudEvent, or a Segment message."""
    from hindcast.client.sending import is_segment

    return "specversion" in row or is_segment(row)


def ids_from(path: str) -> Callable[[int], str]:
    """An id for each row that has none.

    Of a file: made of all its bytes and the row's number, so that sending the file again changes nothing. Of a pipe,
    which cannot be read twice: new ones.
    """
    from hindcast.client.sending import uuid7

    if path == "-":
        return lambda _: uuid7()
    import xxhash

    digest = xxhash.xxh3_128()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    content = digest.hexdigest()
    return lambda number: f"{content}-{number}"


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def time_of(value: Any, form: Form | None = None) -> Any:
    """ISO 8601 with an offset: text without one is UTC, a number is seconds (or ms, µs, ns) since 1970."""
    if form is not None:
        us, fits = form.read([str(value).strip()])
        if fits[0]:
            return datetime.fromtimestamp(int(us[0]) / 1e6, UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        unit = next(unit for above, unit in _EPOCH_UNITS if abs(value) >= above)
        try:
            return datetime.fromtimestamp(value / unit, UTC).isoformat().replace("+00:00", "Z")
        except (OverflowError, ValueError, OSError):
            return str(value)
    text = str(value).strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text  # the server says what is wrong with it
    if at.tzinfo is not None:
        return text
    if len(text) <= len("2026-01-31"):
        return f"{date.fromisoformat(text).isoformat()}T00:00:00Z"
    return at.isoformat() + "Z"
