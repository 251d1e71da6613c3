"""Experiments: every training run with its trials, best score and verdict, as a fold of ``models``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.fold import NONE, Batch, Outputs, Topic
from actors.models.facts import facts
from events.catalog import MODELS

TOPIC = "experiments"
MOST = 200
"""Experiments that are shown; beyond, the oldest go. The stream has them all."""
MOST_TRIALS = 200
"""Of one experiment, the best ones."""


class Experiment(msgspec.Struct):
    """``state``: ``running | finished | interrupted | failed``. ``score`` and ``threshold`` are those of the verdict."""

    id: str
    model: str
    started: float
    updated: float
    state: str = "running"
    about: dict[str, Any] = {}
    """As it began: problem, target, rows, seed, budget_s, hash of the data, code and data version."""
    phase: str = ""
    trials: list[dict[str, Any]] = []
    tried: int = 0
    failed: int = 0
    best: float | None = None
    """Of the metric as a gain: more is better."""
    registered: bool | None = None
    score: float | None = None
    threshold: float | None = None
    reason: str = ""
    model_id: str | None = None
    elapsed_s: float | None = None


State = dict[str, Experiment]


@dataclass
class ExperimentTracker:
    """The fold over ``experiment.…``, ``trial.…``, ``model.registered`` and ``model.refused`` of each experiment."""

    name: str = "experiment_tracker"
    version: int = 1
    reads: tuple[str, ...] = (MODELS.name,)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic(TOPIC, "upsert"),)
    _touched: set[str] = field(default_factory=set[str], repr=False)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        for fact in facts(batch, ("experiment.", "trial.", "model.registered", "model.refused")):
            self._take(state, fact.kind, fact.subject, fact.data, fact.at)
        return state, NONE

    def _take(self, state: State, kind: str, id_: str, data: dict[str, Any], at: float) -> None:
        found = state.get(id_)
        if found is None:
            found = state[id_] = Experiment(id_, str(data.get("name", id_)), at, at)
            while len(state) > MOST:
                gone = next(iter(state))
                del state[gone]
                self._touched.add(gone)
        self._touched.add(id_)
        found.updated = at
        match kind:
            case "experiment.started" | "experiment.resumed":
                found.about, found.state = {**found.about, **data}, "running"
            case "experiment.moved":
                found.phase = str(data.get("phase", ""))
            case "trial.finished":
                found.tried += 1
                _rank(found, data)
            case "trial.failed":
                found.failed += 1
            case "model.registered" | "model.refused":
                found.registered = kind == "model.registered"
                found.score, found.threshold = data.get("score"), data.get("threshold")
                found.reason, found.model_id = str(data.get("reason", "")), data.get("model_id")
            case "experiment.finished" | "experiment.interrupted" | "experiment.failed":
                found.state = kind.partition(".")[2]
                found.elapsed_s = data.get("elapsed_s")
                found.reason = str(data.get("reason", "")) or found.reason
            case _:
                pass

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        return {id_: msgspec.to_builtins(one) for id_, one in state.items()}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        touched, self._touched = self._touched, set()
        if not touched:
            return {}
        return {TOPIC: {i: msgspec.to_builtins(state[i]) if i in state else None for i in sorted(touched)}}

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)  # in the order of the state, which is that of the beginnings

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _rank(found: Experiment, trial: dict[str, Any]) -> None:
    """Take a trial into the leaderboard, the best first; one without a gain (stopped early) comes last."""
    gain = trial.get("gain")
    if gain is not None and trial.get("state", "finished") == "finished":
        found.best = gain if found.best is None else max(found.best, gain)
    found.trials = sorted([*found.trials, trial], key=_place)[:MOST_TRIALS]


def _place(trial: Mapping[str, Any]) -> tuple[bool, float, int]:
    gain = trial.get("gain")
    return gain is None, 0.0 if gain is None else -float(gain), int(trial.get("number", 0))
