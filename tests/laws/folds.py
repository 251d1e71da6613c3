"""Every fold there is. A new one joins by one line: how to make it, what it reads, and what the world tells it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from actors.alerts.evaluator import AlertEvaluator
from actors.analyzers.anomaly import AnomalyAnalyzer
from actors.analyzers.correlations import CorrelationAnalyzer
from actors.analyzers.features import FeatureKeeper
from actors.analyzers.identity import IdentityAnalyzer
from actors.analyzers.metrics import MetricsAnalyzer
from actors.analyzers.rollups import RollupAnalyzer
from actors.analyzers.sessions import SessionAnalyzer
from actors.analyzers.trends import TrendAnalyzer
from actors.backfill import Backfill
from actors.collectors.arrivals import Part
from actors.collectors.imports import ImportCollector
from actors.collectors.pull import PullCollector
from actors.collectors.push import Arrivals, control, marks, user_interactions
from actors.dashboards.alert_system import AlertSystem
from actors.dashboards.business_metrics import BusinessMetrics
from actors.dashboards.campaign_performance import CampaignPerformance
from actors.dashboards.forecasts import ForecastView
from actors.dashboards.insights import Insights
from actors.dashboards.revenue_tracking import RevenueTracking
from actors.dashboards.system_health import SystemHealth
from actors.dashboards.user_activity import UserActivity
from actors.directory import Directory
from actors.fold import Fold, Outputs
from actors.forecasting import Forecasting
from actors.models.experiments import ExperimentTracker
from actors.models.monitor import ModelMonitor
from actors.models.registry import ModelRegistry
from actors.notifier import Notifier, Outcome
from actors.retelling import Place, Retelling
from events.catalog import CLOCK, FORECASTS, SYSTEM_METRICS, USER_INTERACTIONS, rows
from tests.laws.feeds import Feed, feeds
from tests.laws.toys import Alarm, Brittle, Door, Tally, Windows

Told = tuple[Any, Outputs, Any]
NOTHING: st.SearchStrategy[list[Feed]] = st.just([])


class Case(NamedTuple):
    """A fold and its input."""

    make: Callable[[], Any]
    reads: st.SearchStrategy[list[Feed]] | None = None
    """Entries of the streams that it reads."""
    told: st.SearchStrategy[list[Feed]] | None = None
    """What the world tells a recorded fold, one request or result a feed."""
    record: Callable[[Any, Any, Feed], Told] | None = None
    """(fold, state, feed) -> (state, outputs, answer), as ``Cell.record`` wants it."""

    tells: str = ""
    """The stream of what the world tells, where that is not the first one that the fold reads, or else writes."""

    @property
    def stream_told(self) -> str:
        fold: Fold[Any] = self.make()
        return self.tells or (fold.reads or fold.writes)[0]

    @property
    def reads_or_nothing(self) -> st.SearchStrategy[list[Feed]]:
        return NOTHING if self.reads is None else self.reads

    @property
    def told_or_nothing(self) -> st.SearchStrategy[list[Feed]]:
        return NOTHING if self.told is None else self.told

    @property
    def name(self) -> str:
        fold: Fold[Any] = self.make()
        return fold.name


def toy_admits(fold: Door, state: Any, feed: Feed) -> Told:
    return fold.admit(state, feed.table)


def push_admits(fold: Any, state: Any, feed: Feed) -> Told:
    """A request; or, where there is none, the clock's word that nothing comes."""
    if feed.table.num_rows == 0:
        return fold.idle(state, feed.committed + 60_000_000)
    state, outputs, verdict = fold.admit(state, Arrivals(feed.table, None))
    return state, outputs, verdict.tolist()


def import_admits(fold: ImportCollector, state: Any, feed: Feed) -> Told:
    """The next rows of an import."""
    first = fold.progress(state, "file").rows
    part = Part("file", first, first + feed.table.num_rows)
    state, outputs, verdict = fold.admit(state, Arrivals(feed.table, None, part), part, feed.committed)
    return state, outputs, verdict.tolist()


def tells_again(fold: Retelling, state: Any, feed: Feed) -> Told:
    """Windows of the first metric; of one that is gone where there is none."""
    name, metric = next(iter(sorted(state.metrics.items())), ("gone", None))
    return fold.tell(state, Place(name, metric.cause if metric else "", "file", feed.committed), feed.table)


def foresees(fold: Forecasting, state: Any, feed: Feed) -> Told:
    """Rows of the first forecast that is asked for, and of one that nobody asks for."""
    name, watched = next(iter(sorted(state.watched.items())), ("gone", None))
    columns = {**feed.table.to_pydict(), "watch": name, "cause": watched.cause if watched else ""}
    return fold.tell(state, rows(FORECASTS, columns, feed.table.num_rows))


def pull_admits(fold: Any, state: Any, feed: Feed) -> Told:
    return fold.admit(state, feed.table)


def pull_admits_places(fold: Any, state: Any, feed: Feed) -> Told:
    """A read that says where the next one begins; now and then one that moves on without a row."""
    ids = [id_ for id_ in feed.table.column("id").to_pylist() if id_]
    return fold.admit(state, feed.table, f"after {ids[-1]}".encode() if ids else None)


def settles(fold: Notifier, state: Any, feed: Feed) -> Told:
    """The oldest message that is owed was sent, put off or given up; nothing happens where none is."""
    if not state.owed:
        return state, Outputs(), None
    key, at = next(iter(state.owed)), feed.committed
    kinds = (
        Outcome(key, "sent", at),
        Outcome(key, "deferred", at, "HTTP 503", at + 1_000_000, hold=at % 2 == 0),
        Outcome(key, "failed", at, "HTTP 410"),
    )
    return fold.settle(state, [kinds[feed.table.num_rows % 3]])


EXPECTED = {"user_interactions": ("t/user_interactions/0", "t/user_interactions/1")}
METRICS_READ = (
    "control", "user_interactions", "system_metrics", "dead_letters", "idle_producers", "clock", "pasts"
)  # fmt: skip


def tells_a_past(fold: Backfill, state: Any, feed: Feed) -> Told:
    """Something of the oldest past that is wanted; nothing where none is."""
    if not state:
        return state, Outputs(), None
    job = next(iter(state.values()))
    type_ = ("past.folding", "past.part", "past.folded")[feed.table.num_rows % 3]
    said = {"kind": job.kind, "name": job.name, "version": job.version, "cut": job.cut}
    row = {"type": type_, "subject": f"{job.kind}/{job.name}", "partition_key": job.cell, "data": json.dumps(said)}
    return fold.told(state, [{**row, "time": feed.committed}])


FIRM: dict[str, Any] = {
    "name": "firm",
    "domain": "marketing",
    "revenue": "order.placed",
    "refunds": {"event": "events", "where": [{"name": "plan", "op": "exists"}]},
    "spend": "user.aliased",
    "eligible": {"where": [{"name": "plan", "value": "pro"}]},
    "converted": ["order.placed", "user.grouped"],
    "segments": [{"name": "plan", "of": "plan"}],
    "campaigns": {"of": "type", "sent": {"where": []}, "converted": {"event": "order.placed", "of": "value"},
                  "spend": "order.placed"},
}  # fmt: skip
FIRM_READS = ("control", "user_interactions", "clock")

FOLDS: list[Case] = [
    # toys
    Case(Door, told=feeds("user_interactions"), record=toy_admits),
    Case(Windows, feeds("user_interactions")),
    Case(lambda: Alarm("alarm"), feeds("metrics")),
    Case(lambda: Tally("tally"), feeds("user_interactions", "clock")),
    Case(lambda: Brittle("brittle"), feeds("user_interactions")),
    # products
    Case(lambda: user_interactions(least=64), told=feeds("user_interactions"), record=push_admits),
    Case(control, told=feeds("control"), record=push_admits),
    Case(marks, told=feeds("annotations"), record=push_admits),
    Case(lambda: PullCollector("machine", SYSTEM_METRICS), told=feeds("system_metrics"), record=pull_admits),
    Case(lambda: PullCollector("clock", CLOCK), told=feeds("clock"), record=pull_admits),
    Case(
        lambda: PullCollector("file", USER_INTERACTIONS, refuses=True),
        told=feeds("user_interactions"),
        record=pull_admits_places,
    ),
    Case(lambda: Notifier(("dashboard", "webhook")), feeds("outbox", "control"), told=feeds("outbox"), record=settles),
    Case(Directory, feeds("control", "past_requests", "pasts")),
    Case(lambda: MetricsAnalyzer(most_held=40), feeds(*METRICS_READ, entries=30)),
    Case(
        lambda: MetricsAnalyzer(most_held=40, expected=EXPECTED),
        feeds("control", "user_interactions", "idle_producers", "pasts", entries=30),
    ),
    Case(lambda: AnomalyAnalyzer(most_held=20), feeds("control", "metrics", "pasts", entries=25)),
    Case(lambda: RollupAnalyzer(16), feeds("metrics", "past_metrics", entries=30)),
    Case(TrendAnalyzer, feeds("control", "metrics", "past_metrics", entries=30, most_rows=30)),
    Case(CorrelationAnalyzer, feeds("control", "metrics", "past_metrics", entries=30, most_rows=30)),
    Case(
        SessionAnalyzer,
        feeds("control", "user_interactions", "website_analytics", "idle_producers", "clock", entries=40, most_rows=20),
    ),
    Case(lambda: SessionAnalyzer(EXPECTED), feeds("control", "user_interactions", "idle_producers", entries=40)),
    Case(IdentityAnalyzer, feeds("control", "user_interactions", entries=30, most_rows=20)),
    Case(
        lambda: FeatureKeeper(most_events=12, most_bytes=1_500, room_every=8),
        feeds("control", "pasts", "user_interactions", "website_analytics", entries=40, most_rows=20),
    ),
    Case(lambda: ImportCollector(64), told=feeds("user_interactions"), record=import_admits),
    Case(Retelling, feeds("control", "imports"), told=feeds("past_metrics"), record=tells_again, tells="past_metrics"),
    Case(Forecasting, feeds("control"), told=feeds("forecasts"), record=foresees, tells="forecasts"),
    Case(Backfill, feeds("past_requests"), told=feeds("pasts"), record=tells_a_past, tells="pasts"),
    Case(AlertEvaluator, feeds("control", "metrics", "clock", entries=25)),
    Case(AlertSystem, feeds("alerts", "clock", "control")),
    Case(Insights, feeds("insights")),
    Case(ModelRegistry, feeds("models", entries=25)),
    Case(ExperimentTracker, feeds("models")),
    Case(ModelMonitor, feeds("models", "predictions", entries=40, most_rows=20)),
    Case(ForecastView, feeds("forecasts")),
    Case(SystemHealth, feeds("system_metrics", "user_interactions", "late_rows", "clock")),
    Case(lambda: BusinessMetrics((FIRM,)), feeds(*FIRM_READS)),
    Case(lambda: RevenueTracking((FIRM,)), feeds(*FIRM_READS)),
    Case(lambda: CampaignPerformance((FIRM,)), feeds(*FIRM_READS)),
    Case(UserActivity, feeds("user_interactions", "dead_letters", "anomalies", "clock")),
]
