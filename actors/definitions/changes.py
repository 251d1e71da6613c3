"""What is different between two specs of a definition, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """One field, by its dotted path; None where it is not there."""

    field: str
    before: Any
    after: Any


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """The fields that differ, in the order of their names. Lists of things with an id are compared thing by thing."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else str(name))
    elif (ids := _by_id(before)) is not None and (others := _by_id(after)) is not None:
        yield from differences(ids, others, path)
    else:
        yield Difference(path, before, after)


def _by_id(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) and "id" in item for item in value):
        return None
    return {str(item["id"]): item for item in value}
