"""The engine's face: collect from every source, process in one of three modes, analyse event by event."""

from hindcast.engine.alerting import Alert, AlertHistory, AlertRule, AlertRuleManager, AlertSystem
from hindcast.engine.analyzers import DescriptiveAnalyzer, PredictiveAnalyzer, PrescriptiveAnalyzer
from hindcast.engine.collecting import GROUPS, Collected, SourceStatus, collect
from hindcast.engine.engine import AnalyticsEngine
from hindcast.engine.merging import DataMerger
from hindcast.engine.processing import BatchProcessor, RealTimeProcessor, StreamProcessor
from hindcast.engine.real_time import RealTimeAnalysis

__all__ = [
    "GROUPS",
    "Alert",
    "AlertHistory",
    "AlertRule",
    "AlertRuleManager",
    "AlertSystem",
    "AnalyticsEngine",
    "BatchProcessor",
    "Collected",
    "DataMerger",
    "DescriptiveAnalyzer",
    "PredictiveAnalyzer",
    "PrescriptiveAnalyzer",
    "RealTimeAnalysis",
    "RealTimeProcessor",
    "SourceStatus",
    "StreamProcessor",
    "collect",
]
