"""An alert rule: the fields that it has (``actors.alerts.definition``), and whom it tells."""

from __future__ import annotations

from actors.alerts.definition import RuleFields
from actors.definitions.schema import Section, Word
from analytics.expressions import Joint, read
from analytics.rules import Condition


class Alert(RuleFields, Section):
    """A rule, and whom it tells."""

    channels: tuple[Word, ...] = ("dashboard",)

    @property
    def meant(self) -> Condition | Joint:
        """What the condition says."""
        return read(self.condition)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the condition is about."""
        meant = self.meant
        return meant.metrics if isinstance(meant, Joint) else (meant.metric,)
