"""A tracking plan: which events there are, with which properties of which types, as pure checks.

``against`` says what of one event is not in the plan, ``breaks`` what a former plan allowed and a new one refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

TYPES: Mapping[str, str] = {
    "any": "anything", "text": "a text", "number": "a number", "whole": "a whole number", "truth": "true or false",
    "list": "a list", "object": "an object",
}  # fmt: skip
_MOST_SHOWN = 60


class Fault(NamedTuple):
    field: str
    reason: str


def is_of(value: Any, type_: str) -> bool:
    """Whether a JSON value is of a type of the plan."""
    match type_:
        case "text":
            return isinstance(value, str)
        case "truth":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "whole":
            return isinstance(value, int) and not isinstance(value, bool)
        case "list":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            return True


def against(plan: Mapping[str, Any], type_: str, properties: Mapping[str, Any]) -> Iterator[Fault]:
    """What of an event is not in the plan (the spec of its definition)."""
    rule = plan["events"].get(type_)
    if rule is None:
        if plan["others"] == "refuse":
            yield Fault("type", f"{type_!r} is not in the tracking plan {plan['name']!r}")
        return
    for name, wanted in rule["properties"].items():
        value = properties.get(name)
        if value is None:
            if wanted["required"]:
                yield Fault(name, f"is required by the tracking plan {plan['name']!r} for {type_!r}")
        elif not is_of(value, wanted["type"]):
            yield Fault(name, f"must be {TYPES[wanted['type']]}, got {_shown(value)}")
        elif wanted["values"] and value not in wanted["values"]:
            yield Fault(name, f"must be one of {', '.join(map(str, wanted['values']))}; got {_shown(value)}")
    if rule["others"] == "refuse":
        for name in sorted(properties.keys() - rule["properties"].keys()):
            yield Fault(name, f"is no property of {type_!r} in the tracking plan {plan['name']!r}")


def breaks(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What was allowed and is no more, a sentence each: senders of the former plan have to change."""
    found: list[str] = []
    if before["others"] == "allow" and after["others"] == "refuse":
        found.append("events that the plan does not name were allowed")
    for type_, old in before["events"].items():
        new = after["events"].get(type_)
        if new is None:
            if after["others"] == "refuse":
                found.append(f"{type_!r} is not in the plan any more")
            continue
        found += [f"{type_!r}: {said}" for said in _narrower(old, new)]
    if before["others"] == "allow":
        anything = {"others": "allow", "properties": {}}
        for type_ in sorted(after["events"].keys() - before["events"].keys()):
            found += [f"{type_!r}: {said}" for said in _narrower(anything, after["events"][type_])]
    return found


def _narrower(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    anything: Mapping[str, Any] = {"type": "any", "required": False, "values": None}
    closed = new["others"] == "refuse"
    if closed and old["others"] == "allow":
        yield "further properties were allowed"
    for name in sorted(old["properties"].keys() - new["properties"].keys()):
        if closed:
            yield f"{name!r} is no property any more"
    for name, wanted in new["properties"].items():
        had = old["properties"].get(name)
        if had is None and old["others"] == "refuse":
            if wanted["required"]:
                yield f"{name!r} is required now"
            continue
        had = had or anything
        if wanted["required"] and not had["required"]:
            yield f"{name!r} is required now"
        wider = wanted["type"] in ("any", had["type"]) or (wanted["type"], had["type"]) == ("number", "whole")
        if not wider:
            yield f"{name!r} must be {TYPES[wanted['type']]}, and was {TYPES[had['type']]}"
        if wanted["values"] and (not had["values"] or set(had["values"]) - set(wanted["values"])):
            yield f"{name!r} allows fewer values"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
