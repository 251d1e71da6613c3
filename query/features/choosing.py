"""The labels and features that somebody names, out of the definitions that hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from events.errors import Rejected
from events.nearest import did_you_mean
from query.features.schema import FeatureRule, LabelRule

Specs = Mapping[str, Mapping[str, Any]]
"""By name, as definitions say them."""


def label_of(said: str | LabelRule, labels: Specs) -> LabelRule:
    """The label of that name, or the one that is said; a complement as the other side of what it names.

    Raises ``Rejected`` naming the labels that there are.
    """
    rule = said if isinstance(said, LabelRule) else _named("label", said, labels, LabelRule)
    if rule.complement_of is None:
        return rule
    other = _named("complement_of", rule.complement_of, labels, LabelRule)
    if other.complement_of is not None or other.of is not None:
        raise Rejected(
            "complement_of", f"{rule.complement_of!r} has no other side: it is a sum, or a complement itself"
        )
    return other.model_copy(update={"name": rule.name, "about": rule.about, "happens": not other.happens})


def features_of(said: Sequence[str | FeatureRule] | None, features: Specs) -> list[FeatureRule]:
    """The features that are named or said (None: all), each with those that its expression needs.

    Raises ``Rejected`` naming the features that there are.
    """
    if said is None:
        return [FeatureRule.model_validate(spec) for _, spec in sorted(features.items())]
    given = {one.name: one for one in said if isinstance(one, FeatureRule)}
    found: dict[str, FeatureRule] = {}

    def add(name: str, below: tuple[str, ...]) -> None:
        if name in below:
            raise Rejected("features", f"{name} goes in a circle: {' -> '.join((*below, name))}")
        rule = given[name] if name in given else _named("features", name, features, FeatureRule)
        found.setdefault(name, rule)
        for other in rule.needs:
            if other not in found:
                add(other, (*below, name))

    for one in said:
        add(one if isinstance(one, str) else one.name, ())
    return list(found.values())


def _named(field: str, name: str, specs: Specs, model: Any) -> Any:
    if name not in specs:
        listed = ", ".join(sorted(specs)) or "none yet: define one, or use a preset that has some (course, saas, demo)"
        what = "feature" if model is FeatureRule else "label"
        raise Rejected(field, f"there is no {what} {name!r}{did_you_mean(name, specs)}; there are {listed}")
    return model.model_validate(specs[name])
