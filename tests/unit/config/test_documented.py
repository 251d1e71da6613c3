"""Every setting has its place in docs/configuring.md, with its default: what is not told there cannot be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from actors.definitions.anomaly import Anomaly
from actors.definitions.channel_kinds import WebhookChannel
from actors.definitions.correlation import Correlation
from actors.definitions.dashboard import Dashboard, Widget
from actors.definitions.metric import Metric
from actors.definitions.query import Query
from actors.definitions.trend import Trend
from actors.edges.sources.machine import MachineSection
from config.sections import ArchiveSection, Collectors, Fetching, LogBounds, Queries, Retention, Server
from config.settings import Document
from serve.sources.feed import FeedSection, MastodonSection
from serve.sources.fetching import Auth
from serve.sources.file import FileSection
from serve.sources.http_settings import HttpSection, Pages, Since
from serve.sources.kafka_settings import KafkaSection
from serve.sources.logs import AccessLogSection, LogsSection
from serve.sources.prometheus import PrometheusSection
from serve.sources.redis_settings import RedisSection
from serve.sources.sql_settings import SqlSection
from serve.sources.websocket_settings import Resume, WebSocketSection
from serve.webhooks.part import Endpoint

PAGES = Path(__file__).parents[3] / "docs"
PAGE = (PAGES / "configuring.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("model", "prefix"),
    [
        (Document, ""),
        (Server, "server."),
        (LogBounds, "log."),
        (ArchiveSection, "archive."),
        (Retention, "archive.retention.*."),
        (Collectors, "collectors."),
        (Queries, "queries."),
        (Fetching, "fetching."),
        (MachineSection, "sources.machine."),
        (FileSection, ""),
        (Metric, ""),
        (Anomaly, ""),
        (Trend, ""),
        (Correlation, ""),
        (Query, ""),
        (WebhookChannel, ""),
        (Dashboard, ""),
        (Widget, ""),
    ],
)
def test_every_setting_is_told(model: type[BaseModel], prefix: str) -> None:
    settings = {"server", "log", "archive", "collectors", "queries", "fetching", "sources"}
    sections = settings if model is Document else set[str]()
    missing = [name for name in model.model_fields if name not in sections and f"`{prefix}{name}`" not in PAGE]
    assert [name for name in missing if f"`{name}: " not in PAGE] == []


@pytest.mark.parametrize(
    "model",
    [
        PrometheusSection, HttpSection, Pages, Since, SqlSection, FeedSection, MastodonSection, LogsSection,
        AccessLogSection, Auth, Endpoint, KafkaSection, RedisSection, WebSocketSection, Resume,
    ],
)  # fmt: skip
def test_every_setting_of_a_source_is_told(model: type[BaseModel]) -> None:
    page = (PAGES / "sources.md").read_text(encoding="utf-8")
    told = set(re.findall(r"[`{ ]([a-z_]+)[`:]", page))
    assert set(model.model_fields) - told == set()


@pytest.mark.parametrize(
    ("model", "prefix"),
    [
        (Server, "server."),
        (LogBounds, "log."),
        (Collectors, "collectors."),
        (Queries, "queries."),
        (Metric, ""),
        (Anomaly, ""),
        (Trend, ""),
        (Correlation, ""),
        (Query, ""),
    ],
)
def test_numbers_are_the_defaults(model: type[BaseModel], prefix: str) -> None:
    for name, field in model.model_fields.items():
        if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
            line = next(line for line in PAGE.splitlines() if line.startswith("|") and f"`{prefix}{name}`" in line)
            assert f"{field.default:g}" in line.replace(",", "") or f"{field.default}" in line.replace(",", ""), name
