"""Reading: streams as they are in the log, SQL over them, metrics, alerts, dashboards."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from events.catalog import STREAMS
from query.engine import Engine
from query.history import latest_rows, rows_after
from serve.backstage import Backstage, backstage, principal
from serve.problems import REFUSALS, Missing

router = APIRouter(tags=["read"], responses=REFUSALS)
Limit = Annotated[int, Query(ge=1, le=10_000)]
