"""The replicas that hold models: there as soon as a model is deployed, gone with the last one; kept by a thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from actors.models.deployment import Autoscaling
from actors.models.part import ModelsSection
from events.catalog import MODELS
from events.errors import Transient
from events.log import LogReader, Source
from hindcast import runtime
from hindcast.log_thread import WAIT_S, LogThread

logger = logging.getLogger(__name__)
AGAIN_S = 0.3


class ModelServing(LogThread):
    """Brings the Serve application ``models`` to what the registry says. ``log`` is closed at the end.

    ``known`` answers the topic ``models`` as it is now; it may raise, and is asked again.
    """

    def __init__(
        self,
        log: LogReader,
        tenant: str,
        artifacts: Path,
        section: ModelsSection,
        known: Callable[[], Mapping[str, Mapping[str, Any]]],
    ) -> None:
        super().__init__(log, "model-serving")
        self._prefix = f"{tenant}/"
        self._artifacts = artifacts
        self._section = section
        self._known = known
        self._brought: dict[Source, int] | None = None
        """Where ``models`` stood when the replicas were last brought to what it says."""
        self._running: Autoscaling | None = None

    def step(self) -> None:
        """Level by level, as for sources: the registry reads a row a moment after us, so it is asked until all is quiet."""
        at = {
            (MODELS.name, p): self._log.head(MODELS.name, p) for p in self._log.producers(MODELS.name) if self._ours(p)
        }
        if at == self._brought:
            self._log.wait(at, WAIT_S)
            return
        try:
            wanted = scaling(self._known())
        except Transient as error:
            logger.info("the registry is asked again: %s", error)
            self._ending.wait(1.0)
            return
        self._bring(wanted)
        cursor = self._log.cursor(f"{self._prefix}model_registry/0")
        if all(cursor.get(source, 0) >= head for source, head in at.items()) and wanted == scaling(self._known()):
            self._brought = at
        self._ending.wait(AGAIN_S)

    def _ours(self, producer: str) -> bool:
        return producer.startswith(self._prefix)

    def _bring(self, wanted: Autoscaling | None) -> None:
        if wanted == self._running or self._ending.is_set():
            return
        if wanted is None:
            runtime.end_models()
        else:
            runtime.deploy_models(self._artifacts, self._section, wanted)
        self._running = wanted


def scaling(models: Mapping[str, Mapping[str, Any]]) -> Autoscaling | None:
    """How many replicas the deployed models ask for together; None where none is deployed."""
    asked = [model["wanted"]["config"].get("autoscaling", {}) for model in models.values() if model.get("wanted")]
    if not asked:
        return None
    known = [Autoscaling(**{k: v for k, v in one.items() if k in Autoscaling.model_fields}) for one in asked]
    return Autoscaling(
        min_replicas=max(one.min_replicas for one in known),
        max_replicas=max(one.max_replicas for one in known),
        target_ongoing_requests=min(one.target_ongoing_requests for one in known),
    )
