"""Back over the log: backtests, explanations, and tables to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from hindcast.client import frames
from hindcast.client.alerting import TunedRule
from hindcast.client.answers import Backtest, Past
from hindcast.client.call import Call, operation
from hindcast.client.operations.answered import json_of, moment, path_of, then
from hindcast.client.sending import Event, encoded

BACKTEST_S = 600.0
TABLE_S = 600.0


class LookingBack:
    """What runs over the past."""

    @operation()
    def backtest(
        self,
        rules: Sequence[Event] | None = None,
        *,
        fold: Literal["alert_evaluator", "anomaly"] = "alert_evaluator",
        anomalies: Sequence[Event] | None = None,
        metrics: Sequence[Event] = (),
        changes: Event | None = None,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        incidents: Sequence[Event] = (),
        tolerance_s: float = 300.0,
        against: Event | Literal["live"] = "live",
        limit: int = 1000,
    ) -> Call[Backtest]:
        """Say what these alert rules (or, with the fold ``anomaly``, these watches) would have done in the past.

        Without any it takes those that hold now; ``metrics`` that are not there, or are defined otherwise, are counted from
        the log; ``changes`` sets a field of each of them. ``incidents``: spans (``from``,
        ``to``) in which something was really wrong. ``against``: other ``rules``, ``anomalies`` or ``set`` to compare
        with, or what really happened. Nobody is told of anything. Raises ``ApiError``.
        """
        asked = {
            "fold": fold,
            "rules": rules,
            "anomalies": anomalies,
            "metrics": list(metrics),
            "set": changes,
            "from": moment(start),
        }
        asked |= {"to": moment(end), "incidents": [{**i, **_ends(i)} for i in incidents], "tolerance_s": tolerance_s}
        said = {name: value for name, value in asked.items() if value not in (None, [])}
        body = encoded({**said, "against": against, "limit": limit})
        return Call("POST", "/v1/backtest", json_of, content=body, timeout_s=BACKTEST_S)

    @operation()
    def tune_rule(self, rule: Event, pages_per_week: float) -> Call[TunedRule]:
        """Propose the threshold with which the rule would have called somebody at most so often a week, from history."""
        body = encoded({"rule": dict(rule), "pages_per_week": pages_per_week})
        return Call("POST", "/v1/backtest/tune", json_of, content=body, timeout_s=BACKTEST_S)

    @operation()
    def past(self) -> Call[Past]:
        """Say which span ``as_of`` and ``valid_at`` can be asked about."""
        return Call("GET", "/v1/past", json_of)

    @operation()
    def explain(
        self,
        metric: str = "",
        *,
        key: str | None = None,
        start: datetime | str | None = None,
        alert: str = "",
        as_of: datetime | str | None = None,
        valid_at: datetime | str | None = None,
    ) -> Call[dict[str, Any]]:
        """Say where a value of a metric comes from: its definition and version, and the rows that sum up to it.

        ``start`` of its window; without it, the newest. With ``alert`` instead: the turns of an alert, its rule as it was
        then, and the windows that were judged. Raises ``ApiError`` with what there is for what is not there.
        """
        said: dict[str, str | int | float] = {"metric": metric} if metric else {}
        if key is not None:
            said["key"] = key
        if alert:
            said["alert"] = alert
        if start:
            said["start"] = str(moment(start))
        return Call("GET", "/v1/explain", json_of, params={**said, **then(as_of, valid_at)})

    @operation()
    def explain_cell(
        self,
        sql: str,
        column: str,
        *,
        row: int = 0,
        as_of: datetime | str | None = None,
        valid_at: datetime | str | None = None,
    ) -> Call[dict[str, Any]]:
        """Say where a cell of the answer to ``sql`` comes from: how far each stream was read, and the rows behind it.

        ``row`` counts from 0; ``as_of`` the token of the answer, so that it is the same one. ``rows`` has the SQL that lists
        them, ``again`` what they give anew; where they cannot be told, ``untold`` says why. Raises ``ApiError``.
        """
        said = {"sql": sql, "column": column, "row": row, **then(as_of, valid_at)}
        return Call("POST", "/v1/explain", json_of, content=encoded(said))

    @operation()
    def table(
        self,
        features: Sequence[Event] = (),
        *,
        rows: Sequence[Event] | None = None,
        rows_from: str | None = None,
        given: Event | None = None,
        as_of: datetime | str | None = None,
        pin: str | None = None,
        about: str = "",
        form: Literal["arrow", "pandas", "polars"] = "arrow",
    ) -> Call[Any]:
        """Make a table: for each row, a ``key`` and a moment ``at``, what had happened and was known by then.

        ``rows``, or SQL that selects them as ``rows_from``; a further column needs an entry of ``given``. ``pin``: the name
        to keep it under, so that ``kept_table`` makes it again just as it was. The Arrow schema's metadata has moment,
        digest, state and warnings (``hindcast.as_of``, …). Raises ``ApiError`` with column and reason for what leaks.
        """
        asked = {"features": [dict(one) for one in features], "given": given}
        asked |= {"rows": None if rows is None else [_row(row) for row in rows]}
        asked |= {"rows_from": rows_from, "as_of": moment(as_of), "pin": pin, "about": about or None}
        body = encoded({name: value for name, value in asked.items() if value is not None})
        headers = {"accept": frames.ARROW}
        return Call("POST", "/v1/tables", frames.reader(form), content=body, headers=headers, timeout_s=TABLE_S)

    @operation()
    def kept_table(self, name: str, *, form: Literal["arrow", "pandas", "polars"] = "arrow") -> Call[Any]:
        """Make a table that is kept: a pinned one as of its moment. ``hindcast.state`` in the Arrow schema's metadata says
        whether it is what it was (``pinned``), or why it is not (``erased``, ``changed``)."""
        headers = {"accept": frames.ARROW}
        return Call("GET", path_of("/v1/tables", name), frames.reader(form), headers=headers, timeout_s=TABLE_S)


def _ends(span: Event) -> dict[str, Any]:
    return {name: moment(span[name]) for name in ("from", "to") if name in span}


def _row(row: Event) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
