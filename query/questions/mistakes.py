"""A mistake in a question, as an error that names the field and says what would be right."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from events.errors import Rejected
from events.nearest import did_you_mean


def refused(error: ValidationError, schema: type[BaseModel], what: str) -> Rejected:
    """The first complaint of a schema, with its field; ``what``: the name of what is read, such as ``trends``."""
    complaint = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in _shown(complaint["loc"]))
    reason = str(complaint["msg"]).removeprefix("Value error, ")
    if complaint["type"] == "extra_forbidden":
        known = sorted(_fields(schema, complaint["loc"][:-1]))
        last = str(complaint["loc"][-1])
        reason = f"is no field here{did_you_mean(last, known)}; fields are {', '.join(known)}"
    elif complaint["type"] == "missing":
        reason = f"is missing: {what} needs it"
    elif complaint["type"] == "value_error":
        field, colon, rest = reason.partition(": ")
        if colon and field.replace(".", "").replace("_", "").isalnum() and " " not in field:
            place, reason = ".".join(part for part in (place, field) if part), rest
    return Rejected(place or what, reason)


def _shown(loc: tuple[str | int, ...]) -> list[str | int]:
    """The way to a field without the names of the forms that were tried for it."""
    return [part for part in loc if isinstance(part, int) or (part.isidentifier() and part.islower()) or "-" in part]


def _fields(schema: type[BaseModel], loc: tuple[str | int, ...]) -> set[str]:
    """The fields of the part of a schema that ``loc`` leads to."""
    models: list[type[BaseModel]] = [schema]
    for part in loc:
        if isinstance(part, str):
            found = [m.model_fields[part].annotation for m in models if part in m.model_fields]
            if found:
                models = [model for annotation in found for model in _models(annotation)]
    return {field for model in models for field in model.model_fields}


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
