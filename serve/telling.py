"""Commands: each becomes an event on ``control`` before the request that gave it is answered."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from events.catalog import CONTROL, rows
from serve.batching import Committed
from serve.gateway import Gateway


class Command(NamedTuple):
    type: str
    subject: str
    data: Mapping[str, Any]


async def tell(gateway: Gateway, commands: Sequence[Command], id_: str | None = None) -> Committed:
    """Commit ``commands`` together, all or none; ``id_`` (of one command) makes a repeat harmless."""
    now = time.time_ns() // 1000
    columns = {
        "id": [id_ or secrets.token_hex(16) for _ in commands],
        "source": "gateway",
        "type": [command.type for command in commands],
        "subject": [command.subject for command in commands],
        "time": now,
        "received": now,
        "partition_key": [command.subject for command in commands],
        "data": [orjson.dumps(command.data, option=orjson.OPT_SORT_KEYS).decode() for command in commands],
    }
    return await gateway.control.push(rows(CONTROL, columns, len(commands)), None)
