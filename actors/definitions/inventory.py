"""The definitions that hold, as the validator looks at them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple, Self

from pydantic import ValidationError

from actors.alerts.checking import Measure, Seen
from actors.definitions.metric import Metric

logger = logging.getLogger(__name__)
DASHBOARD_CHANNEL = "dashboard"
"""The channel that is always there."""


class Key(NamedTuple):
    """One definition's identity."""

    kind: str
    name: str

    @property
    def text(self) -> str:
        """As in the topic ``definitions``."""
        return f"{self.kind}/{self.name}"

    @classmethod
    def of(cls, text: str) -> Self:
        kind, _, name = text.partition("/")
        return cls(kind, name)


class Inventory:
    """Specs by key. ``seen``: metrics that have samples, and the keys of each. ``topics``: what can be followed live. None
    where it is not known."""

    def __init__(
        self,
        specs: Mapping[Key, Mapping[str, Any]],
        seen: Seen | None = None,
        topics: Collection[str] | None = None,
    ) -> None:
        self.specs = specs
        self.seen = seen
        self.topics = topics

    @classmethod
    def of(cls, entries: Mapping[str, Mapping[str, Any]], seen: Seen | None = None) -> Self:
        """From the entries of the topic ``definitions``."""
        return cls({Key.of(text): entry["spec"] for text, entry in entries.items()}, seen)

    def changed(self, put: Mapping[Key, Mapping[str, Any]], removed: frozenset[Key] = frozenset()) -> Inventory:
        """What there is once ``put`` is laid over it and ``removed`` is gone."""
        specs = {key: spec for key, spec in {**self.specs, **put}.items() if key not in removed}
        return Inventory(specs, self.seen, self.topics)

    def names(self, kind: str) -> frozenset[str]:
        return self._names.get(kind, frozenset())

    @cached_property
    def _names(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for key in self.specs:
            found.setdefault(key.kind, set()).add(key.name)
        return {kind: frozenset(names) for kind, names in found.items()}

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The metrics, as far as rules depend on them."""
        return tuple(self._measures())

    def _measures(self) -> Iterator[Measure]:
        for key, spec in self.specs.items():
            if key.kind == "metric":
                try:
                    yield Metric.model_validate(spec).measure
                except (
                    ValidationError
                ) as error:  # what it is about is not there any more: a plug-in that brought a stream
                    logger.warning("%s is left out: %s", key.text, error)

    @property
    def channels(self) -> frozenset[str]:
        """The channels that a rule may name."""
        return self.names("channel") | {DASHBOARD_CHANNEL}

    def measured(self, metric: str) -> Iterator[Measure]:
        """What may give samples of a metric of that name."""
        return (m for m in self.measures if m.names is None or metric in m.names)
