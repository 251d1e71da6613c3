"""Notifications that were given up: which they are, and how to send them again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from serve.gateway import gateway_of, principal
from serve.problems import REFUSALS, Missing
from serve.routes.commands import command
from serve.routes.read import sql_answer

router = APIRouter(tags=["commands"], responses=REFUSALS)
MOST = 10_000
FAILED = f"""
WITH newest AS (
  FROM notifications QUALIFY 1 = row_number() OVER (PARTITION BY idempotency_key ORDER BY time DESC NULLS LAST)
), resent AS (
  SELECT subject AS idempotency_key, max(time) AS at FROM control WHERE type = 'notification.resent' GROUP BY 1
)
SELECT n.idempotency_key, n.channel, n.subject AS alert, n.attempts, n.error, n.time, any_value(o.body) AS body
FROM newest n JOIN outbox o USING (idempotency_key) LEFT JOIN resent r USING (idempotency_key)
WHERE n.type = 'notification.failed' AND (r.at IS NULL OR n.time IS NULL OR r.at < n.time)
GROUP BY ALL ORDER BY n.time DESC LIMIT {MOST}
"""


class Failed(BaseModel):
    """``key`` names the message, in the ``webhook-id`` of its delivery, too; ``body`` is its JSON."""

    key: str
    channel: str
    alert: str | None
    attempts: int
    error: str | None
    time: str | None
    body: str


class AllFailed(BaseModel):
    notifications: list[Failed]


@router.get("/v1/notifications/failed", response_model=AllFailed)
async def failed(request: Request) -> AllFailed:
    """Messages that were given up and not sent again since, newest first; the newest 10,000 can be sent again."""
    await principal(request, "query")
    return AllFailed(notifications=[Failed(**row) for row in await _failed(request)])


@router.post("/v1/notifications/{key:path}/resend", status_code=202)
async def resend(request: Request, key: str) -> Response:
    """Send a message that was given up again, under the same key; what comes of it is in ``notifications``."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    if key not in {row["key"] for row in await _failed(request)}:
        raise Missing("key", f"no message {key!r} was given up; GET /v1/notifications/failed lists those that were")
    await command(gateway, "notification.resent", key, {"by": who.name})
    return Response(status_code=202)


async def _failed(request: Request) -> list[dict[str, Any]]:
    answer = await sql_answer(request, FAILED, MOST, commands=True)
    names = ["key", *(column.name for column in answer.columns[1:])]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]
