"""Conditions, columns and properties as SQL. Values are always bound parameters; only names of our own schemas are text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from events.errors import Rejected
from events.nearest import did_you_mean
from events.tables import columns_of
from query import views
from query.answers import Answer
from query.engine import Session
from query.moments import at_us
from query.questions.schema import Filter, Match, Question

JSON_COLUMNS = ("properties", "context", "data", "body")
"""Columns that hold a JSON object; a name that is no column is a property of the first."""
PLACE = "producer, row_offset"
_COMPARE = ("<", "<=", ">", ">=")


class Expressions:
    """Expressions over the rows of one stream, and the parameters that they need."""

    def __init__(self, stream: str, beside: Expressions | None = None) -> None:
        """``beside``: expressions over another stream in the same statement."""
        self.stream = stream
        self.people = beside is not None and beside.people
        """Whether persons and accounts are asked for."""
        self.parameters: dict[str, Any] = {} if beside is None else beside.parameters
        self.others: list[Expressions] = []
        self.properties: dict[str, str] = {}
        """By name: those that were asked for and are no column, with their SQL."""
        self._columns = columns_of(stream)
        self._bound: dict[tuple[type, Any], str] = {} if beside is None else beside._bound
        self.json = [name for name in JSON_COLUMNS if name in self._columns.names]

    def over(self, stream: str) -> Expressions:
        """Expressions over another stream (or this one) in the same statement."""
        if stream == self.stream:
            return self
        other = Expressions(stream, self)
        self.others.append(other)
        return other

    def bind(self, value: Any) -> str:
        """``$name`` of a parameter with that value."""
        key = (type(value), value)
        if key not in self._bound:
            name = f"p{len(self._bound)}"
            self._bound[key] = f"${name}"
            self.parameters[name] = value
        return self._bound[key]

    def used(self, text: str) -> dict[str, Any]:
        """Those of the parameters that a statement has."""
        return {name: value for name, value in self.parameters.items() if _named(name, text)}

    def at(self, us: int) -> str:
        """A moment, microseconds UTC."""
        return self.bind(at_us(us))

    @property
    def table(self) -> str:
        """What to select from: a table, or a SELECT in brackets."""
        return f"({views.by_person(self.stream)})" if self.people else views.table_of(self.stream)

    def place(self) -> str:
        """The columns that say where a row stands, as ``p`` and ``o``."""
        names = self._columns.names
        return f"{'row_producer' if 'row_producer' in names else 'producer'} AS p, row_offset AS o"

    def text(self, name: str, field: str) -> str:
        """The value of a column or property as text; null where there is none. Raises ``Rejected(field, …)``."""
        if name in self._columns.names or (self.people and name in views.OF_PEOPLE):
            return f'CAST("{name}" AS VARCHAR)'
        return self._property(name, field)

    def number(self, name: str, field: str) -> str:
        """The value as a number; null where it is none. Raises ``Rejected(field, …)``, also for a column of another type."""
        if name in self._columns.names:
            type_ = self._columns.field(name).type
            if not (pa.types.is_integer(type_) or pa.types.is_floating(type_)):
                numeric = [c.name for c in self._columns if pa.types.is_integer(c.type) or pa.types.is_floating(c.type)]
                raise Rejected(field, f"column {name!r} holds no numbers; those that do are {', '.join(numeric)}")
            return f'"{name}"'
        return f"TRY_CAST({self._property(name, field)} AS DOUBLE)"

    def whole(self, name: str) -> bool:
        """Whether the values are whole numbers, which add up exactly."""
        return self.is_column(name) and pa.types.is_integer(self._columns.field(name).type)

    def is_column(self, name: str) -> bool:
        return name in self._columns.names or (self.people and name in views.OF_PEOPLE)

    def _property(self, name: str, field: str) -> str:
        if name in self.properties:
            return self.properties[name]
        column, dot, rest = name.partition(".")
        if not (dot and rest and column in self.json):
            if not self.json:
                known = self._columns.names
                hint = did_you_mean(name, known)
                raise Rejected(field, f"{self.stream} has no column {name!r}{hint}; it has {', '.join(known)}")
            column, rest = self.json[0], name
        flat = "/" + rest.replace("~", "~0").replace("/", "~1")
        ways = [flat, flat.replace(".", "/")] if "." in rest else [flat]
        found = [f"TRY(json_extract_string({column}, {self.bind(way)}))" for way in ways]  # no JSON: no value
        self.properties[name] = sql = found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
        return sql

    def filter(self, asked: Filter, field: str) -> str:
        """A condition that is true or false, never null."""
        if asked.op in ("exists", "missing"):
            return f"({self.text(asked.name, field)} IS {'NOT ' if asked.op == 'exists' else ''}NULL)"
        if asked.op in _COMPARE:
            return f"coalesce({self.number(asked.name, field)} {asked.op} {self.bind(asked.value)}, false)"
        if asked.op == "contains":
            return f"coalesce(contains({self.text(asked.name, field)}, {self.bind(asked.value)}), false)"
        same = " OR ".join(self._same(asked.name, value, field) for value in asked.values)
        return f"(NOT coalesce({same}, false))" if asked.op in ("!=", "not in") else f"coalesce({same}, false)"

    def _same(self, name: str, value: Any, field: str) -> str:
        if isinstance(value, bool):
            return f"{self.text(name, field)} = {self.bind('true' if value else 'false')}"
        if isinstance(value, (int, float)):
            if self.people and name in views.OF_PEOPLE:
                raise Rejected(field, f"{name!r} is a text; compare it with one, not with {value!r}")
            number = not self.is_column(name) or pa.types.is_primitive(self._columns.field(name).type)
            if not number:
                raise Rejected(field, f"column {name!r} holds text; compare it with a text, not with {value!r}")
            return f"{self.number(name, field)} = {self.bind(value)}"
        return f"{self.text(name, field)} = {self.bind(value)}"

    def all(self, filters: Sequence[Filter], field: str) -> str:
        """All of them."""
        return " AND ".join(self.filter(f, f"{field}.{i}.name") for i, f in enumerate(filters)) or "true"

    def match(self, asked: Match, field: str) -> str:
        """Whether a row is one of the events."""
        said = [f"type IN ({', '.join(map(self.bind, asked.types))})"] if asked.types else []
        if asked.where:
            said.append(self.all(asked.where, f"{field}.where"))
        return f"coalesce({' AND '.join(said)}, false)" if said else "true"

    def between(self, since_us: int, until_us: int) -> str:
        return f"time >= {self.at(since_us)} AND time < {self.at(until_us)}"


def user_of(question: Question, sql: Expressions) -> str:
    """The SQL of whose a row is; null where nobody's: an empty name is nobody."""
    return f"nullif({sql.text(question.user, 'user')}, '')"


def run(session: Session, sql: Expressions, text: str) -> Answer:
    """Run a statement with the parameters of ``sql``. Raises ``Rejected`` for an answer beyond all bounds."""
    answer = session.run(text, sql.used(text))
    if answer.truncated:
        raise Rejected("interval", "the answer is too large; ask for longer intervals, fewer groups or a shorter span")
    return answer


def _named(name: str, text: str) -> bool:
    at = text.find(f"${name}")
    while at >= 0:
        end = at + len(name) + 1
        if end == len(text) or not (text[end].isalnum() or text[end] == "_"):
            return True
        at = text.find(f"${name}", end)
    return False


def refuse_unknown(session: Session, sql: Expressions) -> None:
    """Raises ``Rejected`` for a property that no row of the stream has, though rows are there: it may be misspelt."""
    for other in sql.others:
        refuse_unknown(session, other)
    for name, extract in sql.properties.items():
        found = run(session, sql, f"SELECT 1 FROM {sql.table} WHERE {extract} IS NOT NULL LIMIT 1")
        if found.table.num_rows:
            continue
        column = name.partition(".")[0] if name.partition(".")[0] in sql.json else sql.json[0]
        keys = run(
            session,
            sql,
            f"""SELECT DISTINCT k FROM (SELECT unnest(TRY(json_keys({column}))) AS k FROM {sql.stream}
              WHERE TRY(json_type({column})) = 'OBJECT') ORDER BY k LIMIT 200""",
        )
        known = [f"{column}.{k}" if column != sql.json[0] else k for (k,) in keys.rows()]
        if not run(session, sql, f"SELECT 1 FROM {sql.stream} LIMIT 1").table.num_rows:
            continue
        every = [*columns_of(sql.stream).names, *known]
        listed = ", ".join(known[:20]) + (", …" if len(known) > 20 else "") if known else "none yet"
        raise Rejected("name", f"no event of {sql.stream} has a property {name!r}{did_you_mean(name, every)}; "
                       f"properties there are {listed}")  # fmt: skip


def unseen(session: Session, stream: str, asked: Sequence[Match]) -> list[str]:
    """What to warn of: types of events that the stream has never had."""
    missing = [
        type_
        for type_ in dict.fromkeys(type_ for match in asked for type_ in match.types)
        if not session.run(f"SELECT 1 FROM {stream} WHERE type = $type LIMIT 1", {"type": type_}).table.num_rows
    ]
    if not missing:
        return []
    known = [t for (t,) in session.run(f"SELECT DISTINCT CAST(type AS VARCHAR) FROM {stream}").rows() if t]
    return [f"no event of type {type_!r} has come to {stream}{did_you_mean(type_, known)}" for type_ in missing]
