"""An alert rule: the fields that it has (``actors.alerts.definition``), and whom it tells."""

from __future__ import annotations

from actors.alerts.definition import RuleFields
from actors.definitions.schema import Section, Word
from analytics import rules


class Alert(RuleFields, Section):
    """A rule, and whom it tells."""

    channels: tuple[Word, ...] = ("dashboard",)

    @property
    def metric(self) -> str:
        """The metric that the condition is about."""
        return rules.parse(self.condition).metric
