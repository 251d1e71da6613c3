"""Explain a cell of a query's result: its statement, the moment that it stands on, and the rows behind it.

Which rows a figure is made of can be told of a statement that groups, or picks, rows of one table. It is taken apart by
DuckDB's own parser, and put together again without its groups: with the values of the cell's own group as conditions.
Of a statement that joins, nests or looks across rows it is said that it cannot be told, and why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from actors.explaining.asking import literal
from events.errors import Rejected
from events.log import LogReader
from query import as_of
from query.apart.desk import Desk
from query.as_of import Moment
from query.bounds import Limits, Stop
from query.rows import plain

if TYPE_CHECKING:
    from query.engine import Session

Node = dict[str, Any]
STAR: Node = {"class": "STAR", "type": "STAR", "alias": "", "relation_name": "", "exclude_list": [], "replace_list": [],
              "columns": False, "expr": None, "qualified_exclude_list": [], "rename_list": []}  # fmt: skip


_AGGREGATES = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'"


def explained(
    desk: Desk, sql: str, row: int, column: str, moment: Moment | None, valid_at: int | None, commands: bool
) -> dict[str, Any]:
    """``SqlExplainer.cell`` wherever queries run."""
    explainer = SqlExplainer(desk.log, desk.tenant, moment, valid_at, commands, desk.limits)
    return explainer.cell(sql, row, column, desk.stop)


class Untold(Exception):
    """The rows behind a figure cannot be told; the text says why."""


class SqlExplainer:
    """Cells of answers, for one tenant, at one moment of the log."""

    def __init__(
        self,
        log: LogReader,
        tenant: str,
        moment: Moment | None = None,
        valid_at: int | None = None,
        commands: bool = True,
        limits: Limits | None = None,
    ) -> None:
        from query.engine import Engine  # here, as DuckDB below: a gateway only hands this on

        self.moment = moment or as_of.now(log, tenant)
        self._engine = Engine(log, limits)
        self._about: Mapping[str, Any] = {
            "tenant": tenant, "moment": self.moment, "valid_at": valid_at, "commands": commands
        }  # fmt: skip

    def cell(self, sql: str, row: int, column: str, stop: Stop | None = None) -> Node:
        """The cell at ``row`` (from 0) and ``column`` of the answer to ``sql``.

        ``{what, sql, row, column, value, as_of, cut, rows, again, untold}``: ``cut`` is how far each stream was read;
        ``rows`` has the SQL that lists the rows behind the cell, and how many they are; ``again`` what a figure of several
        rows is when they are counted anew, and whether that is ``equal``. Where they cannot be told, ``untold`` says why.
        Raises
        ``Rejected`` for a statement that is none, and a cell that is not in its answer.
        """
        with self._engine.open(**self._about, stop=stop) as session:
            answer = session.run(sql)
            names = [each.name for each in answer.columns]
            if column not in names:
                raise Rejected("column", f"{column!r} is none of the answer; its columns are {', '.join(names)}")
            if not 0 <= row < answer.table.num_rows:
                raise Rejected("row", f"is {row}, and the answer has rows 0 to {answer.table.num_rows - 1}")
            value = answer.rows()[row][names.index(column)]
            told: Node = {"what": "sql", "sql": sql, "row": row, "column": column, "value": value, "rows": None}
            told |= {"again": None, "untold": None, "as_of": self.moment.token}
            try:
                behind = Behind(sql, names.index(column), row)
                told |= self._rows(session, behind, value)
            except Untold as why:
                told["untold"] = str(why)
            return told | {"cut": {stream: dict(ends) for stream, ends in answer.cut.items()}}

    @staticmethod
    def _rows(session: Session, behind: Behind, value: Any) -> Node:
        values: list[Any] = []
        if behind.groups:
            held = session.run(behind.own_group()).table.to_pylist()
            if not held:
                raise Untold("it answers otherwise when it is asked again; give it an order that holds: ORDER BY")
            values = [*held[0].values()]
        listed = behind.rows(values)
        told: Node = {"rows": {"sql": listed, "count": session.run(f"SELECT count(*) FROM ({listed})").rows()[0][0]}}
        if behind.grouped:
            again = session.run(behind.again(values)).rows()[0][0]
            told["again"] = {"value": again, "equal": _same(value, again)}
        return told


class Behind:
    """A statement that is taken apart, about the column at ``place`` of its row ``row``. Raises ``Untold``."""

    def __init__(self, sql: str, place: int, row: int) -> None:
        import duckdb

        self._db = duckdb.connect(":memory:", config={"enable_external_access": "false"})
        self._row = row
        said = json.loads(self._one("SELECT json_serialize_sql($1)", sql))
        if said["error"] or len(said["statements"]) != 1:
            raise Untold("it is no SELECT")
        self._whole: Node = said
        self._node: Node = said["statements"][0]["node"]
        self._aggregates = {name for (name,) in self._db.execute(_AGGREGATES).fetchall()}
        self._refuse()
        items: list[Node] = self._node["select_list"]
        aggregated = [self._has(item, self._is_aggregate) for item in items]
        self.grouped = any(aggregated) or bool(self._node["group_expressions"])
        if self.grouped and any(item["class"] == "STAR" for item in items):
            raise Untold("it groups by columns that it does not name; name them instead of *")
        self._item = items[place] if self.grouped else None
        self.groups = [self._resolved(each) for each in self._groups(items, aggregated)] if self.grouped else []

    def own_group(self) -> str:
        """Asks for the values, as text, by which the rows of the cell's own row are grouped."""
        texts = [_cast(expression) for expression in self.groups]
        items = [{**text, "alias": f"group_{i}"} for i, text in enumerate(texts)]
        ordered = {**self._node, "select_list": [*items, *self._node["select_list"]], **_sets(self.groups)}
        ordered["modifiers"] = [self._moved(modifier, len(items)) for modifier in self._node["modifiers"]]
        shown = ", ".join(f"group_{i}" for i in range(len(items)))
        return f"SELECT {shown} FROM ({self._text(ordered)}) LIMIT 1 OFFSET {self._row}"

    def rows(self, values: list[Any]) -> str:
        """The rows behind the cell."""
        if not self.grouped:
            return f"SELECT * FROM ({self._text({**self._node, 'select_list': [STAR]})}) LIMIT 1 OFFSET {self._row}"
        item = self._item or {}
        only = item["filter"] if self._is_aggregate(item) else None
        return self._text({**self._ungrouped(values, only), "select_list": [STAR]})

    def again(self, values: list[Any]) -> str:
        """The cell of a grouped statement, counted anew from its rows."""
        return self._text({**self._ungrouped(values), "select_list": [self._item]})

    def _ungrouped(self, values: list[Any], only: Node | None = None) -> Node:
        conditions = [each for each in (self._node["where_clause"], only) if each]
        conditions += [_is(_cast(each), value) for each, value in zip(self.groups, values, strict=True)]
        where = None if not conditions else conditions[0] if len(conditions) == 1 else _and(conditions)
        return {**self._node, "where_clause": where, "modifiers": [], "having": None, "group_expressions": [],
                "group_sets": [], "aggregate_handling": "STANDARD_HANDLING"}  # fmt: skip

    def _refuse(self) -> None:
        node = self._node
        if node["type"] != "SELECT_NODE":
            raise Untold("it puts several answers together (UNION and the like)")
        if node["cte_map"]["map"]:
            raise Untold("it is made of parts (WITH); ask for one of them by itself")
        if node["from_table"]["type"] != "BASE_TABLE":
            raise Untold("it is about more than one table, or about a question within a question")
        if len(node["group_sets"]) > 1 or node["qualify"] or node["sample"]:
            raise Untold("it has GROUPING SETS, QUALIFY or a sample")
        if any(modifier["type"] == "DISTINCT_MODIFIER" for modifier in node["modifiers"]):
            raise Untold("it is DISTINCT: a row stands for all that are alike; use GROUP BY")
        for part, why in (
            ("WINDOW", "it looks across rows (OVER)"), ("SUBQUERY", "it has a question within a question"),
        ):  # fmt: skip
            if self._has(node, lambda each, part=part: each.get("class") == part):
                raise Untold(why)

    def _groups(self, items: list[Node], aggregated: list[bool]) -> Iterator[Node]:
        if not self._node["group_expressions"]:
            if self._node["aggregate_handling"] == "FORCE_AGGREGATES":
                yield from (item for item, whole in zip(items, aggregated, strict=True) if not whole)
            return
        for expression in self._node["group_expressions"]:
            if expression["class"] == "CONSTANT":
                yield items[int(expression["literal"]["text"]) - 1]
            else:
                yield expression

    def _resolved(self, expression: Node) -> Node:
        """The expression itself, where a name of the SELECT list stands for it."""
        if expression["class"] == "COLUMN_REF" and len(expression["column_names"]) == 1:
            for item in self._node["select_list"]:
                if item["alias"] == expression["column_names"][0]:
                    return {**item, "alias": ""}
        return {**expression, "alias": ""}

    def _moved(self, modifier: Node, by: int) -> Node:
        """ORDER BY 2 is another column once some stand before it."""
        if modifier["type"] != "ORDER_MODIFIER":
            return modifier
        orders = [
            {**order, "expression": _constant(int(order["expression"]["literal"]["text"]) + by)}
            if order["expression"]["class"] == "CONSTANT" and order["expression"]["literal"]["kind"] == "INTEGER"
            else order
            for order in modifier["orders"]
        ]
        return {**modifier, "orders": orders}

    def _is_aggregate(self, node: Node) -> bool:
        return node.get("class") == "FUNCTION" and node.get("function_name") in self._aggregates

    def _has(self, node: Any, wanted: Any) -> bool:
        if isinstance(node, dict):
            return wanted(node) or any(self._has(part, wanted) for part in node.values())
        return isinstance(node, list) and any(self._has(part, wanted) for part in node)

    def _text(self, node: Node) -> str:
        statement = {**self._whole["statements"][0], "node": node}
        return self._one(
            "SELECT json_deserialize_sql($1::JSON)", json.dumps({**self._whole, "statements": [statement]})
        )

    def _one(self, sql: str, said: str) -> Any:
        import duckdb

        try:
            found = self._db.execute(sql, [said]).fetchone()
        except duckdb.Error as error:
            raise Untold(f"DuckDB cannot take it apart: {str(error).splitlines()[0]}") from None
        return found[0] if found else None


def _parsed(expression: str) -> Node:
    import duckdb

    (said,) = duckdb.execute("SELECT json_serialize_sql($1)", [f"SELECT {expression}"]).fetchone() or ("",)
    return json.loads(said)["statements"][0]["node"]["select_list"][0]


def _replaced(node: Any, by: Node) -> Any:
    """``node`` with ``by`` where it says ``here``."""
    if isinstance(node, dict):
        if node.get("class") == "COLUMN_REF" and node.get("column_names") == ["here"]:
            return by
        return {name: _replaced(part, by) for name, part in node.items()}
    return [_replaced(part, by) for part in node] if isinstance(node, list) else node


def _cast(expression: Node) -> Node:
    return _replaced(_parsed("CAST(here AS VARCHAR)"), expression)


def _is(expression: Node, value: str | None) -> Node:
    return _replaced(_parsed("here IS NULL" if value is None else f"here = {literal(value)}"), expression)


def _and(conditions: list[Node]) -> Node:
    whole = _parsed("a AND b")
    return {**whole, "children": conditions}


def _constant(value: object) -> Node:
    return _parsed(str(value) if isinstance(value, int) else literal(str(value)))


def _sets(of: list[Node]) -> Node:
    """GROUP BY these, without words that mean another thing once columns stand before them: 1, ALL, a name."""
    return {"group_expressions": of, "group_sets": [[*range(len(of))]], "aggregate_handling": "STANDARD_HANDLING"}


def _same(said: Any, again: Any) -> bool:
    """Sums of fractions depend on the order of their parts in their last bits."""
    if isinstance(said, float) and isinstance(again, float):
        return said == again or abs(said - again) <= 1e-12 * max(abs(said), abs(again))
    return plain(said) == plain(again)
