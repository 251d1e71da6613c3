"""Predictive models as the product serves them: six kinds with their labels, intervals, reasons and scenarios."""

from analytics.predictive.campaign import CampaignPerformanceModel
from analytics.predictive.content import ContentOptimizationModel
from analytics.predictive.customers import CustomerValueModel
from analytics.predictive.model import Evidence, Input, Label, PredictiveModel
from analytics.predictive.probability import ChurnPredictionModel, ConversionPredictionModel, UserRetentionModel
from analytics.predictive.revenue import RevenueForecastingModel
from analytics.predictive.scenarios import scenarios
from analytics.predictive.table import TablePredictor

MODELS: dict[str, type[PredictiveModel]] = {
    "user_retention": UserRetentionModel,
    "conversion_prediction": ConversionPredictionModel,
    "churn_prediction": ChurnPredictionModel,
    "revenue_forecasting": RevenueForecastingModel,
    "campaign_performance": CampaignPerformanceModel,
    "content_optimization": ContentOptimizationModel,
}
"""The six kinds by their names."""

__all__ = [
    "MODELS",
    "CampaignPerformanceModel",
    "ChurnPredictionModel",
    "ContentOptimizationModel",
    "ConversionPredictionModel",
    "CustomerValueModel",
    "Evidence",
    "Input",
    "Label",
    "PredictiveModel",
    "RevenueForecastingModel",
    "TablePredictor",
    "UserRetentionModel",
    "scenarios",
]
