"""The directory: who may do what, and which rules hold, as a fold of ``control``.

The gateway follows its topics, so a key or a rule is the same on every replica, and its history is in the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.fold import NONE, Batch, Outputs, Topic
from events.catalog import CONTROL


class State(msgspec.Struct):
    keys: dict[str, dict[str, Any]] = {}
    """By SHA-256 of the key: id, name, scopes, created."""
    rules: dict[str, dict[str, Any]] = {}
    """By name: the rule as it was accepted."""
    configured: dict[str, dict[str, Any]] = {}
    """By name: the rules as the configuration last gave them, whatever people did to them since."""


@dataclass
class Directory:
    """The fold over ``key.created | key.revoked | rule.created | rule.deleted``; other commands are not its concern."""

    name: str = "directory"
    version: int = 1
    reads: tuple[str, ...] = (CONTROL.name,)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic("keys", "upsert"), Topic("rules", "upsert"), Topic("configured", "upsert"))
    _keys: set[str] = field(default_factory=set[str], repr=False)
    _rules: set[str] = field(default_factory=set[str], repr=False)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        for row in batch.table.select(["type", "subject", "data", "time"]).to_pylist():
            subject: str = row["subject"]
            match row["type"]:
                case "key.created":
                    state.keys[subject] = {**json.loads(row["data"]), "created": row["time"].timestamp()}
                    self._keys.add(subject)
                case "key.revoked":
                    state.keys.pop(subject, None)
                    self._keys.add(subject)
                case "rule.created":
                    rule = json.loads(row["data"])
                    state.rules[subject] = rule
                    if rule.get("origin") == "configuration":
                        state.configured[subject] = rule
                    self._rules.add(subject)
                case "rule.deleted":
                    state.rules.pop(subject, None)
                    if json.loads(row["data"]).get("origin") == "configuration":
                        state.configured.pop(subject, None)
                    self._rules.add(subject)
                case _:
                    pass
        return state, NONE

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        return dict({"keys": state.keys, "rules": state.rules, "configured": state.configured}[topic])

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        keys, self._keys = self._keys, set()
        rules, self._rules = self._rules, set()
        deltas = {
            "keys": {k: state.keys.get(k) for k in sorted(keys)},
            "rules": {r: state.rules.get(r) for r in sorted(rules)},
            "configured": {r: state.configured.get(r) for r in sorted(rules)},
        }
        return {topic: delta for topic, delta in deltas.items() if delta}

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)
