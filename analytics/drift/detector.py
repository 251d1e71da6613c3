"""Drift of many models' inputs, each against what that model was trained on."""

from __future__ import annotations

from analytics.drift.report import DriftReport
from analytics.drift.twosample import Table, compare


class DriftDetector:
    """A reference for each model, and one alarm rate for every comparison with it (see ``compare``)."""

    __slots__ = ("_references", "alarm_rate", "seed")

    def __init__(self, *, alarm_rate: float = 0.01, seed: int = 0) -> None:
        self.alarm_rate = alarm_rate
        self.seed = seed
        self._references: dict[str, Table] = {}

    def expect(self, model_id: str, reference: Table) -> None:
        """From now on compare this model's data with ``reference``, typically its training rows."""
        self._references[model_id] = reference

    def detect_drift(self, model_id: str, data: Table) -> DriftReport:
        """Compare ``data`` with the model's reference; columns that the reference lacks are left out.

        Raises ``ValueError`` for a model without a reference, and as ``compare`` does.
        """
        reference = self._references.get(model_id)
        if reference is None:
            raise ValueError(f"model {model_id!r} has no reference: call expect(model_id, training_rows) first")
        known = {name: values for name, values in data.items() if name in reference}
        return compare(reference, known, alarm_rate=self.alarm_rate, seed=self.seed)
