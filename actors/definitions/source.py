"""A source that is defined while the system runs: a name, a kind, and what its kind asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BaseModel, PlainValidator, SerializeAsAny, TypeAdapter
from pydantic_core import PydanticCustomError

from actors.definitions.schema import Section, Word
from events.nearest import did_you_mean

SOURCE_SECTIONS: dict[str, type[Section]] = {}
"""The settings of each kind that there is, by its name: those of the parts that this process knows."""
_NAME: TypeAdapter[str] = TypeAdapter(Word)


class DefinedSource(BaseModel):
    """``section``: its settings, as an entry of ``sources`` in a configuration has them."""

    name: str
    section: SerializeAsAny[Section]

    @property
    def told(self) -> dict[str, Any]:
        """As it stands on ``control``; secrets are references in every kind's settings."""
        return {"name": self.name, **self.section.model_dump(mode="json")}


class SourceInput(BaseModel):
    """What every source says; the rest is its kind's."""

    name: Word
    kind: Word


def _of_its_kind(value: Any) -> DefinedSource:
    if isinstance(value, DefinedSource):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("source", "a source is a mapping with name, kind and what its kind asks for")
    said = dict(cast("Mapping[str, Any]", value))
    name = _NAME.validate_python(said.pop("name", None))
    kind = str(said.get("kind", name))
    section = SOURCE_SECTIONS.get(kind)
    if section is None:
        raise PydanticCustomError(
            "source", "kind: there is no kind {said} of sources{hint}; kinds are {known}",
            {"said": repr(kind), "hint": did_you_mean(kind, SOURCE_SECTIONS), "known": ", ".join(sorted(SOURCE_SECTIONS))},
        )  # fmt: skip
    unknown = sorted(map(str, said.keys() - section.model_fields.keys()))
    if unknown:
        raise PydanticCustomError(
            "source", "{key}: is no setting of the kind {kind}{hint}; there are {known}",
            {"key": unknown[0], "kind": kind, "hint": did_you_mean(unknown[0], section.model_fields),
             "known": ", ".join(sorted(section.model_fields))},
        )  # fmt: skip
    return DefinedSource(name=name, section=section.model_validate({**said, "kind": kind}))


Source = Annotated[DefinedSource, PlainValidator(_of_its_kind, json_schema_input_type=SourceInput)]
