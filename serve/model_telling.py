"""What is told to the registry: events on ``models``, and waiting until the registry shows what came of them."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from events.catalog import MODELS, rows
from events.errors import Rejected, Transient
from serve.gateway import Gateway
from serve.predicting.door import Predictor
from serve.problems import Missing

SHOWN_S = 20.0


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of ``models``; ``time`` in µs UTC, None: now."""

    type: str
    subject: str
    data: Mapping[str, Any]
    time: int | None = None


def predictor_of(gateway: Gateway) -> Predictor:
    """Raises ``Missing`` where the part ``models`` is off."""
    if gateway.predictor is None:
        raise Missing("models", "are off here: the configuration says `parts: {models: {enabled: false}}`")
    return gateway.predictor


async def tell(gateway: Gateway, facts: Sequence[Fact], source: str) -> str:
    """Commit facts; answers the place of the first one (``producer:offset``). Raises ``Transient``."""
    now = time.time_ns() // 1000
    columns = {
        "id": [secrets.token_hex(12) for _ in facts],
        "source": source,
        "type": [fact.type for fact in facts],
        "subject": [fact.subject for fact in facts],
        "partition_key": [fact.subject for fact in facts],
        "time": [fact.time or now for fact in facts],
        "received": now,
        "data": [json.dumps(fact.data, sort_keys=True) for fact in facts],
    }
    committed = await gateway.collector(MODELS.name).push(rows(MODELS, columns, len(facts)), None)
    return f"{gateway.spec.tenant}/{MODELS.name}/0:{committed.offset}"


async def shown(predictor: Predictor, name: str, holds: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
    """The model once the registry shows that ``holds``. Raises ``Transient`` where it does not in time."""
    deadline = time.monotonic() + SHOWN_S
    while True:
        found = predictor.copies["models"].get(name)
        if found is not None and holds(found):
            return found
        if time.monotonic() > deadline:
            raise Transient("accepted, but not yet in effect; look again in a moment", 1.0)
        await asyncio.sleep(0.01)
        await predictor.copies.refresh()


def number_of(model: Mapping[str, Any], asked: str | int) -> int:
    """The number of a version that is named by number, alias, version or model id. Raises ``Missing``."""
    text = str(asked)
    if text in model["aliases"]:
        return int(model["aliases"][text])
    for version in reversed(model["versions"]):
        if text in (str(version["number"]), version.get("version"), version.get("model_id")):
            return int(version["number"])
    known = ", ".join([*sorted(model["aliases"]), *(str(v["number"]) for v in model["versions"])])
    raise Missing("version", f"{model['name']} has no version {text!r}; there are {known}")


def approved(gateway: Gateway, model: Mapping[str, Any], numbers: Sequence[int]) -> None:
    """Raises ``Rejected`` where a version must be approved first."""
    bounds = gateway.spec.models
    for number in numbers if bounds is not None and bounds.require_approval else ():
        if model["versions"][number - 1]["approved"] is None:
            raise Rejected("version", f"{number} of {model['name']} is not approved yet; `POST …/approve` does that")
