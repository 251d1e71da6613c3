"""Features and labels among the other definitions: what they need, and what must be true of them."""

from __future__ import annotations

from collections.abc import Iterator

from actors.definitions.inventory import Inventory, Key
from analytics.features.plan import FOLDS
from events.errors import Rejected
from events.nearest import did_you_mean
from query.features.schema import FeatureRule, LabelRule
from query.point_in_time.schema import RESERVED

FEATURE, LABEL = "feature", "label"


def parts_are_there(rule: FeatureRule, among: Inventory) -> list[str]:
    """Raises ``Rejected`` for an expression over what is not defined, or over a text, and for a fold that nobody brings."""
    if rule.fold is not None and rule.fold not in FOLDS:
        listed = ", ".join(sorted(FOLDS)) or "none: a plug-in brings them"
        raise Rejected("fold", f"there is no fold {rule.fold!r}{did_you_mean(rule.fold, FOLDS)}; there are {listed}")
    known = among.names(FEATURE)
    for name in rule.needs:
        if name not in known:
            hint = did_you_mean(name, known)
            raise Rejected(
                "expression", f"names {name!r}, which is no feature{hint}; there are {', '.join(sorted(known))}"
            )
        said = among.specs.get(Key(FEATURE, name), {})
        if said.get("aggregate") == "last" and not said.get("number"):
            raise Rejected("expression", f"names {name!r}, which may be a text; define it with `number: true`")
    return []


def made_of(rule: FeatureRule, _: Inventory) -> Iterator[Key]:
    return (Key(FEATURE, name) for name in rule.needs)


def can_be_known(rule: LabelRule, among: Inventory) -> list[str]:
    """Raises ``Rejected`` for the complement of a label that is not there, or that is none of two sides."""
    if rule.name in RESERVED:
        raise Rejected("name", f"{rule.name!r} is a column of every table; name it otherwise")
    if rule.complement_of is None:
        return []
    known = among.names(LABEL)
    if rule.complement_of not in known:
        hint = did_you_mean(rule.complement_of, known)
        raise Rejected("complement_of", f"there is no label {rule.complement_of!r}{hint}")
    other = among.specs.get(Key(LABEL, rule.complement_of), {})
    if other.get("of"):
        raise Rejected("complement_of", f"{rule.complement_of!r} is a sum, which has no other side")
    if other.get("complement_of"):
        raise Rejected(
            "complement_of", f"{rule.complement_of!r} is a complement itself; name {other['complement_of']!r}"
        )
    return []


def other_side(rule: LabelRule, _: Inventory) -> Iterator[Key]:
    return iter(() if rule.complement_of is None else (Key(LABEL, rule.complement_of),))
