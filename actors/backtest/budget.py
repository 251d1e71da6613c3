"""What tuning is asked for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Budget(BaseModel):
    """How often a rule may call somebody."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "rule": {"name": "busy", "condition": "events.count > threshold", "threshold": 100},
                    "pages_per_week": 2,
                }
            ]
        },
    )

    rule: dict[str, Any]
    pages_per_week: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
