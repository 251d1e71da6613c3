"""The directory: who may do what, and which definitions hold, as a fold of ``control``.

The gateway follows its topics, so a key or a definition is the same on every replica, and its history is in the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import msgspec

from actors import ledger
from actors.fold import NONE, Batch, Outputs, Topic
from events.catalog import CONTROL, PAST_REQUESTS, PASTS

DEFINITIONS = "definitions"
"""The one topic that everybody may see who may look at the page."""
TOPICS = ("keys", DEFINITIONS, "configured", "links", "revoked")
FIRST = "key_admin"
"""The id of the key that a data directory's owner has from the first start on, or how it begins."""


class State(msgspec.Struct):
    keys: dict[str, dict[str, Any]] = {}
    """By SHA-256 of the key: id, name, scopes, created."""
    definitions: dict[str, ledger.Entry] = {}
    """By ``<kind>/<name>``: what holds; kind, name, spec, version, by, at, owner; ``past`` while that is being folded."""
    configured: dict[str, dict[str, Any]] = {}
    """By ``<kind>/<name>``: spec and owner as the configuration last gave them, whatever became of them since."""
    links: dict[str, dict[str, Any]] = {}
    """By SHA-256 of its token: a link that opens the page once; scopes, and when it expires (seconds UTC)."""
    revoked: dict[str, float] = {}
    """By SHA-256: first keys that were revoked, and when. A start must not bring them back."""


@dataclass
class Directory:
    """The fold over ``key.created | key.revoked | link.created | link.opened | <kind>.defined | <kind>.removed``, and over
    how far the pasts of definitions are folded.

    Other commands are not its concern.
    """

    name: str = "directory"
    version: int = 3
    reads: tuple[str, ...] = (CONTROL.name, PAST_REQUESTS.name, PASTS.name)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = tuple(Topic(name, "upsert") for name in TOPICS)
    _touched: dict[str, set[str]] = field(default_factory=lambda: {t: set[str]() for t in TOPICS}, repr=False)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        if batch.stream != CONTROL.name:
            for row in batch.table.select(["type", "data"]).to_pylist():
                self._fold_past(state, row["type"], json.loads(row["data"]))
            return state, NONE
        for place, row in enumerate(batch.table.select(["type", "subject", "data", "time"]).to_pylist(), batch.first):
            type_: str = row["type"]
            if ledger.is_definition(type_):
                at = row["time"].timestamp()
                self._define(state, type_, row["subject"], json.loads(row["data"]), at, place)
            elif type_.startswith(("key.", "link.")):
                self._take(state, type_, row["subject"], json.loads(row["data"]), row["time"].timestamp())
        return state, NONE

    def _define(self, state: State, type_: str, subject: str, data: dict[str, Any], at: float, version: int) -> None:
        kind, defined, spec, owner = ledger.spoken(type_, data)
        key = f"{kind}/{subject}"
        if defined:
            self._put(state, "definitions", key, ledger.entry_of(type_, subject, data, at, version))
            if ledger.is_file(owner):
                beside = {ledger.BOUND: data[ledger.BOUND]} if ledger.BOUND in data else {}
                self._put(state, "configured", key, {"spec": spec, "owner": owner, **beside})
            return
        taken_over = state.definitions.get(key, {}).get("owner") == ledger.API
        if ledger.is_file(owner):
            self._drop(state, "configured", key)
        if not (ledger.is_file(owner) and taken_over):
            self._drop(state, "definitions", key)

    def _fold_past(self, state: State, type_: str, data: Mapping[str, Any]) -> None:
        """``past`` of a definition: the share of its past that is folded; not there once it has it all.

        ``past_error``: why it cannot be folded.
        """
        key = f"{data['kind']}/{data['name']}"
        entry = state.definitions.get(key)
        if entry is None or entry["version"] != data["version"]:
            return
        if type_ == "past.wanted" and "past" not in entry:
            self._put(state, "definitions", key, {**entry, "past": 0.0})
        elif type_ == "past.folding" and "past" in entry:
            self._put(state, "definitions", key, {**entry, "past": data["share"]})
        elif type_ == "past.failed":
            without = {name: said for name, said in entry.items() if name != "past"}
            self._put(state, "definitions", key, {**without, "past_error": data["error"]})
        elif type_ in ("past.taken", "past.dropped") and "past" in entry:
            self._put(state, "definitions", key, {name: said for name, said in entry.items() if name != "past"})

    def _take(self, state: State, type_: str, subject: str, data: dict[str, Any], at: float) -> None:
        match type_:
            case "key.created":
                self._put(state, "keys", subject, {**data, "created": at})
                self._drop(state, "revoked", subject)
            case "key.revoked":
                key = self._drop(state, "keys", subject)
                if key and key["id"].startswith(FIRST):
                    self._put(state, "revoked", subject, at)
            case "link.created":
                self._forget(state, at)
                self._put(state, "links", subject, data)
            case "link.opened":
                link = self._drop(state, "links", subject)
                if link:
                    session = {"id": data["id"], "name": data["name"], "scopes": link["scopes"]}
                    self._put(state, "keys", data["session"], {**session, "created": at, "expires": data["expires"]})
            case _:
                pass

    def _forget(self, state: State, now: float) -> None:
        """Drop links and sessions that have expired."""
        for topic in ("links", "keys"):
            entries: dict[str, dict[str, Any]] = getattr(state, topic)
            for name in [n for n, entry in entries.items() if entry.get("expires", inf) < now]:
                self._drop(state, topic, name)

    def _put(self, state: State, topic: str, name: str, entry: Any) -> None:
        getattr(state, topic)[name] = entry
        self._touched[topic].add(name)

    def _drop(self, state: State, topic: str, name: str) -> dict[str, Any] | None:
        self._touched[topic].add(name)
        return getattr(state, topic).pop(name, None)

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        return dict(getattr(state, topic))

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        touched, self._touched = self._touched, {t: set[str]() for t in TOPICS}
        return {
            topic: {name: getattr(state, topic).get(name) for name in sorted(names)}
            for topic, names in touched.items()
            if names
        }

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)
