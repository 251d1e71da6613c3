"""What a definition says, as a short text: the state of a metric is kept by it, never by its place in a list."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import xxhash


def fingerprint(definition: Any) -> str:
    """16 hex digits of what a frozen dataclass of plain values says; equal for equal definitions, on any machine.

    Fields that hold their default are left out: one that is added later, with a default that means what held before,
    changes no fingerprint. A default that is changed later changes what is meant, and its fold's ``version`` with it.
    """
    said = {
        field.name: value
        for field in dataclasses.fields(definition)
        if (value := getattr(definition, field.name)) != field.default
    }
    return xxhash.xxh3_64_hexdigest(msgspec.msgpack.encode(said, order="deterministic"))


def told_apart(kind: str, named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """(name, fingerprint) pairs by name. Raises ``ValueError`` where a name is there twice: two states could not be told
    apart."""
    found: dict[str, str] = {}
    for name, said in named:
        if name in found:
            raise ValueError(f"{kind} {name!r} is defined twice; names are unique")
        found[name] = said
    return found


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each definition that is not what it was when a state was saved: what becomes of that state."""
    said = [
        f"{name}: its definition has changed; it begins anew, and its first window holds only what came after"
        for name in sorted(before.keys() & now.keys())
        if before[name] != now[name]
    ]
    said += [
        f"{name}: it is defined no more; its open windows are dropped" for name in sorted(before.keys() - now.keys())
    ]
    said += [
        f"{name}: it is new; its first window holds only what came after" for name in sorted(now.keys() - before.keys())
    ]
    return tuple(said)
