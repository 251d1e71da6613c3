"""Reading: streams as they are in the log, SQL over them, metrics, alerts, dashboards."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from serve.problems import REFUSALS

router = APIRouter(tags=["read"], responses=REFUSALS)
Limit = Annotated[int, Query(ge=1, le=10_000)]
