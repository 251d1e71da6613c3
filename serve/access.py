"""Access: API keys with scopes, known by their hash only, followed from the directory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from actors.definitions.inventory import Inventory
from events.errors import Rejected, Transient
from serve.copies import TopicCopies
from serve.hosts import Hosts
from serve.keys import key_hash, source_of

SIGN_IN = "to open the page in a browser, use the link that `hindcast up` printed, or `hindcast link` for a new one"


class Denied(Rejected):
    """No key, or one that is not known (401)."""


class NoKey(Denied):
    """The request came without a key (401); says what to do."""

    def __init__(self, field: str = "authorization", reason: str = "") -> None:
        how = "`Authorization: Bearer hc_…`; `hindcast keys create` makes one"
        super().__init__(field, reason or f"no API key came with this request: send one as {how}. Or, {SIGN_IN}")


class Forbidden(Rejected):
    """A known key without the scope (403)."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks."""

    id: str
    name: str
    scopes: frozenset[str]
    source: str = ""
    """The product whose events the key brings."""

    def may(self, scope: str) -> bool:
        """Whether the key has ``scope``; one with ``admin`` may do everything."""
        return scope in self.scopes or "admin" in self.scopes

    def require(self, scope: str) -> None:
        """Raises ``Forbidden``."""
        if not self.may(scope):
            raise Forbidden("key", f"{self.name} has no scope {scope!r}; create a key that has it")


class Access:
    """Keys and definitions as the directory has them, kept up to date by following its topics."""

    def __init__(self, hosts: Hosts, tenant: str) -> None:
        self._copies = TopicCopies(hosts, tenant, f"{tenant}/directory/0", ("keys", "definitions", "links"))
        self._inventory: tuple[Mapping[str, Any], Inventory] | None = None

    @property
    def keys(self) -> Mapping[str, Mapping[str, Any]]:
        """By hash."""
        return self._copies["keys"]

    @property
    def definitions(self) -> Mapping[str, Mapping[str, Any]]:
        """By ``<kind>/<name>``; see the topic ``definitions``."""
        return self._copies["definitions"]

    @property
    def inventory(self) -> Inventory:
        """The definitions in the form that the validator needs; built again only when they have changed."""
        found = self._copies["definitions"]
        if self._inventory is None or self._inventory[0] is not found:
            self._inventory = found, Inventory.of(found)
        return self._inventory[1]

    @property
    def links(self) -> Mapping[str, Mapping[str, Any]]:
        """Links that open the page once, by hash."""
        return self._copies["links"]

    async def follow(self) -> None:
        """Run for the life of the replica; see ``serve.following``."""
        await self._copies.follow("access list")

    async def refresh(self) -> None:
        """Ask the directory for its newest keys and definitions. Raises ``Transient``."""
        await self._copies.refresh()

    async def until(self, topic: str, entry: str, present: bool, timeout_s: float = 5.0, *, version: int = 0) -> None:
        """Wait until ``entry`` (``version`` of it, or a later one) is in ``topic``, or is not: then a command that was
        accepted has taken effect."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not self._shows(topic, entry, present, version):
            if asyncio.get_running_loop().time() > deadline:
                raise Transient("accepted, but not yet in effect; look again in a moment", 1.0)
            await self.refresh()
            await asyncio.sleep(0.005)

    def _shows(self, topic: str, entry: str, present: bool, version: int) -> bool:
        found = self._copies[topic].get(entry)
        return (found is not None and found.get("version", 0) >= version) if present else found is None

    async def principal(self, key: str | None) -> Principal:
        """Who holds ``key``. Raises ``Denied``; an unknown key is looked up anew once, for it may be new."""
        if not key:
            raise NoKey
        hashed = key_hash(key)
        known = self.keys.get(hashed)
        if known is None:
            await self.refresh()
            known = self.keys.get(hashed)
        if known is None:
            raise Denied("authorization", f"this API key is not known, or it was revoked: send another. Or, {SIGN_IN}")
        if known.get("expires", inf) < time.time():
            raise Denied("authorization", f"this session has ended; {SIGN_IN}")
        return Principal(known["id"], known["name"], frozenset(known["scopes"]), source_of(known))
