"""How each of the six predictive models is trained: a fixed quick recipe first, a search within a budget where wanted."""

from collections.abc import Callable
from typing import Any

from tuning.models.campaign import train_campaign_performance
from tuning.models.content import train_content_optimization
from tuning.models.customers import train_customer_value
from tuning.models.headlines import train_headlines
from tuning.models.probability import train_churn_prediction, train_conversion_prediction, train_user_retention
from tuning.models.revenue import train_revenue_forecasting
from tuning.models.trained import Trained

TRAINERS: dict[str, Callable[..., Trained[Any]]] = {
    "user_retention": train_user_retention,
    "conversion_prediction": train_conversion_prediction,
    "churn_prediction": train_churn_prediction,
    "revenue_forecasting": train_revenue_forecasting,
    "campaign_performance": train_campaign_performance,
    "content_optimization": train_content_optimization,
}
"""By the name of the model that each makes."""

__all__ = [
    "TRAINERS",
    "Trained",
    "train_campaign_performance",
    "train_churn_prediction",
    "train_content_optimization",
    "train_conversion_prediction",
    "train_customer_value",
    "train_headlines",
    "train_revenue_forecasting",
    "train_user_retention",
]
