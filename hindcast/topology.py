"""From settings to cells: the one place that knows what runs for which configuration."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from actors.alerts.evaluator import AlertEvaluator
from actors.alerts.wording import Wording
from actors.analyzers.anomaly import AnomalyAnalyzer
from actors.analyzers.anomaly_watch import AnomalySpec
from actors.analyzers.metric_series import MetricSpec
from actors.analyzers.metrics import MetricsAnalyzer
from actors.archiver import ArchiveBounds, Archiver
from actors.backfill import Backfill
from actors.collectors.pull import PullCollector
from actors.collectors.push import control, user_interactions
from actors.dashboards.alert_system import AlertSystem
from actors.dashboards.system_health import SystemHealth
from actors.dashboards.user_activity import UserActivity
from actors.definitions.anomaly import Anomaly
from actors.definitions.channel import IN_CONFIGURATION
from actors.definitions.channel import WebhookChannel as WebhookSection
from actors.directory import Directory
from actors.edges.channels import Channel, DashboardChannel, WebhookChannel
from actors.edges.secrets import secret_at
from actors.edges.sources.clock import Clock
from actors.edges.sources.machine import Machine
from actors.notifier import Notifier
from actors.topology import Archive, CellSpec, FoldPasts, Notify, Polled, Push
from config.settings import Settings
from events.catalog import CLOCK, SYSTEM_METRICS
from events.errors import Rejected
from serve.ingest.money import CURRENCY_EXPONENT

SECOND = 1_000_000
SECRETS = "secrets"
"""The folder of the data directory that has a file for each secret which a definition names."""
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
    interactions = user_interactions(int(settings.collectors.bound_s * SECOND), settings.collectors.dedup_window)
    notified = channels(settings, data / SECRETS)
    found = [
        CellSpec("collectors", interactions, tenant, Push()),
        CellSpec("collectors", control(), tenant, Push(guarded=False)),
        CellSpec("analyzers", MetricsAnalyzer(former=metrics), tenant),
        CellSpec("analyzers", AnomalyAnalyzer(former=anomalies), tenant),
        CellSpec("dashboards", UserActivity(), tenant),
        CellSpec("dashboards", SystemHealth(), tenant),
        CellSpec("dashboards", AlertSystem(), tenant),
        CellSpec("alerts", AlertEvaluator(int(settings.collectors.bound_s * SECOND), _wording(settings, page)), tenant),
        CellSpec("edges", PullCollector("clock", CLOCK), tenant, Polled(Clock)),
        CellSpec("edges", Directory(), tenant),
        CellSpec("edges", Backfill(), tenant, FoldPasts()),
        CellSpec("edges", Notifier(tuple(notified)), tenant, Notify(notified, data / SECRETS)),
    ]
    if settings.sources.machine.enabled:
        machine = Polled(partial(Machine, data), settings.sources.machine.every_s)
        found.append(CellSpec("collectors", PullCollector("system_metrics", SYSTEM_METRICS), tenant, machine))
    if settings.archive.enabled:
        kept = settings.archive
        bounds = ArchiveBounds(kept.segment_rows, trim=kept.trim, hot_s=kept.hot_h * 3600)
        found.append(CellSpec("edges", Archiver(), tenant, Archive(bounds)))
    return tuple(found)


def _watched(anomaly: Anomaly, metrics: tuple[MetricSpec, ...]) -> AnomalySpec:
    of = tuple(spec.definition for spec in metrics if spec.name == anomaly.metric or spec.named_by is not None)
    return AnomalySpec(anomaly.metric, anomaly.aggregate, anomaly.false_alarms_per_week, tuple(sorted(of)))


def _wording(settings: Settings, page: str) -> Wording:
    address = settings.server.public_url
    return Wording({}, CURRENCY_EXPONENT, str(address).rstrip("/") if address else page)


def channels(settings: Settings, secrets: Path) -> dict[str, Channel]:
    """The notification channels by name; ``dashboard`` is always there. ``secrets``: the folder of the secrets named."""
    found: dict[str, Channel] = {"dashboard": DashboardChannel()}
    for channel in settings.channels:
        if isinstance(channel, WebhookSection):
            found[channel.name] = WebhookChannel(str(channel.url), _secret(channel, secrets))
        else:
            found[channel.name] = DashboardChannel()
    return found


def _secret(channel: WebhookSection, folder: Path) -> str:
    """The secret itself. Raises ``Rejected`` where the environment that is named does not have it, or has another text."""
    said = channel.secret.get_secret_value()
    where = f"channels.{channel.name}.secret"
    if said == IN_CONFIGURATION:
        raise Rejected(where, "stands for a secret that is kept elsewhere; write the secret, `env:NAME` or `file:NAME`")
    if channel.reference == IN_CONFIGURATION:
        return said
    try:
        return secret_at(said, folder)
    except Rejected as error:
        raise Rejected(where, error.reason) from None
