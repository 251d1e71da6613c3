"""Alerts that are sent by hand: a program found something out for itself and says so (``alert.raised`` on ``control``).

There is one alert for each name and key. Said again while it fires, it is the same alert and nobody is told twice. It ends
when ``status`` says ``resolved``, or, where it has ``resolve_after_s``, when it has not been said again for so long.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import xxhash

MOST = 10_000
"""So many fire at once at most; a further one is refused a place and is history only."""


class Raised(msgspec.Struct):
    """One alert that was sent and fires. Times in us UTC."""

    name: str
    key: str
    id: str
    severity: str = "medium"
    message: str = ""
    channels: tuple[str, ...] = ("dashboard",)
    labels: dict[str, str] = {}
    data: dict[str, Any] = {}
    """What else was said of it."""
    began: int = 0
    expires: int = 0
    """Ends then unless it is said again; 0: it stays."""


def place_of(name: str, key: str) -> str:
    return f"{name}\0{key}"


def raised(name: str, said: Mapping[str, Any], at: int) -> Raised:
    """The alert that ``said``, the data of ``alert.raised``, makes at ``at``."""
    key = str(said.get("key", ""))
    lasts = float(said.get("resolve_after_s") or 0.0)
    return Raised(
        name,
        key,
        xxhash.xxh3_64_hexdigest(f"raised\0{name}\0{key}\0{at}".encode()),
        str(said.get("severity", "medium")),
        str(said.get("message", "")) or sentence(said.get("data", {})) or name,
        tuple(said.get("channels", ("dashboard",))),
        dict(said.get("labels", {})),
        dict(said.get("data", {})),
        at,
        at + int(lasts * 1e6) if lasts else 0,
    )


def sentence(data: Mapping[str, Any]) -> str:
    """What was said, in one line: ``model_id churn, metrics.accuracy 0.61``."""
    return ", ".join(f"{name} {value}" for name, value in _flat(data))[:500]


def _flat(data: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, str]]:
    for name in sorted(data):
        value = data[name]
        if isinstance(value, Mapping):
            yield from _flat(value, f"{at}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, float):
            yield f"{at}{name}", f"{value:.4g}"
        else:
            yield f"{at}{name}", value if isinstance(value, str) else json.dumps(value, sort_keys=True)
