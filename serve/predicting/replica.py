"""A replica that holds several models, and answers many requests by one call of a model.

Models are read by the hash that the registry recorded; what is not that file, or holds a type that is not on our list, is
refused. Nothing is fetched and nothing unpickled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analytics.models.schema import WrongInput
from analytics.predictive.model import PredictiveModel
from serve.predicting.artifacts import Artifacts
from serve.predicting.cases import Answer, Columns, Item, Wrong, answered, columns_of, joined, plain

AT_ONCE = 2_000
"""Rows up to which a model answers in the event loop: a thread would cost more."""
MOST_SHOWN = 1_000
"""Rows of which is told what the model was shown."""


class Models:
    """The models of one replica by hash. ``most``: beyond, the one that was not asked for longest makes room."""

    def __init__(self, folder: Path, most: int) -> None:
        self._artifacts = Artifacts(folder)
        self._most = most
        self._held: dict[str, PredictiveModel] = {}

    def get(self, sha256: str) -> PredictiveModel:
        """The model; read at the first request. Raises ``Untrusted`` and ``FileNotFoundError``."""
        model = self._held.pop(sha256, None) or self._artifacts.model(sha256)
        self._held[sha256] = model
        while len(self._held) > self._most:
            del self._held[next(iter(self._held))]
        return model

    @property
    def held(self) -> list[str]:
        return [*self._held]


def predict(model: PredictiveModel, items: Sequence[Item], level: float, shown: bool) -> list[Answer | Wrong]:
    """An answer for each request, all rows predicted together. What is wrong with one is told to that one alone."""
    parts: list[tuple[int, Columns, int, list[int] | None, list[Wrong]]] = []
    found: list[Answer | Wrong] = [Wrong("", "was not answered")] * len(items)
    for place, item in enumerate(items):
        try:
            parts.append((place, *columns_of(item, model)))
        except WrongInput as error:
            found[place] = Wrong(error.column, error.reason)
    if not parts:
        return found
    started = time.perf_counter_ns()
    try:
        together = joined([columns for _, columns, *_ in parts]) if _same(parts) else None
        if together is None:
            raise WrongInput("", "tables of different columns are answered one by one")
        total = sum(rows for _, _, rows, _, _ in parts)
        answer = model.answer(together, total, level)
    except WrongInput:
        for place, columns, rows, good, wrong in parts:
            found[place] = _alone(model, columns, rows, good, wrong, level, shown)
        return found
    took = (time.perf_counter_ns() - started) // 1000
    at = 0
    said = {name: plain(values) for name, values in answer.items()}
    for place, columns, rows, good, wrong in parts:
        mine = {name: values[at : at + rows] for name, values in said.items()}
        all_rows = rows + len(wrong)
        found[place] = Answer(mine, all_rows, good, wrong, took, _shown(columns, rows) if shown else None)
        at += rows
    return found


def _same(parts: Sequence[tuple[int, Columns, int, list[int] | None, list[Wrong]]]) -> bool:
    first = parts[0][1].keys()
    return all(columns.keys() == first for _, columns, *_ in parts)


def _alone(
    model: PredictiveModel,
    columns: Columns,
    rows: int,
    good: list[int] | None,
    wrong: list[Wrong],
    level: float,
    shown: bool,
) -> Answer | Wrong:
    started = time.perf_counter_ns()
    try:
        said, fine, more = answered(model, columns, rows, level)
    except WrongInput as error:
        return Wrong(error.column, error.reason.removeprefix("row 1: ") if rows == 1 else error.reason)
    took = (time.perf_counter_ns() - started) // 1000
    place = good or [*range(rows)]
    wrong = sorted([*wrong, *(Wrong(w.field, w.reason, place[w.row or 0]) for w in more)], key=lambda w: w.row or 0)
    kept = [place[i] for i in fine] if wrong else None
    taken = {name: values[fine] for name, values in columns.items()} if more else columns
    told = {name: plain(values) for name, values in said.items()}
    return Answer(told, rows + len(wrong) - len(more), kept, wrong, took, _shown(taken, len(fine)) if shown else None)


def _shown(columns: Columns, rows: int) -> dict[str, list[Any]]:
    return {name: plain(values[: min(rows, MOST_SHOWN)]) for name, values in columns.items()}


class ModelServer:
    """The Serve deployment. Its methods are called by gateways through handles."""

    def __init__(self, folder: str, most: int) -> None:
        self._models = Models(Path(folder), most)

    async def predict(
        self, sha256: str, items: list[Item], level: float = 0.9, shown: bool = True
    ) -> list[Answer | Wrong]:
        """See ``predict``. Raises ``Untrusted`` where the artifact is not what was registered."""
        model = await self._model(sha256)
        large = any(item.arrow is not None and len(item.arrow) > 65_536 for item in items)
        if large or sum(len(item.rows or ()) for item in items) > AT_ONCE:
            return await asyncio.to_thread(predict, model, items, level, shown)
        return predict(model, items, level, shown)

    async def explain(self, sha256: str, item: Item) -> list[dict[str, float]] | Wrong:
        """By how much each feature moves the prediction of each row from the average."""
        model = await self._model(sha256)

        def explained() -> list[dict[str, float]] | Wrong:
            try:
                columns, rows, _, _ = columns_of(item, model)
                return model.contributions(columns, rows)
            except WrongInput as error:
                return Wrong(error.column, error.reason)

        return await asyncio.to_thread(explained)

    async def warm(self, sha256: str) -> list[str]:
        """Have a model at hand; answers the hashes of those that are."""
        await self._model(sha256)
        return self._models.held

    async def _model(self, sha256: str) -> PredictiveModel:
        if sha256 in self._models.held:
            return self._models.get(sha256)
        return await asyncio.to_thread(self._models.get, sha256)
