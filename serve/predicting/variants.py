"""Which version answers a request: by weight, and always the same one for the same key."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

Variant = Mapping[str, Any]
_WHOLE = float(1 << 32)


def share_of(model: str, key: str) -> float:
    """Where a key stands in [0, 1), the same everywhere and for ever; of each model in another order."""
    return zlib.crc32(key.encode(), zlib.crc32(model.encode())) / _WHOLE


def chosen(model: str, variants: Sequence[Variant], key: str | None) -> Variant:
    """The variant that answers; without a key any, by weight.

    A variant's weight grows or shrinks at its end of the line: where only two change, no other key moves.
    """
    answering = [v for v in variants if not v["shadow"] and v["weight"] > 0]
    at = share_of(model, key) if key is not None else secrets.randbelow(1 << 32) / _WHOLE
    at *= sum(v["weight"] for v in answering)
    for variant in answering:
        at -= variant["weight"]
        if at < 0:
            return variant
    return answering[-1]


def shadows(variants: Sequence[Variant]) -> list[Variant]:
    return [v for v in variants if v["shadow"]]


def sampled(model: str, key: str, share: float) -> bool:
    """Whether a row is recorded; by its key, so that a person is there wholly or not at all."""
    return share >= 1.0 or share_of(f"sample of {model}", key) < share
