"""From settings to cells: the one place that knows what runs for which configuration."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from actors.alerts.evaluator import AlertEvaluator
from actors.alerts.wording import Wording
from actors.analyzers.anomaly import AnomalyAnalyzer
from actors.analyzers.anomaly_watch import AnomalySpec
from actors.analyzers.correlations import CorrelationAnalyzer
from actors.analyzers.features import FeatureKeeper
from actors.analyzers.identity import IdentityAnalyzer
from actors.analyzers.metric_series import MetricSpec
from actors.analyzers.metrics import MetricsAnalyzer
from actors.analyzers.rollups import RollupAnalyzer
from actors.analyzers.sessions import SessionAnalyzer
from actors.analyzers.trends import TrendAnalyzer
from actors.archiver import ArchiveBounds, Archiver, Retention
from actors.backfill import Backfill
from actors.collectors.imports import ImportCollector
from actors.collectors.push import control, marks, user_interactions
from actors.definitions.anomaly import Anomaly
from actors.directory import Directory
from actors.edges.archive import Archive
from actors.edges.channels.dashboard import DashboardNotifier
from actors.edges.channels.part import channel_of
from actors.edges.delivery import Notify
from actors.edges.features import ServeFeatures
from actors.edges.fold_pasts import FoldPasts
from actors.edges.foresee import Foresee
from actors.edges.intake import Importing, Push
from actors.edges.retell import Retell
from actors.edges.secrets import SECRETS
from actors.edges.sources.idleness import idle_producers
from actors.forecasting import Forecasting
from actors.models.part import ModelsSection
from actors.notifier import Notifier
from actors.parts import Channel, Within
from actors.retelling import Retelling
from actors.topology import CellSpec
from config.parts import parts
from config.sections import DAY_S
from config.settings import Settings
from events.catalog import USER_INTERACTIONS
from events.errors import Rejected
from serve.ingest.money import CURRENCY_EXPONENT
from serve.webhooks.part import Endpoint, WebhooksSection

logger = logging.getLogger(__name__)
SECOND = 1_000_000
MOST_GATEWAYS = 8
"""So many decode as fast as the one collector that they all hand over to can admit (docs/performance.md)."""


def gateways(cores: int) -> int:
    """How many gateways decode on ``cores`` cores: one for every four, as far as a collector keeps up, and two from four
    cores on, so that one that was killed is not missed."""
    return 1 if cores < 4 else min(max(2, cores // 4), MOST_GATEWAYS)


def cells(settings: Settings, data: Path, page: str = "") -> tuple[CellSpec, ...]:
    """Every cell that ``settings`` ask for; ``page`` is where the page is, for links."""
    tenant = settings.tenant
    metrics = tuple(MetricSpec.of(m.model_dump(mode="json"), settings.collectors.bound_s) for m in settings.metrics)
    anomalies = tuple(_watched(a, metrics) for a in settings.anomalies)
    bound_us = int(settings.collectors.bound_s * SECOND)
    interactions = user_interactions(bound_us, settings.collectors.dedup_window)
    notified = channels(settings, data / SECRETS)
    notify = Notify(notified, data / SECRETS, settings.fetching.allow_private)
    doors = [CellSpec("collectors", interactions, tenant, Push(), p) for p in range(settings.log.partitions)]
    expected = {USER_INTERACTIONS.name: tuple(door.name for door in doors)} if len(doors) > 1 else {}
    core = [
        *doors,
        commands := CellSpec("collectors", control(), tenant, Push(guarded=False)),
        CellSpec("collectors", marks(), tenant, Push(guarded=False), beside=commands.name),
        CellSpec("collectors", ImportCollector(), tenant, Importing(), beside=doors[0].name),
        CellSpec("analyzers", MetricsAnalyzer(former=metrics, expected=expected), tenant),
        watching := CellSpec("analyzers", AnomalyAnalyzer(former=anomalies), tenant),
        CellSpec("analyzers", RollupAnalyzer(), tenant, beside=watching.name),
        CellSpec("analyzers", TrendAnalyzer(), tenant, beside=watching.name),
        CellSpec("analyzers", CorrelationAnalyzer(), tenant, beside=watching.name),
        CellSpec("analyzers", IdentityAnalyzer(), tenant, beside=watching.name),
        CellSpec("analyzers", FeatureKeeper(), tenant, ServeFeatures(), beside=watching.name),
        CellSpec("analyzers", SessionAnalyzer(expected), tenant, beside=watching.name),
        CellSpec("alerts", AlertEvaluator(bound_us, _wording(settings, page)), tenant),
        idle_producers(tenant, bound_us),
        CellSpec("edges", Directory(), tenant),
        backfill := CellSpec("edges", Backfill(), tenant, FoldPasts()),
        CellSpec("edges", Retelling(), tenant, Retell(), beside=backfill.name),
        CellSpec("edges", Forecasting(), tenant, Foresee(), beside=backfill.name),
        CellSpec("edges", Notifier(tuple(notified)), tenant, notify),
    ]
    if settings.archive.enabled:
        kept = settings.archive
        retention = {
            stream: Retention(
                None if bound.days is None else bound.days * DAY_S, None if bound.gb is None else int(bound.gb * 1e9)
            )
            for stream, bound in kept.retention.items()
        }
        bounds = ArchiveBounds(
            kept.segment_rows,
            trim=kept.trim,
            hot_s=kept.hot_h * 3600,
            retention=retention,
            store=kept.store is not None,
        )
        quiet = CellSpec("edges", Backfill(), tenant)
        beside = quiet.name  # hardly ever at work: no process more where each cell has its own
        core.append(CellSpec("edges", Archiver(), tenant, Archive(bounds), beside=beside))
    return (*core, *(cell for cells in of_parts(settings, data).values() for cell in cells))


def within(settings: Settings, data: Path) -> Within:
    """What parts, and cells that are added, are told of the system."""
    bound_us = int(settings.collectors.bound_s * SECOND)
    return Within(settings.tenant, data, bound_us, data / SECRETS, settings.fetching.allow_private)


def of_parts(settings: Settings, data: Path) -> dict[str, list[CellSpec]]:
    """The cells that parts and their sources bring, by part. A plug-in that raises brings none, and is noted as failed."""
    around = within(settings, data)
    found: dict[str, list[CellSpec]] = {}
    for part, section in settings.asked_parts():
        asked = [source for source in settings.asked_sources() if source.kind in part.sources]
        try:
            cells = [*part.cells(section, around), *(s.kind.spec(s.section, s.name, around) for s in asked)]
        except Exception as error:
            parts().fails(part.name, error)
            logger.exception("plug-in %s brings no cells", part.name)
            continue
        owner = part.name if part.name in parts().plug_ins else ""
        found[part.name] = [replace(cell, part=owner) for cell in cells]
    return found


def webhooks(settings: Settings) -> tuple[tuple[str, Endpoint], ...]:
    """The endpoints that take webhooks, by name."""
    sections = (section for _, section in settings.asked_parts() if isinstance(section, WebhooksSection))
    return tuple(endpoint for section in sections for endpoint in section.endpoints.items())


def models(settings: Settings) -> ModelsSection | None:
    """How models are served; None where the part is off."""
    return next((section for _, section in settings.asked_parts() if isinstance(section, ModelsSection)), None)


def routes(settings: Settings) -> tuple[str, ...]:
    """Where the routers of our own parts are that are on."""
    return tuple(part.routes for part, _ in settings.asked_parts() if part.routes and part.name not in parts().plug_ins)


def _watched(anomaly: Anomaly, metrics: tuple[MetricSpec, ...]) -> AnomalySpec:
    of = tuple(spec.definition for spec in metrics if spec.name == anomaly.metric or spec.named_by is not None)
    return AnomalySpec(anomaly.metric, anomaly.aggregate, anomaly.false_alarms_per_week, tuple(sorted(of)))


def _wording(settings: Settings, page: str) -> Wording:
    address = settings.server.public_url
    return Wording({}, CURRENCY_EXPONENT, str(address).rstrip("/") if address else page)


def channels(settings: Settings, secrets: Path) -> dict[str, Channel]:
    """The notification channels by name; ``dashboard`` is always there. ``secrets``: the folder of the secrets named."""
    made: dict[str, Channel] = {}
    for channel in settings.channels:
        try:
            made[channel.name] = channel_of(channel, secrets)
        except Rejected as error:
            raise Rejected(f"channels.{channel.name}.{error.field}", error.reason) from None
    return {"dashboard": DashboardNotifier(), **made}
