"""What a configuration asks of parts: the sources that are to be read, and each part's own settings, by their schemas."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from actors.parts import Part, Parts, PartSection, SourceKind, SourceSection
from config.explain import Loc, refuse
from events.errors import Rejected
from events.nearest import did_you_mean

logger = logging.getLogger(__name__)
S = TypeVar("S", bound=BaseModel)


class AskedSource(NamedTuple):
    """One entry of ``sources`` that is on."""

    name: str
    kind: SourceKind
    section: SourceSection


def sources(said: Mapping[str, Mapping[str, Any]], known: Parts, where: Callable[[Loc], str]) -> Iterator[AskedSource]:
    """The sources that ``said`` asks for, and those that are standard. Raises ``Rejected`` naming key, file and remedy.

    While a plug-in cannot be loaded, a source of a kind that nobody knows may be one of its: it is left out and logged.
    """
    kinds = known.source_kinds
    standard: dict[str, Mapping[str, Any]] = {kind.name: {} for kind in kinds.values() if kind.standard}
    for name, options in {**standard, **said}.items():
        called = str(options.get("kind", name))
        kind = kinds.get(called)
        if kind is None:
            loc = ("sources", name)
            listed = f"kinds of sources are {', '.join(sorted(kinds))}"
            reason = f"is of no kind that there is {where(loc)}: {called!r}{did_you_mean(called, kinds)}; {listed}"
            if not known.failed:
                raise Rejected(f"sources.{name}", f"{reason}. Say its `kind`, or install the package that brings it")
            logger.warning("sources.%s %s. It is not read: %s cannot be loaded", name, reason, ", ".join(known.failed))
            continue
        section = _read(kind.section, {**options, "kind": called}, ("sources", name), where)
        if section.enabled:
            yield AskedSource(name, kind, section)


def parts(
    said: Mapping[str, Mapping[str, Any]], known: Parts, where: Callable[[Loc], str]
) -> Iterator[tuple[Part, PartSection]]:
    """The parts that are on, each with its settings. Raises ``Rejected`` as ``sources`` does."""
    for name in said:
        if name not in known.by_name and name not in known.failed:
            hint, listed = did_you_mean(name, known.by_name), ", ".join(sorted(known.by_name))
            raise Rejected(
                f"parts.{name}",
                f"is no part that is installed {where(('parts', name))}{hint}; parts are {listed}. Install its package, or "
                "leave its settings out",
            )
    for name, part in known.by_name.items():
        section = _read(part.section, said.get(name, {}), ("parts", name), where)
        if section.enabled:
            yield part, section


def _read(schema: type[S], options: Mapping[str, Any], loc: Loc, where: Callable[[Loc], str]) -> S:
    try:
        return schema.model_validate(options)
    except ValidationError as error:
        raise refuse(error, schema, where, loc) from None
