"""What is wrong with a configuration, said so that it can be mended: key, file, reason, and the keys there are."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from events.errors import Rejected

Loc = tuple[str | int, ...]


def refuse(error: ValidationError, model: type[BaseModel], where: Callable[[Loc], str], below: Loc = ()) -> Rejected:
    """All of pydantic's complaints as one ``Rejected``, a line each; its field is the first complaint's key.

    ``below`` is where ``model`` stands in the whole configuration.
    """
    lines: list[tuple[str, str]] = []
    for complaint in error.errors(include_url=False, include_context=False):
        inner = complaint["loc"]
        loc = (*below, *inner)
        if complaint["type"] == "extra_forbidden":
            reason = f"is not a key {where(loc)}; {_known(model, inner[:-1])}"
        else:
            reason = f"{complaint['msg'].removeprefix('Value error, ')} {where(loc)}"
        lines.append((_dotted(loc) or "config", reason))
    (field, reason), rest = lines[0], lines[1:]
    return Rejected(field, "\n".join((reason, *(f"{key}: {why}" for key, why in rest))))


def _dotted(loc: Loc) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def _known(model: type[BaseModel], loc: Loc) -> str:
    here: list[type[BaseModel]] = [model]
    for part in loc:
        if isinstance(part, str):
            below = [
                m
                for parent in here
                if part in parent.model_fields
                for m in _models(parent.model_fields[part].annotation)
            ]
            here = below or here  # a part that is no field is the tag of a union
    return f"keys there are {', '.join(sorted({name for m in here for name in m.model_fields}))}"


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models within a field's annotation: a section, or the items of a tuple of sections."""
    if get_origin(annotation) in (Annotated, Union, types.UnionType, tuple):
        return [model for part in get_args(annotation) for model in _models(part)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
