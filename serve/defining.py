"""Changing definitions: the one way by which every route turns what is wanted into events on ``control``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from actors import ledger
from actors.collectors.arrivals import CONFLICT
from actors.definitions.changes import differences
from actors.definitions.checking import Accepted, Wanted, accept, refuse_removal, warnings
from actors.definitions.inventory import Inventory, Key
from actors.definitions.kinds import kind_of
from events.nearest import did_you_mean
from query.history import History
from query.series import seen_series
from serve.gateway import Gateway
from serve.problems import Changed, Missing, Owned
from serve.telling import Command, tell

NOTHING = -1
"""The version of what is not there."""


class Difference(BaseModel):
    """One field, by its dotted path; null where it is not there."""

    field: str
    before: Any = None
    after: Any = None


class Definition(BaseModel):
    """``version`` is its place in the log; ``at`` seconds UTC; ``owner`` ``api``, or ``file:<name>`` of a configuration."""

    kind: str
    name: str
    spec: dict[str, Any] | None
    version: int
    by: str = ""
    at: float
    owner: str
    past: float | None = None
    """While the past of a definition is being folded: the share of it that is, 0 to 1."""
    past_error: str = ""
    """Why its past cannot be folded: it has no figures until it is defined anew."""
    warnings: list[str] | None = None
    """What may be a mistake in it by now; null where that was not asked for."""


class Change(BaseModel):
    """What a request does, or with ``dry_run`` would do: ``change`` is ``new | changed | same | removed``."""

    kind: str
    name: str
    change: str
    differences: list[Difference] = []
    warnings: list[str] = []
    """What may be a mistake."""
    definition: Definition | None = None
    """As it holds now; null where it was removed, or only asked about."""


def found(gateway: Gateway, key: Key) -> Mapping[str, Any]:
    """The definition of this kind and name that is in force. Raises ``Missing`` if there is none."""
    kind_of(key.kind)
    entry = gateway.access.definitions.get(key.text)
    if entry is None:
        names = gateway.access.inventory.names(key.kind)
        raise Missing("name", f"there is no {key.kind} {key.name!r}{did_you_mean(key.name, names)}")
    return entry


async def warned(gateway: Gateway) -> dict[Key, tuple[str, ...]]:
    """What may be a mistake in the definitions that hold."""
    among = await _among(gateway, rules=True)
    return await asyncio.to_thread(warnings, among)


async def _among(gateway: Gateway, *, rules: bool) -> Inventory:
    """What definitions are checked against. ``rules``: with the series that were seen, which a rule may be about."""
    seen = None
    if rules:
        seen = await asyncio.to_thread(lambda: seen_series(History(gateway.log, gateway.spec.tenant)))
    topics = frozenset(topic.name for topic in gateway.hosts.where.topics)
    return Inventory(gateway.access.inventory.specs, seen, topics)


async def define(
    gateway: Gateway, wanted: Sequence[Wanted], by: str, dry_run: bool = False, *, after: int | None = None
) -> list[Change]:
    """Check ``wanted`` together and commit what differs from what holds, all or nothing; returns once it is in effect.

    ``after``: the version of the one definition that this change is made of (-1: there was none). Of two changes of one
    version the second is refused, however close they come. Raises ``Rejected`` (field, reason, remedy), ``Owned`` for what
    a file declares, ``Changed`` for a change of another version than the one that holds, ``Transient``.
    """
    await gateway.access.refresh()
    held = gateway.access.definitions
    among = await _among(gateway, rules=any(one.kind == "rule" for one in wanted))
    accepted = await asyncio.to_thread(accept, wanted, among)
    changes = [_change(one, held.get(one.key.text)) for one in accepted]
    told = [one for one, change in zip(accepted, changes, strict=True) if change.change != "same"]
    for one in told:
        _refuse_owned(one.key, held.get(one.key.text))
        if after is not None:
            _refuse_changed(one.key, held.get(one.key.text), after)
    if dry_run:
        return changes
    if told:
        commands = [
            Command(
                one.key.kind + ledger.DEFINED,
                one.key.name,
                {
                    "spec": one.spec,
                    "by": by,
                    "owner": ledger.API,
                    **ledger.beside(one.key.kind, gateway.spec.bound_s),
                },
            )
            for one in told
        ]
        once = None if after is None or len(told) > 1 else f"{told[0].key.text} after {after}"
        committed = await tell(gateway, commands, once)
        if once is not None and committed.verdict[0] == CONFLICT:
            await gateway.access.refresh()
            _refuse_changed(told[0].key, gateway.access.definitions.get(told[0].key.text), after)
        for place, one in enumerate(told, committed.offset):
            await gateway.access.until("definitions", one.key.text, present=True, version=place)
    for change in changes:
        entry = gateway.access.definitions.get(f"{change.kind}/{change.name}")
        change.definition = Definition.model_validate(entry) if entry else None
    return changes


async def remove(gateway: Gateway, key: Key, by: str, dry_run: bool = False) -> Change:
    """Remove a definition that nothing else needs; returns once that is in effect.

    Raises ``Missing``, ``Owned``, ``Rejected`` (what needs it), ``Transient``.
    """
    await gateway.access.refresh()
    entry = found(gateway, key)
    _refuse_owned(key, entry)
    await asyncio.to_thread(refuse_removal, key, gateway.access.inventory)
    if not dry_run:
        await tell(gateway, [Command(key.kind + ledger.REMOVED, key.name, {"by": by, "owner": ledger.API})])
        await gateway.access.until("definitions", key.text, present=False)
    return Change(kind=key.kind, name=key.name, change="removed")


def _change(accepted: Accepted, held: Mapping[str, Any] | None) -> Change:
    before = held["spec"] if held else None
    found = [Difference(**d._asdict()) for d in differences(before, accepted.spec)] if before is not None else []
    word = "new" if before is None else "changed" if found else "same"
    key = accepted.key
    return Change(
        kind=key.kind, name=key.name, change=word, differences=found, warnings=[*accepted.warnings], definition=None
    )


def _refuse_changed(key: Key, held: Mapping[str, Any] | None, after: int | None) -> None:
    """Raises ``Changed`` where another version holds than the one that a change is made of."""
    if held is None:
        if after != NOTHING:
            raise Changed("after", f"{key.kind} {key.name!r} was removed meanwhile; save it anew, or let it be")
    elif held["version"] != after:
        who = held["by"] or "somebody"
        raise Changed(
            "after",
            f"{key.kind} {key.name!r} was changed meanwhile, by {who}: version {held['version']} holds. Look at it, "
            "then make your change of that one",
        )


def _refuse_owned(key: Key, held: Mapping[str, Any] | None) -> None:
    if held and ledger.is_file(held["owner"]):
        file = held["owner"].removeprefix(ledger.FILE)
        raise Owned(
            "name",
            f"{key.kind} {key.name!r} is declared by the file {file}: change it there and start again, or take another name",
        )
