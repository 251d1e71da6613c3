"""The gateway's way to the models: which versions answer, calls that survive a replica's death, and the record."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.models.registry import TOPIC
from events.errors import Rejected, Transient
from events.nearest import did_you_mean
from serve.batching import CollectorBatching
from serve.copies import TopicCopies
from serve.hosts import Hosts
from serve.predicting.calls import ModelCalls, Replicas
from serve.predicting.cases import Answer, Item, Wrong
from serve.predicting.recording import Recorder, Told, features_of, figures, spread
from serve.predicting.variants import Variant, chosen, sampled, shadows
from serve.problems import Missing

logger = logging.getLogger(__name__)
MOVE_S = 20.0
"""How long a request waits for a deployment that is beginning."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """One answered request."""

    model: str
    version: int
    variant: str
    answer: Answer
    ids: list[str]
    """Of each answered row: the event that records it; empty where it is not recorded."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request for predictions. ``keys``: whom each row is about; ``cut``: the moment that features of the log are of."""

    item: Item
    keys: list[str | None]
    level: float = 0.9
    cut: str | None = None


class Predictor:
    """What a gateway replica knows of models: followed from the registry, asked through ``replicas``."""

    def __init__(self, hosts: Hosts, tenant: str, answered: CollectorBatching, replicas: Replicas) -> None:
        """``answered``: what commits rows of ``predictions``."""
        self.copies = TopicCopies(hosts, tenant, f"{tenant}/model_registry/0", (TOPIC,))
        self.calls = ModelCalls(replicas)
        self._recorder = Recorder(answered)
        self._beside: set[asyncio.Task[None]] = set()

    async def follow(self) -> None:
        """Run for the life of the replica."""
        await self.copies.follow("models")

    async def models(self) -> Mapping[str, Any]:
        """All models, by name, as the registry shows them; asked anew where nothing is known yet."""
        if not self.copies[TOPIC]:
            await self.copies.refresh()
        return self.copies[TOPIC]

    async def model(self, name: str) -> Mapping[str, Any]:
        """Raises ``Missing`` with the models that there are."""
        found = (await self.models()).get(name)
        if found is None:
            await self.copies.refresh()  # it may be new
            found = self.copies[TOPIC].get(name)
        if found is None:
            known = sorted(self.copies[TOPIC])
            listed = ", ".join(known) or "none yet: `hindcast train` makes one"
            raise Missing("model", f"there is no model {name!r}{did_you_mean(name, known)}; there are {listed}")
        return found

    async def predict(self, name: str, question: Question) -> Predicted:
        """Ask the version that answers this request, record what it said, and let the shadows answer, too.

        Raises ``Missing``, ``Rejected`` (the rows are wrong) and ``Transient``.
        """
        model = await self.deployed(name)
        live = model["live"]
        variant = chosen(name, live["variants"], next((k for k in question.keys if k is not None), None))
        try:
            answer = await self._asked(model, variant, question)
        except Transient as error:
            await self._failed(model, variant, str(error))
            raise
        ids = await self._record(model, variant, question, answer)
        for shadow in shadows(live["variants"]):
            task = asyncio.create_task(self._in_shadow(model, shadow, question))
            self._beside.add(task)
            task.add_done_callback(self._beside.discard)
        return Predicted(name, variant["number"], variant["name"], answer, ids)

    async def explain(self, name: str, question: Question, number: int) -> list[dict[str, float]]:
        """By how much each feature moves each prediction. Raises as ``predict``."""
        model = await self.model(name)
        found = await self.calls.explain(_version(model, number)["sha256"], question.item)
        if isinstance(found, Wrong):
            raise Rejected(_where(found), found.reason)
        return found

    async def deployed(self, name: str) -> Mapping[str, Any]:
        """The model with a deployment that is watched. One that is about to be is waited for."""
        deadline = time.monotonic() + MOVE_S
        model = await self.model(name)
        while model["live"] is None:
            if model["wanted"] is None:
                await self.copies.refresh()
                model = await self.model(name)
                if model["wanted"] is None:
                    raise Missing(
                        "model", f"{name!r} is not deployed; deploy a version with `PUT /v1/models/{name}/deployment`"
                    )
            if time.monotonic() > deadline:
                raise Transient(f"{name!r} is being deployed: its monitoring has not started yet", 1.0)
            await asyncio.sleep(0.05)
            await self.copies.refresh()
            model = await self.model(name)
        return model

    async def _asked(self, model: Mapping[str, Any], variant: Variant, question: Question) -> Answer:
        version, config = _version(model, variant["number"]), model["live"]["config"]
        shown = bool(config.get("record_features", True))
        self.calls.widen(int(config.get("autoscaling", {}).get("max_replicas", 1)))
        found = await self.calls.predict(version["sha256"], question.item, question.level, shown)
        if isinstance(found, Wrong):
            raise Rejected(_where(found), found.reason)
        return found

    # -- the record ------------------------------------------------------------------------------------------------

    async def _record(
        self, model: Mapping[str, Any], variant: Variant, question: Question, answer: Answer
    ) -> list[str]:
        answered = answer.good if answer.good is not None else [*range(answer.rows)]
        share = float(model["live"]["config"].get("sample", 1.0))
        base = secrets.token_hex(8)
        ids = [f"{base}-{row}" for row in answered]
        at = [i for i in spread(len(answered)) if sampled(model["name"], question.keys[answered[i]] or ids[i], share)]
        if not at:
            return [""] * len(ids)
        keys = [question.keys[answered[i]] for i in at]
        columns: dict[str, Any] = {
            "type": "prediction.made",
            "id": [ids[i] for i in at],
            "subject": keys,
            "partition_key": keys,
            "time": time.time_ns() // 1000,
            "model": model["name"],
            "version": variant["number"],
            "variant": variant["name"],
            "shadow": bool(variant["shadow"]),
            "latency_us": answer.took_us,
            "weight": len(answered) / len(at) if len(at) < len(answered) else 1.0,
            "feature_cut": question.cut,
            **figures(answer.columns, at),
        }
        if answer.shown is not None:
            columns["features"] = features_of(answer.shown, at)
        await self._recorder.record(Told(len(at), columns))
        kept = set(at)
        return [id_ if i in kept else "" for i, id_ in enumerate(ids)]

    async def _failed(self, model: Mapping[str, Any], variant: Variant, why: str) -> None:
        """A request that the model's side could not answer. What cannot be recorded now is in the log of the process."""
        columns = {
            "type": "prediction.failed",
            "id": [secrets.token_hex(8)],
            "time": time.time_ns() // 1000,
            "model": model["name"],
            "version": variant["number"],
            "variant": variant["name"],
            "shadow": bool(variant["shadow"]),
            "weight": 1.0,
            "error": why[:500],
        }
        try:
            await self._recorder.record(Told(1, columns))
        except Transient as error:
            logger.warning("a failed prediction of %s is not recorded: %s", model["name"], error)

    async def _in_shadow(self, model: Mapping[str, Any], variant: Variant, question: Question) -> None:
        try:
            answer = await self._asked(model, variant, question)
            await self._record(model, variant, question, answer)
        except (Transient, Rejected) as error:
            await self._failed(model, variant, str(error))


def _version(model: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    return model["versions"][number - 1]


def _where(wrong: Wrong) -> str:
    return wrong.field if wrong.row is None else f"rows.{wrong.row}.{wrong.field}".rstrip(".")
