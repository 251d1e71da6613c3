"""The part ``models``: the streams of models and predictions, and the folds over them."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.catalog import MODELS, PREDICTIONS, USER_INTERACTIONS

LEAST = 1 << 12
"""So many ids of each stream are known at least, and all of the last hour."""


class ModelsSection(PartSection):
    """How models are kept and served."""

    models_per_replica: int = Field(default=8, ge=1, le=256)
    """Models that one replica holds; beyond, the one that was not asked for longest makes room."""
    max_model_mb: int = Field(default=64, ge=1, le=4096)
    """MiB of one stored model at most: with `models_per_replica` it bounds what a replica holds."""
    max_rows: int = Field(default=100_000, ge=1, le=10_000_000)
    """Rows of one request for predictions."""
    require_approval: bool = False
    """Whether only an approved version may be deployed, or become the champion."""
    keep_alive_s: float = Field(default=600.0, ge=1, le=86_400)
    """How long a replica without requests stays where `min_replicas` is 0."""


def _cells(section: PartSection, within: Within) -> Iterable[CellSpec]:
    from actors.collectors.push import PushCollector  # here: these need kernels, and most processes no cells
    from actors.edges.intake import Push
    from actors.models.experiments import ExperimentTracker
    from actors.models.monitor import ModelMonitor
    from actors.models.registry import ModelRegistry

    door = f"{within.tenant}/{USER_INTERACTIONS.name}/0"
    told = PushCollector(MODELS.name, MODELS, ("type", "subject", "data"), LEAST)
    answered = PushCollector(PREDICTIONS.name, PREDICTIONS, ("type", "subject", "features"), LEAST)
    yield CellSpec("collectors", told, within.tenant, Push(guarded=False), beside=door)
    yield CellSpec("collectors", answered, within.tenant, Push(), beside=door)
    beside = f"{within.tenant}/alert_system/0"
    for fold in (ModelRegistry(), ExperimentTracker(), ModelMonitor()):
        yield CellSpec("dashboards", fold, within.tenant, beside=beside)


PART = Part("models", section=ModelsSection, cells=_cells)
