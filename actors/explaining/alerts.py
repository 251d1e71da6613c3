"""Explain an alert: its turns, the rule as it was then, and the windows that were judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from actors import ledger
from actors.alerts.state import Rule
from actors.explaining.asking import Asking, Object, literal
from actors.explaining.metrics import MOST_ROWS
from events.catalog import ALERTS, CONTROL
from events.errors import Rejected
from query.rows import plain


class AlertExplainer(Asking):
    """Alerts and their turns."""

    def alert(self, alert: str) -> Object:
        """The turns of an alert, the rule as it was then, and the windows that were judged. Raises ``Rejected``."""
        turns = self.ask(f"""
            SELECT time, type, rule, severity, metric, key, value, threshold, message, acknowledged_by AS "by", producer,
              row_offset AS "offset", epoch_us(time) AS at FROM alerts WHERE alert = {literal(alert)} ORDER BY row_offset""")
        if not turns:
            raise Rejected(
                "alert", f"there is no alert {alert!r}; `SELECT DISTINCT alert, rule FROM alerts` lists them"
            )
        first = turns[0]
        definition = self._rule(first["rule"], first)
        rule = Rule(**{name: definition["spec"][name] for name in ("name", "condition", "threshold")})
        began = min(turn["at"] for turn in turns)
        ended = max(turn["at"] for turn in turns if turn["type"] != "alert.acknowledged")
        windows = self.ask(f"""
            SELECT metric, key, start, time AS "end", count, sum, mean, min, max, p50, p95, p99,
              distinct_count AS "distinct", revision, producer, row_offset AS "offset" FROM metrics
            WHERE metric = {literal(first["metric"])} AND revision IS NOT NULL
              AND coalesce(key, '') = {literal(first["key"] or "")}
              AND epoch_us(time) BETWEEN {began - int(rule.for_us)} AND {ended}
            ORDER BY row_offset LIMIT {MOST_ROWS}""")
        return {
            "what": "alert",
            "alert": alert,
            "definition": definition,
            "turns": [
                {**{n: v for n, v in t.items() if n != "at"}, "known": self.known(ALERTS.name, t)} for t in turns
            ],
            "windows": windows,
            "explain": {"metric": first["metric"], "key": first["key"] or ""},
            "as_of": self.moment.token,
        }

    def _rule(self, name: str, turn: Mapping[str, Any]) -> Object:
        """The rule as the evaluator had it when it wrote the row: the last that it had read by that commit."""
        commit = self.log.read(ALERTS.name, turn["producer"], turn["offset"], 1)[0].header.commit
        read = self.read(turn["producer"], CONTROL.name, commit)
        found: Object | None = None
        for producer, end in sorted(read.items()):
            after = 0
            while after < end:
                for entry in self.log.read(CONTROL.name, producer, after, 4 << 20):
                    for place, row in enumerate(
                        entry.batch().to_pylist() if entry.header.rows else (), entry.header.first
                    ):
                        mine = row["subject"] == name and row["type"] in ("rule.defined", "rule.created")
                        if mine and place < end:
                            told = ledger.entry_of(
                                row["type"], name, json.loads(row["data"]), row["time"].timestamp(), place
                            )
                            found = {
                                "kind": "rule",
                                "name": name,
                                "version": place,
                                "spec": told["spec"],
                                "by": told["by"],
                                "at": plain(row["time"]),
                            }
                    after = entry.header.end
        if found is None:
            raise Rejected("alert", f"the rule {name!r} of this alert is not in the log any more")
        return found
