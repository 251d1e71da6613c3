"""The parts of this installation: Hindcast's own, each with its module, and those of installed packages."""

from __future__ import annotations

from functools import cache

from actors.dashboards import (
    alert_system,
    business_metrics,
    campaign_performance,
    forecasts,
    insights,
    revenue_tracking,
    system_health,
    user_activity,
)
from actors.edges.channels import part as channels
from actors.edges.sources import clock, machine
from actors.models import part as models
from actors.parts import Part, Parts, installed
from serve.otlp import part as otlp
from serve.posthog import part as posthog
from serve.sources import campaigns, feed, file, http, kafka, logs, prometheus, redis, sql, websocket
from serve.webhooks import part as webhooks
from serve.website import part as website

BUILT_IN: tuple[Part, ...] = (
    channels.PART,
    clock.PART,
    machine.PART,
    file.PART,
    campaigns.PART,
    prometheus.PART,
    http.PART,
    sql.PART,
    feed.PART,
    logs.PART,
    kafka.PART,
    redis.PART,
    websocket.PART,
    webhooks.PART,
    otlp.PART,
    posthog.PART,
    website.PART,
    user_activity.PART,
    system_health.PART,
    alert_system.PART,
    insights.PART,
    models.PART,
    forecasts.PART,
    business_metrics.PART,
    revenue_tracking.PART,
    campaign_performance.PART,
)


@cache
def parts() -> Parts:
    """All parts; packages are looked through once a process."""
    return installed(BUILT_IN)
