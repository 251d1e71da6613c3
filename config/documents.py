"""Configuration documents: YAML files that may extend one another, and how two of them become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from events.errors import Rejected

PRESETS = ("base", "course", "saas", "demo")

_HERE = Path(__file__).parent
_IDENTITY = {"metrics": ("name",), "anomalies": ("metric", "aggregate"), "trends": ("metric", "aggregate"),
             "forecasts": ("metric", "aggregate"),
             "correlations": ("name",), "alerts": ("name",), "channels": ("name",), "dashboards": ("id",),
              "saved_queries": ("name",), "businesses": ("name",), "cohorts": ("name",), "sessions": ("name",),
              "identities": ("name",), "plans": ("name",), "tables": ("name",),
              "features": ("name",), "labels": ("name",), "routes": ("name",), "inhibitions": ("name",),
              "defined_sources": ("name",), "shares": ("id",)}  # fmt: skip
LISTS = frozenset(_IDENTITY)
"""Sections that are lists of named things."""
_DEFAULTS = {"aggregate": "count"}


def locate(config: str | Path, beside: Path | None = None) -> Path:
    """The file of a preset's name or of a path (relative to ``beside``). Raises ``Rejected`` where there is none."""
    if str(config) in PRESETS:
        return _HERE / f"{config}.yaml"
    path = Path(beside or ".") / config
    if not path.is_file():
        raise Rejected(
            "config", f"there is no file {path} and no preset {str(config)!r}; presets are {', '.join(PRESETS)}"
        )
    return path


def lineage(path: Path, _below: tuple[Path, ...] = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The documents that ``path`` is made of, each with its file: those that it extends first, itself last."""
    path = path.resolve()
    if path in _below:
        raise Rejected("extends", f"goes in a circle: {' -> '.join(p.name for p in (*_below, path))}")
    document = _read(path)
    extends = document.pop("extends", [])
    for parent in [extends] if isinstance(extends, str) else extends:
        yield from lineage(locate(parent, path.parent), (*_below, path))
    yield path, document


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid on ``under``: sections key by key, lists of named things name by name, anything else as a whole."""
    result = dict(under)
    for key, value in over.items():
        mine = result.get(key)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            result[key] = merged(mine, value)
        elif key in _IDENTITY and isinstance(mine, (list, tuple)) and isinstance(value, (list, tuple)):
            result[key] = _joined([*mine, *value], _IDENTITY[key])
        else:
            result[key] = value
    return result


def completed(document: Mapping[str, Any], further: Mapping[str, Any]) -> dict[str, Any]:
    """``document``, its lists with what ``further`` has and they have not, by name, at their ends."""
    lists = {key: [*document.get(key, ())] for key in further if key in _IDENTITY}
    joined = {key: _joined([*items, *further[key], *items], _IDENTITY[key]) for key, items in lists.items()}
    return {**document, **joined}


def _joined(items: list[Any], identity: tuple[str, ...]) -> list[Any]:
    """One item for each identity, in the place of the first and with the content of the last."""
    found: dict[object, Any] = {}
    for index, item in enumerate(items):
        named = isinstance(item, Mapping) and identity[0] in item
        name = tuple(str(item.get(field, _DEFAULTS.get(field))) for field in identity) if named else index
        found[name] = item
    return list(found.values())


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise Rejected("config", f"{path} is not YAML: {error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Rejected("config", f"{path} must be a mapping of sections, not {type(document).__name__}")
    return {str(key): value for key, value in document.items()}
