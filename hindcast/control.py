"""The system's own way to its directory: what holds there, and commands that need no API key.

Whoever runs the system owns its log, so no key is asked for here; also none has to be left that could not be revoked.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from actors import ledger
from actors.definitions.inventory import Key
from actors.definitions.kinds import KINDS
from actors.directory import FIRST
from actors.ledger import DEFINED, REMOVED
from config.settings import Settings
from events.catalog import CONTROL, rows
from events.errors import Transient
from serve.keys import SCOPES, free_source, key_hash, new_key, new_link, valid_scopes

TIMEOUT_S = 180.0
DIRECTORY_S = 15.0
"""How long a start waits for the directory's word."""


class Command(NamedTuple):
    """One row of ``control``."""

    type: str
    subject: str
    data: Mapping[str, Any]


class Control:
    """``host_of`` answers the actor that runs a cell."""

    def __init__(self, tenant: str, host_of: Callable[[str], Any]) -> None:
        self._tenant = tenant
        self._host_of = host_of

    def known(self, *topics: str) -> dict[str, dict[str, Any]]:
        """What the directory has of each topic now: ``keys``, ``definitions``, ``configured``, ``links``, ``revoked``.

        Raises ``Transient`` where it has nothing to show (it is halted, or folds its history anew).
        """
        return self.shown("directory", *topics)

    def shown(self, fold: str, *topics: str) -> dict[str, dict[str, Any]]:
        """What ``topics`` of a fold show now. Raises ``Transient`` where it has nothing to show."""
        import ray

        found: dict[str, dict[str, Any]] = {}
        host = self._host_of(f"{self._tenant}/{fold}/0")
        deadline = time.monotonic() + DIRECTORY_S
        while found.keys() != set(topics):
            asked = host.changes.remote(self._tenant, {t: None for t in topics if t not in found}, 1.0)
            found |= {frame.topic: dict(frame.data) for frame in ray.get(asked, timeout=TIMEOUT_S)}
            if time.monotonic() > deadline:
                raise Transient(f"the {fold} does not answer")
        return found

    def tell(self, source: str, *commands: Command) -> None:
        """Commit commands; returns once they are durable."""
        import ray

        from actors.packing import pack

        if not commands:
            return
        now, cell = time.time_ns() // 1000, f"{self._tenant}/control/0"
        columns = {
            "id": [secrets.token_hex(16) for _ in commands],
            "source": source,
            "type": [c.type for c in commands],
            "subject": [c.subject for c in commands],
            "time": now,
            "received": now,
            "partition_key": [c.subject for c in commands],
            "data": [json.dumps(c.data, sort_keys=True) for c in commands],
        }
        push = self._host_of(cell).push.remote(cell, pack(rows(CONTROL, columns, len(commands))), None)
        ray.get(push, timeout=TIMEOUT_S)

    def tell_configuration(self, settings: Settings, first_key: str) -> None:
        """Make the first key and the configured definitions known: only what differs from the last time.

        Raises ``Transient`` where that cannot be: what held at the last start goes on to hold.
        """
        known = self.known("keys", "revoked", "configured")
        self.tell("configuration", *_first_key(known, first_key), *changes(known["configured"], settings))

    def create_key(self, name: str, scopes: list[str], source: str | None = None) -> str:
        """A new API key with ``scopes`` for the events of ``source`` (None: see ``free_source``). Raises ``Rejected``."""
        key, id_ = new_key(), f"key_{secrets.token_hex(6)}"
        source = source or free_source(name, id_, self.known("keys")["keys"].values())
        data = {"id": id_, "name": name, "scopes": sorted(valid_scopes(scopes)), "source": source}
        self.tell("system", Command("key.created", key_hash(key), data))
        return key

    def revoke_keys(self, name: str) -> None:
        """Revoke every key of that name."""
        keys = self.known("keys")["keys"]
        old = [Command("key.revoked", hashed, {"id": k["id"]}) for hashed, k in keys.items() if k["name"] == name]
        self.tell("system", *old)

    def create_link(self) -> str:
        """The token of a link that opens the page once."""
        token, link = new_link(time.time())
        self.tell("system", Command("link.created", key_hash(token), link))
        return token


def _first_key(known: Mapping[str, Mapping[str, Any]], key: str) -> Iterator[Command]:
    """What makes the directory's own key known; nothing once it was revoked: that holds for good."""
    hashed = key_hash(key)
    if hashed not in known["keys"] and hashed not in known["revoked"]:
        taken = known["revoked"] or any(k["id"] == FIRST for k in known["keys"].values())
        id_ = f"{FIRST}_{hashed[:6]}" if taken else FIRST
        yield Command("key.created", hashed, {"id": id_, "name": "first key", "scopes": list(SCOPES)})


def changes(configured: Mapping[str, Mapping[str, Any]], settings: Settings) -> Iterator[Command]:
    """What brings the definitions that the last start's configuration declared to what ``settings`` declare.

    What people made over HTTP is not touched, unless the configuration declares one of the same name.
    """
    wanted = {
        key: told(key, definition, settings.owner_of(key), settings) for key, definition in settings.definitions()
    }
    if not settings.dashboards:  # the page needs one
        base = Settings.load("base")
        for key, definition in base.definitions():
            if key.kind == "dashboard":
                wanted[key] = told(key, definition, base.owner_of(key), settings)
    gone = [Key.of(text) for text in configured if Key.of(text) not in wanted]
    for key in sorted(gone, key=lambda key: [*KINDS].index(key.kind) if key.kind in KINDS else 0, reverse=True):
        yield Command(f"{key.kind}{REMOVED}", key.name, {"owner": configured[key.text]["owner"]})
    for key, said in wanted.items():
        if configured.get(key.text) != said:
            yield Command(f"{key.kind}{DEFINED}", key.name, said)


def told(key: Key, definition: Any, owner: str, settings: Settings) -> dict[str, Any]:
    """What the event of a definition says."""
    beside = ledger.beside(key.kind, settings.collectors.bound_s)
    return {"spec": KINDS[key.kind].told(definition), "owner": owner, **beside}
