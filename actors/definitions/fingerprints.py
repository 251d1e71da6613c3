"""What a definition says, as a short text: the state of a metric is kept by it, never by its place in a list."""

from __future__ import annotations

import dataclasses
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
