"""What a program asks of its system: the engine, datasets, summaries, dashboards, predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from serve.predicting.artifacts import FOLDER as ARTIFACTS

if TYPE_CHECKING:
    from hindcast.client import Client
    from hindcast.client.business_answers import ExecutiveSummary, OperationalMetrics
    from hindcast.datadir import DataDir
    from hindcast.datasets import Dataset
    from hindcast.engine import AnalyticsEngine
    from hindcast.engine.dashboards import RealTimeDashboard
    from hindcast.engine.predicting import PredictiveAnalytics


class Engaged(ABC):
    """The part of ``System`` that answers programs through a client of its own."""

    data: DataDir
    url: str
    _engine: AnalyticsEngine | None = None
    _predictive: PredictiveAnalytics | None = None

    @property
    @abstractmethod
    def client(self) -> Client: ...

    @property
    def engine(self) -> AnalyticsEngine:
        """What collects, processes and analyses with a client of this system; it remembers the events that it judged."""
        from hindcast.engine import AnalyticsEngine  # here: only programs that use it need the kernels

        if self._engine is None or self._engine.client.address.rstrip("/") != self.url:
            self._engine = AnalyticsEngine(self.client)
        return self._engine

    def dataset(self, label: str | Mapping[str, Any], **asked: Any) -> Dataset:
        """A table to learn from, with its leakage report: as ``Client.dataset``."""
        with self.client as client:
            return client.dataset(label, **asked)

    def generate_executive_summary(self, time_period: str = "30d", **asked: Any) -> ExecutiveSummary:
        """How a business does: as ``Client.generate_executive_summary``."""
        with self.client as client:
            return client.generate_executive_summary(time_period, **asked)

    def generate_operational_metrics(self, window: str = "1h", **asked: Any) -> OperationalMetrics:
        """How this system does: as ``Client.generate_operational_metrics``."""
        with self.client as client:
            return client.generate_operational_metrics(window, **asked)

    @property
    def dashboards(self) -> RealTimeDashboard:
        """What makes dashboards in this system, and follows them: ``engine.dashboards``."""
        return self.engine.dashboards

    @property
    def predictive(self) -> PredictiveAnalytics:
        """The six predictive models in this program: the champions of the registry, and those that are trained here.

        ``take_champions`` on it takes newer ones.
        """
        from hindcast.engine.predicting import PredictiveAnalytics  # here: only programs that use it need the models

        if self._predictive is None:
            made = PredictiveAnalytics()
            with self.client as client:
                made.take_champions(client, self.data.path / ARTIFACTS)
            self._predictive = made
        return self._predictive
