"""The registry: every model, its versions, aliases and deployments, as a fold of ``models``.

Asked ``as_of`` a moment, the topic says what was in production then. What cannot be (an unknown version, say) changes
nothing: whoever writes is told by the door, and a fold does not fail for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.fold import NONE, Batch, Outputs, Topic
from actors.models.facts import facts
from events.catalog import MODELS

CHAMPION, CHALLENGER = "champion", "challenger"
TOPIC = "models"
MOST_DEPLOYMENTS = 50
"""Of one model that are kept to look back on; beyond, the oldest go. The stream has them all."""


class Serving(msgspec.Struct, forbid_unknown_fields=False):
    """A variant as it answers: ``version`` as it was asked for, ``number`` as it was resolved then."""

    name: str
    version: str
    number: int
    weight: float
    shadow: bool = False


class Deployed(msgspec.Struct):
    """One state of a deployment. ``place``: the offset of its event, which names it."""

    place: str
    at: float
    by: str
    reason: str
    config: dict[str, Any]
    variants: list[Serving]


class Model(msgspec.Struct):
    """``wanted`` is the newest deployment, ``live`` the newest one that is watched: requests go to that."""

    name: str
    versions: list[dict[str, Any]] = []
    aliases: dict[str, int] = {}
    wanted: Deployed | None = None
    live: Deployed | None = None
    history: list[Deployed] = []
    """Earlier deployments, the oldest first."""
    last_rollback: dict[str, Any] | None = None
    degraded: dict[str, Any] | None = None
    """The newest degradation, until a later deployment."""
    monitored: list[str] = []
    """Places of deployments that are watched and not read yet: the monitor may be heard before what it heard."""

    def number_of(self, asked: str | int) -> int | None:
        """The number of a version that is named by its number, an alias, its version or its model id."""
        text = str(asked)
        if text in self.aliases:
            return self.aliases[text]
        for version in reversed(self.versions):
            if text in (str(version["number"]), version.get("version"), version.get("model_id")):
                return int(version["number"])
        return None


State = dict[str, Model]


@dataclass
class ModelRegistry:
    """The fold over versions, aliases and deployments. Numbers of versions count from 1, in the order of registration."""

    name: str = "model_registry"
    version: int = 1
    reads: tuple[str, ...] = (MODELS.name,)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic(TOPIC, "upsert"),)
    _touched: set[str] = field(default_factory=set[str], repr=False)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        for fact in facts(batch, ("version.", "alias.", "deployment.", "monitoring.", "model.")):
            self._take(state, fact.kind, fact.subject, fact.data, fact.at, f"{batch.producer}:{fact.place}")
        return state, NONE

    def _take(self, state: State, kind: str, name: str, data: dict[str, Any], at: float, place: str) -> None:
        model = state.get(name)
        if model is None and kind in ("version.registered", "monitoring.started"):
            model = state[name] = Model(name)
        if model is None:
            return
        self._touched.add(name)
        if kind == "version.registered":
            _register(model, data, at)
        elif kind == "version.approved":
            for version in model.versions:
                if version["number"] == data.get("number"):
                    version["approved"] = {"by": data.get("by", ""), "at": at}
        elif kind == "alias.moved":
            _move(model, data, at, place)
        elif kind == "deployment.changed":
            _deploy(model, data, at, place)
        elif kind == "deployment.removed":
            _keep(model)
            model.wanted = model.live = None
        elif kind == "deployment.rolled_back":
            _roll_back(model, data, at, place)
        elif kind == "monitoring.started":
            if model.wanted is not None and model.wanted.place == data.get("place"):
                model.live = model.wanted
            else:
                model.monitored = [*model.monitored, str(data.get("place"))][-MOST_DEPLOYMENTS:]
        elif kind == "model.degraded":
            model.degraded = {**data, "at": at}

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        return {name: _shown(model) for name, model in state.items() if model.versions}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        touched, self._touched = self._touched, set()
        touched = {name for name in touched if state[name].versions}
        return {TOPIC: {name: _shown(state[name]) for name in sorted(touched)}} if touched else {}

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _shown(model: Model) -> dict[str, Any]:
    """Without the profiles of training rows, which only the monitor needs."""
    found = msgspec.to_builtins(model)
    del found["monitored"]
    found["versions"] = [{k: v for k, v in version.items() if k != "profile"} for version in model.versions]
    return found


def _register(model: Model, data: dict[str, Any], at: float) -> None:
    """Append a version, unless it is there: the same artifact of the same experiment."""
    same = (data.get("version"), data.get("sha256"))
    if all((v.get("version"), v.get("sha256")) != same for v in model.versions):
        number = len(model.versions) + 1
        model.versions.append({**data, "number": number, "at": at, "approved": None})
        model.aliases.setdefault(CHAMPION, number)


def _resolved(model: Model, variants: Iterable[Mapping[str, Any]]) -> list[Serving] | None:
    found: list[Serving] = []
    for said in variants:
        number = model.number_of(said["version"])
        if number is None:
            return None
        found.append(
            Serving(
                said["name"],
                str(said["version"]),
                number,
                float(said.get("weight", 1.0)),
                bool(said.get("shadow", False)),
            )
        )
    return found


def _deploy(model: Model, data: Mapping[str, Any], at: float, place: str) -> None:
    variants = _resolved(model, data.get("variants", ()))
    if variants:
        config = dict(data.get("config", {}))
        _replace(model, Deployed(place, at, data.get("by", ""), data.get("reason", ""), config, variants))
        model.degraded = None


def _move(model: Model, data: Mapping[str, Any], at: float, place: str) -> None:
    """An alias points elsewhere; variants that were asked for by it follow."""
    alias, number = str(data.get("alias", CHAMPION)), model.number_of(data.get("number", ""))
    if number is None or model.aliases.get(alias) == number:
        return
    former = model.aliases.get(alias)
    model.aliases[alias] = number
    if alias == CHAMPION and model.aliases.get(CHALLENGER) == number:
        del model.aliases[CHALLENGER]
    if alias == CHAMPION and former is not None:
        model.aliases["previous"] = former
    now = model.wanted
    if now is not None and any(v.version == alias and v.number != number for v in now.variants):
        moved = [msgspec.structs.replace(v, number=number) if v.version == alias else v for v in now.variants]
        reason = data.get("reason") or f"{alias} is version {number}"
        _replace(model, Deployed(place, at, data.get("by", ""), reason, now.config, moved))
        model.degraded = None


def _roll_back(model: Model, data: Mapping[str, Any], at: float, place: str) -> None:
    """Back to the newest deployment before that has none of the versions that are taken back (``numbers``).

    Without numbers: to the one before that differs. Where there is none, a bad variant is left out if another answers.
    """
    now = model.wanted
    if now is None:
        return
    bad = {int(number) for number in data.get("numbers", ())} & {v.number for v in now.variants}
    if data.get("numbers") and not bad:
        return  # it was taken back before
    back = next((d for d in reversed(model.history) if _differs(d, now, bad)), None)
    variants, config = (back.variants, back.config) if back is not None else ([], now.config)
    if back is None:
        variants = [v for v in now.variants if v.number not in bad]
        if not bad or not any(v.weight > 0 and not v.shadow for v in variants):
            model.last_rollback = {"at": at, "reason": data.get("reason", ""), "by": data.get("by", ""), "done": False}
            return
    said = {"at": at, "reason": data.get("reason", ""), "by": data.get("by", ""), "done": True}
    model.last_rollback = {**said, "from": [v.number for v in now.variants], "to": [v.number for v in variants]}
    reason = f"rolled back: {data.get('reason') or 'asked for'}"
    _replace(model, Deployed(place, at, data.get("by", ""), reason, config, variants))
    main = max((v for v in variants if not v.shadow), key=lambda v: v.weight)
    if model.aliases.get(CHAMPION) in bad or not bad:
        model.aliases[CHAMPION] = main.number


def _differs(then: Deployed, now: Deployed, bad: set[int]) -> bool:
    return {v.number for v in then.variants}.isdisjoint(bad) and then.variants != now.variants


def _replace(model: Model, deployed: Deployed) -> None:
    _keep(model)
    model.wanted = deployed
    if deployed.place in model.monitored:
        model.live = deployed
        model.monitored.remove(deployed.place)


def _keep(model: Model) -> None:
    if model.wanted is not None:
        model.history = [*model.history, model.wanted][-MOST_DEPLOYMENTS:]
