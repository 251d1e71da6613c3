"""A tracking plan learned from what came: the types of events, their properties, and the types of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from query.engine import Session

LEAST = 20
"""So many events of a type must have a property, and all of them, for it to be called required."""
MOST_TYPES, MOST_PROPERTIES = 2_000, 500
_OF_JSON = {"VARCHAR": "text", "BIGINT": "whole", "UBIGINT": "whole", "HUGEINT": "whole", "DOUBLE": "number",
            "BOOLEAN": "truth", "ARRAY": "list", "OBJECT": "object"}  # fmt: skip
_TYPES = f"""SELECT CAST(type AS VARCHAR) AS type, count(*) AS n FROM user_interactions
  WHERE epoch_us(time) >= $since AND type IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_TYPES}"""
_PROPERTIES = """WITH k AS (
    SELECT CAST(type AS VARCHAR) AS type, unnest(json_keys(properties)) AS name, properties FROM user_interactions
    WHERE epoch_us(time) >= $since AND TRY(json_type(properties)) = 'OBJECT'
  )
  SELECT type, name, json_type(properties, '/' || replace(replace(name, '~', '~0'), '/', '~1')) AS kind, count(*) AS n
  FROM k GROUP BY ALL ORDER BY 1, 2, 3"""


def learned(session: Session, name: str, since_us: int, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The spec of a plan that nothing is against that came since then (us UTC); ``before``: a plan that it widens.

    A property is required where every event of its type has it, and there were at least 20 of them.
    """
    counts: dict[str, Any] = dict(session.run(_TYPES, {"since": since_us}).rows())
    seen: dict[str, dict[str, dict[str, int]]] = {type_: {} for type_ in counts}
    for type_, property_, kind, n in session.run(_PROPERTIES, {"since": since_us}, rows=1_000_000).rows():
        if type_ in seen and property_ and (property_ in seen[type_] or len(seen[type_]) < MOST_PROPERTIES):
            seen[type_].setdefault(property_, {})[kind] = n
    plan = dict(before) if before else {"name": name, "mode": "learn", "others": "refuse"}
    events = {type_: dict(rule) for type_, rule in (before["events"].items() if before else ())}
    for type_, properties in seen.items():
        events[type_] = _widened(events.get(type_), properties, counts[type_])
    return {**plan, "events": events}


def _widened(rule: Mapping[str, Any] | None, seen: Mapping[str, Mapping[str, int]], n: int) -> dict[str, Any]:
    known = dict(rule["properties"]) if rule else {}
    for name, kinds in seen.items():
        types = {_OF_JSON.get(kind, "any") for kind in kinds if kind != "NULL"}
        had = known.get(name)
        if had:
            types.add(had["type"])
        there = sum(count for kind, count in kinds.items() if kind != "NULL")
        always = there == n and n >= LEAST
        required = had["required"] and there == n if had else always and rule is None
        known[name] = {"type": _joined(types), "required": required, "values": None}
    for name, had in known.items():
        if name not in seen and had["required"]:
            known[name] = {**had, "required": False}
    return {"properties": known, "others": rule["others"] if rule else "allow"}


def _joined(types: set[str]) -> str:
    if len(types) == 1:
        return next(iter(types))
    return "number" if types == {"whole", "number"} else "any"
