"""Talk to a running Hindcast from Python: ``Client``, and ``AsyncClient`` for asyncio.

>>> client = Client.local("data")  # doctest: +SKIP
>>> client.send([{"type": "order.placed", "subject": "u1", "data": {"revenue": 12.5}}])  # doctest: +SKIP
>>> client.query("SELECT type, count(*) AS n FROM user_interactions GROUP BY 1")  # doctest: +SKIP

Both try again, with growing pauses or as long as the server asks, when it says “not now” or cannot be reached. Events
carry the same ids every time, so a repeat counts once.
"""

from __future__ import annotations

from hindcast.client.answers import (
    Answer,
    Backtest,
    Behind,
    Definition,
    DefinitionChange,
    DefinitionVersion,
    FailedNotification,
    Key,
    MadeKey,
    MadeRule,
    OptimizedAnswer,
    PlugInStatus,
    PulledStatus,
    Readiness,
    Receipt,
    Result,
    Rows,
    Rule,
    Sample,
    SourceStatus,
    Status,
    StreamStatus,
    Topic,
    TopicData,
    Verdict,
)
from hindcast.client.asynchronous import AsyncClient
from hindcast.client.exchange import ApiError, Unreachable
from hindcast.client.synchronous import Client

__all__ = [
    "Answer",
    "ApiError",
    "AsyncClient",
    "Backtest",
    "Behind",
    "Client",
    "Definition",
    "DefinitionChange",
    "DefinitionVersion",
    "FailedNotification",
    "Key",
    "MadeKey",
    "MadeRule",
    "OptimizedAnswer",
    "PlugInStatus",
    "PulledStatus",
    "Readiness",
    "Receipt",
    "Result",
    "Rows",
    "Rule",
    "Sample",
    "SourceStatus",
    "Status",
    "StreamStatus",
    "Topic",
    "TopicData",
    "Unreachable",
    "Verdict",
]
