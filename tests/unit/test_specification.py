"""``docs/specification.md`` maps the whole specification, and names nothing that is not there."""

from __future__ import annotations

import re
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "specification.md").read_text()
NAMES = sorted(set(re.findall(r"`((?:events|analytics|query|actors|tuning|serve|config|hindcast)(?:\.\w+)+)`", TEXT)))
NAMED_THERE = """
    AnalyticsEngine UserBehaviorCollector SystemMetricsCollector BusinessMetricsCollector ExternalDataCollector
    RealTimeProcessor BatchProcessor StreamProcessor DescriptiveAnalyzer PredictiveAnalyzer PrescriptiveAnalyzer
    DashboardVisualizer ReportGenerator AlertSystem DataCollectionSystem UserInteractionTracker SystemLogCollector
    APIMetricsCollector BusinessEventTracker ExternalAPICollector SocialMediaDataCollector EmailCampaignTracker
    WebAnalyticsCollector DataValidator DataMerger KafkaStreamProcessor RedisStreamProcessor WebSocketProcessor
    AnomalyDetector TrendAnalyzer CorrelationAnalyzer PredictiveAnalytics UserRetentionModel ConversionPredictionModel
    ChurnPredictionModel RevenueForecastingModel CampaignPerformanceModel ContentOptimizationModel UserFeatureEngineer
    BehavioralFeatureEngineer TemporalFeatureEngineer ContextualFeatureEngineer MLModelManager ModelRegistry
    ExperimentTracker ModelMonitor AutoML ModelDeployment RealTimeDashboard UserActivityWidget SystemHealthWidget
    BusinessMetricsWidget CampaignPerformanceWidget RevenueTrackingWidget AlertWidget WebSocketManager DataRefresher
    Dashboard AlertRuleManager EmailNotifier SMSNotifier SlackNotifier WebhookNotifier DashboardNotifier AlertHistory
    AlertRule Alert ExecutiveDashboard KPITracker ComparisonEngine OperationalDashboard SystemMonitor PerformanceTracker
    ErrorTracker AutoMLPipeline DataPreprocessor FeatureSelector ModelTrainer HyperparameterOptimizer ModelEvaluator
    ModelPerformanceMonitor DriftDetector AccuracyMonitor AnalyticsOptimizer QueryOptimizer CacheManager IndexOptimizer
    DataPartitioner CompleteAnalyticsSystem
"""
CLASSES = NAMED_THERE.split()


@pytest.mark.parametrize("name", NAMES)
def test_each_name_it_gives_imports(name: str) -> None:
    parts = name.split(".")
    for depth in range(len(parts), 0, -1):
        try:
            module = import_module(".".join(parts[:depth]))
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
            continue
        reduce(getattr, parts[depth:], module)
        return
    pytest.fail(f"{name} is no module of ours")


def test_every_item_is_mapped_once() -> None:
    numbers = [int(n) for n in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)]
    assert numbers == list(range(1, 57))


def test_every_class_of_the_specification_is_mapped() -> None:
    missing = [name for name in CLASSES if not re.search(rf"\b{name}\b", TEXT)]
    assert missing == []


def test_every_item_says_what_stands() -> None:
    for line in TEXT.splitlines():
        if re.match(r"\| \d+ \|", line):
            assert re.search(r"\| (built|partly|planned) \|", line), line
